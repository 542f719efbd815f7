"""The PostgreSQL warehouse without Dagster: tables, slices, loads, and what they touched."""
