"""Sales by hour, day and product from the ledger: the marts' transforms, and DuckDB on Parquet."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import pyarrow.parquet as pq

from benchmarks import declared
from benchmarks.duck import alone
from benchmarks.order_rows import HOUR, START, ledger, products
from benchmarks.place import Place
from benchmarks.results import Section, compared, ratio
from benchmarks.sizes import Size
from benchmarks.timing import Racer, race
from shop_assets.entities import TABLES
from shop_assets.transforms import sales
from shop_assets.warehouse import mart_inputs, slices
from shop_assets.warehouse.connection import Warehouse

_SPEC = TABLES["sales_ledger"]
_ZONE = ZoneInfo("Europe/Berlin")
_HOURS = 24
_FIGURES = """
    sum(CASE WHEN kind = 'sale' THEN amount_micros ELSE 0 END) AS gross_sales_micros,
    sum(CASE WHEN kind = 'discount' THEN amount_micros ELSE 0 END) AS discounts_micros,
    sum(CASE WHEN kind IN ('return', 'cancellation') THEN amount_micros ELSE 0 END)
        AS returns_micros,
    sum(CASE WHEN kind = 'sale' THEN quantity ELSE 0 END) AS units_sold,
    sum(CASE WHEN kind IN ('return', 'cancellation') THEN quantity ELSE 0 END) AS units_returned,
"""
_DAY = "CAST(timezone('Europe/Berlin', {}) AS DATE)"
_BY_HOUR = (
    f"SELECT date_trunc('hour', happened_at) AS hour, currency, {_FIGURES} "
    "count(DISTINCT order_id) FILTER (kind = 'sale' "
    "AND date_trunc('hour', happened_at) = date_trunc('hour', ordered_at)) AS orders "
    "FROM read_parquet('{file}') WHERE NOT is_test GROUP BY ALL"
)
_BY_PRODUCT = (
    f"SELECT {_DAY.format('happened_at')} AS day, source, coalesce(product_id, '') AS product_id, "
    f"coalesce(line_type, 'manual') AS line_type, currency, {_FIGURES} "
    "count(DISTINCT order_id) FILTER (kind = 'sale' "
    f"AND {_DAY.format('happened_at')} = {_DAY.format('ordered_at')}) AS orders "
    "FROM read_parquet('{file}') WHERE NOT is_test "
    "AND kind IN ('sale', 'discount', 'return', 'cancellation') GROUP BY ALL"
)
_NOTE = (
    "The transform begins with rows in memory, DuckDB with a Parquet file of the same rows, which "
    "it need not read whole. Their sums were compared. The platform sums each row once, as it is "
    "loaded; the mart is made of the sums that are kept."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """A day of the ledger: by hour and currency, then by day, product and currency."""
    rows = ledger(size.ledger_rows, _HOURS)
    arrow = slices.to_arrow(rows, _SPEC)
    store = place.warehouse("aggregates")
    store.ensure_months(_SPEC, arrow.column("happened_at"))
    with store.transaction() as cursor:
        cursor.adbc_ingest("sales_ledger", arrow, mode="append", db_schema_name="warehouse")
    with store.transaction() as cursor:
        cursor.execute("ANALYZE warehouse.sales_ledger")
    file = place.folder / "ledger.parquet"
    pq.write_table(arrow, file, compression="zstd")
    known = products()
    yield _section(
        place,
        size,
        "sales_hourly",
        store,
        file,
        _BY_HOUR,
        lambda: sales.sales_hourly(sales.hour_sums(rows)),
    )
    yield _section(
        place,
        size,
        "product_sales_daily",
        store,
        file,
        _BY_PRODUCT,
        lambda: sales.product_sales_daily(sales.product_sums(rows, _ZONE), known, _ZONE),
    )


def _section(
    place: Place,
    size: Size,
    mart: str,
    store: Warehouse,
    file: Path,
    sql: str,
    transform: Callable[[], pd.DataFrame],
) -> Section:
    count = size.ledger_rows
    found: dict[str, pd.DataFrame] = {}

    def transformed(_: int) -> int:
        found["ours"] = transform()
        return count

    def whole(_: int) -> int:
        mart_inputs.MARTS[mart](store, START, START + _HOURS * HOUR)
        return count

    racers = [
        Racer("platform: the transform", "platform", transformed),
        Racer("platform: the mart, of sums kept in PostgreSQL", "platform", whole),
    ]
    notes = [_NOTE]
    peer = find_spec("duckdb") is not None
    if peer:
        racers.append(_duckdb(sql.format(file=file), count, place, found))
    else:
        notes.append("DuckDB is not installed, and left out: `make bench` installs it.")
    contenders = race(racers, size.runs, home=place.home)
    section = compared(f"Aggregates of the ledger: {mart}", contenders, notes)
    if peer:
        _expect_same(mart, found)
        in_memory, read, theirs = contenders
        section.verdicts = [
            ratio(f"{mart}{what} to DuckDB on Parquet", ours, theirs, of[mart], judged=size.judged)
            for what, ours, of in (
                ("", in_memory, declared.AGGREGATES_TO_DUCKDB),
                (", of kept sums,", read, declared.MARTS_TO_DUCKDB),
            )
        ]
    return section


def _duckdb(sql: str, count: int, place: Place, found: dict[str, pd.DataFrame]) -> Racer:
    import duckdb

    connection = duckdb.connect(config=alone(place))
    connection.execute("SET TimeZone = 'UTC'")

    def query(_: int) -> int:
        found["theirs"] = connection.execute(sql).df()
        return count

    return Racer("DuckDB on Parquet", "limit", query)


def _expect_same(mart: str, found: dict[str, pd.DataFrame]) -> None:
    """Raise `ValueError` where the two do not come to the same rows and sums."""
    figures = ["gross_sales_micros", "returns_micros", "units_sold", "orders"]
    sums = {name: [len(f), *(int(f[c].sum()) for c in figures)] for name, f in found.items()}
    if sums["ours"] != sums["theirs"]:
        raise ValueError(f"{mart}: the platform's and DuckDB's figures differ: {sums}")
