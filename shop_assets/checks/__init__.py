"""Asset checks: made from the Pandera models, from the counts of rows, and from sums."""
