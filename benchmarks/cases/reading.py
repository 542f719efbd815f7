"""Reading an hour of a mart back from PostgreSQL: the IO manager, bare ADBC and pandas."""

from __future__ import annotations

from collections.abc import Iterator

import adbc_driver_postgresql.dbapi as adbc
import dagster as dg
import pandas as pd
import sqlalchemy as sa

from benchmarks import declared
from benchmarks.cases.slices import CALENDAR, TABLE
from benchmarks.order_rows import HOUR, START, customer_orders
from benchmarks.place import Place, engine_of
from benchmarks.results import Section, compared, ratio
from benchmarks.sizes import Size
from benchmarks.timing import Racer, race
from shop_assets import partitions
from shop_assets.entities import TABLES
from shop_assets.io_managers.postgres import PostgresIOManager
from shop_assets.resources import WarehouseResource
from shop_assets.warehouse import slices
from shop_assets.warehouse.ddl import column_list

_SPEC = TABLES[TABLE]
_HOURS = 4
_SQL = (
    f"SELECT {column_list(_SPEC)} FROM marts_base.customer_orders "
    "WHERE ordered_hour >= '{}' AND ordered_hour < '{}'"
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """The peak hour's slice, of a table that holds some others too."""
    store = place.warehouse("reading")
    place.as_warehouse(store)
    hours = [slices.to_arrow(customer_orders(size.peak_orders, n), _SPEC) for n in range(_HOURS)]
    store.ensure_months(_SPEC, hours[0].column("ordered_hour"))
    with store.transaction() as cursor:
        for rows in hours:
            cursor.adbc_ingest(TABLE, rows, mode="append", db_schema_name="marts_base")
    with store.transaction() as cursor:
        cursor.execute("ANALYZE marts_base.customer_orders")
    manager = PostgresIOManager(warehouse=WarehouseResource(zone="UTC"))
    start = START + HOUR
    context = dg.build_input_context(
        asset_key=["marts", TABLE],
        partition_key=partitions.hour_key(start),
        asset_partitions_def=CALENDAR.hourly,
        asset_partition_key_range=dg.PartitionKeyRange(*[partitions.hour_key(start)] * 2),
    )
    sql = _SQL.format(start.isoformat(), (start + HOUR).isoformat())
    engine = engine_of(store.url)

    def ours(_: int) -> int:
        return len(manager.load_input(context))

    def usual(_: int) -> int:
        with engine.connect() as connection:
            return len(pd.read_sql(sa.text(sql), connection))

    with context, adbc.connect(store.url) as connection:

        def bare(_: int) -> int:
            with connection.cursor() as cursor:
                cursor.execute(sql)
                return int(cursor.fetch_arrow_table().num_rows)

        racers = [
            Racer("platform: load_input, to pandas", "platform", ours),
            Racer("bare ADBC, to Arrow", "limit", bare),
            Racer("pandas.read_sql", "peer", usual),
        ]
        platform, limit, peer = race(racers, size.runs, home=place.home)
    engine.dispose()
    section = compared("Reading a slice from PostgreSQL", [platform, limit, peer])
    section.verdicts = [
        ratio("reading to bare ADBC", platform, limit, declared.READ_TO_ADBC, judged=size.judged),
        ratio(
            "reading to pandas.read_sql",
            platform,
            peer,
            declared.READ_TO_PANDAS,
            judged=size.judged,
        ),
    ]
    yield section
