"""Pure functions from frames to frames: no Dagster, no input or output."""
