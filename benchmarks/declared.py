"""The ratios that are declared for each stage, and what whole hours may cost, on two cores.

A measured figure that is worse by more than a quarter fails the run. Those of docs/performance.md
are targets; the others are what was measured when they were written down, so that a change that
makes a stage slower is seen. Seconds of hours and days are those of the targets' machine: see
`limits`.
"""

SLICE_TO_ADBC = 0.60
SLICE_TO_PANDAS = 15.0
"""Of a table without key and indexes, it seems: into one that has them the page itself has `COPY`
at 7.7 times `to_sql`, and bare ADBC, given its rows in batches, reached 14.7 times here."""
READ_TO_ADBC = 0.70
READ_TO_PANDAS = 4.0
AGGREGATES_TO_DUCKDB = {"sales_hourly": 0.70, "product_sales_daily": 0.80}
"""Of the transforms alone; that with the reading from PostgreSQL follows."""
MARTS_TO_DUCKDB = {"sales_hourly": 1.0, "product_sales_daily": 1.0}
LAKE_TO_PARQUET = 0.50
OPENED_REQUESTS = 50.0
"""Of a process that opens a table, replaces an hour of it and reads that, in the mean."""
EVENTS_TO_ARROW = 0.15

NORMAL_HOUR_SECONDS = 20.0
NORMAL_HOUR_WORK_SECONDS = 8.0
PEAK_HOUR_SECONDS = 75.0
PEAK_HOUR_MIB = 3 * 1024.0
NORMAL_HOUR_MIB = 2560.0
"""Held to by a resource limit: with more, the normal hour fails."""
DAY_SECONDS = 180.0
RANGE_RUN_MILLISECONDS = 2.0
FRESHNESS_P95_SECONDS = 180.0
