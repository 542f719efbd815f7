"""Replacing an hour of a mart in PostgreSQL: the platform, bare ADBC, pandas and dlt."""

from __future__ import annotations

import datetime as dt
import os
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from importlib.util import find_spec
from typing import Any

import adbc_driver_postgresql.dbapi as adbc
import dagster as dg
import pandas as pd
import sqlalchemy as sa

from benchmarks import declared
from benchmarks.order_rows import HOUR, START, customer_orders
from benchmarks.place import Place, engine_of
from benchmarks.results import Section, compared, ratio
from benchmarks.sizes import Size
from benchmarks.timing import Racer, race
from shop_assets import partitions
from shop_assets.entities import TABLES
from shop_assets.io_managers.postgres import MartRows, PostgresIOManager
from shop_assets.partitions import Calendar
from shop_assets.resources import WarehouseResource
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.marts import look

TABLE = "customer_orders"
_SPEC = TABLES[TABLE]
CALENDAR = Calendar(START.date(), dt.UTC)  # type: ignore[arg-type]
BATCH = 16_384
_NOTE = (
    "The table is marts_base.customer_orders: 14 columns, a primary key of three and an index of "
    "two, native partitions by month. Each run writes an hour that is not there yet."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """An hour of as many orders as a normal hour has, and as the peak hour has."""
    yield _section(place, size, "a normal hour", size.hour_orders, judged=False)
    yield _section(place, size, "the peak hour", size.peak_orders, judged=size.judged)


def _section(place: Place, size: Size, name: str, count: int, *, judged: bool) -> Section:
    suffix = uuid.uuid4().hex[:6]
    frames = [customer_orders(count, hour) for hour in range(size.runs + 1)]
    notes = [_NOTE]
    with ExitStack() as opened:
        platform = _Platform(place, place.warehouse(f"platform_{suffix}"), frames, opened)
        racers = [
            Racer("platform: PostgresIOManager", "platform", platform.write),
            Racer(
                "platform: the same rows again",
                "platform",
                lambda number: platform.write(number, again=True),
            ),
            _bare(opened, place.warehouse(f"bare_{suffix}"), frames, "bare ADBC ingest", None),
            _bare(
                opened,
                place.warehouse(f"batches_{suffix}"),
                frames,
                f"bare ADBC ingest, {BATCH:,} rows at a time",
                BATCH,
            ),
            _to_sql(opened, place.warehouse(f"pandas_{suffix}"), frames),
        ]
        if find_spec("dlt") is not None:
            racers += _dlt(place, place.database(f"dlt_{suffix}"), frames)
        else:
            notes.append("dlt is not installed, and left out: `make bench` installs it.")
        found = race(racers, size.runs, home=place.home)
    section = compared(f"Slice replace into PostgreSQL: {name}", found, notes)
    ours, _, _, bare, usual = found[:5]
    section.verdicts = [
        ratio("slice replace to bare ADBC", ours, bare, declared.SLICE_TO_ADBC, judged=judged),
        ratio(
            "slice replace to pandas.to_sql", ours, usual, declared.SLICE_TO_PANDAS, judged=judged
        ),
    ]
    return section


class _Platform:
    """The IO manager, called as Dagster calls it, with all that a mart's step asks for before."""

    def __init__(
        self, place: Place, warehouse: Warehouse, frames: list[pd.DataFrame], opened: ExitStack
    ) -> None:
        place.as_warehouse(warehouse)
        self._store = warehouse
        self._manager = PostgresIOManager(warehouse=WarehouseResource(zone="UTC"))
        self._frames = frames
        # Contexts are Dagster's to make, in a run; here each takes longer than the write.
        self._contexts = {
            (again, hour): opened.enter_context(_context(START + hour * HOUR))
            for again in (False, True)
            for hour in range(len(frames))
        }

    def write(self, hour: int, *, again: bool = False) -> int:
        """Write the rows of an hour, by a run of its own."""
        start = START + hour * HOUR
        epoch = slices.begin(self._store)
        seen = look(self._store, TABLE, start, start + HOUR)
        rows = self._frames[hour]
        self._manager.handle_output(self._contexts[again, hour], MartRows(rows, epoch, seen))
        return len(rows)


def _context(start: dt.datetime) -> dg.OutputContext:
    return dg.build_output_context(
        asset_key=["marts", TABLE],
        partition_key=partitions.hour_key(start),
        asset_partitions_def=CALENDAR.hourly,
        run_id=str(uuid.uuid4()),
    )


def _bare(
    opened: ExitStack, store: Warehouse, frames: list[pd.DataFrame], how: str, batch: int | None
) -> Racer:
    """Arrow into the same table by binary COPY, in one transaction.

    All at once, as a table is that was a frame; or so many rows (`batch`) at a time, which the
    client writes down for the server while that puts in those before: the fastest way we know.
    """
    tables = [slices.to_arrow(frame, _SPEC) for frame in frames]
    store.ensure_months(_SPEC, tables[0].column("ordered_hour"))
    connection = opened.enter_context(adbc.connect(store.url))

    def ingest(number: int) -> int:
        with connection.cursor() as cursor:
            rows = tables[number].to_reader(max_chunksize=batch)
            cursor.adbc_ingest(TABLE, rows, mode="append", db_schema_name="marts_base")
        connection.commit()
        return int(tables[number].num_rows)

    return Racer(how, "limit", ingest)


def _to_sql(opened: ExitStack, store: Warehouse, frames: list[pd.DataFrame]) -> Racer:
    """Delete the hour, then `to_sql`, as the usual tutorial does it."""
    store.ensure_months(_SPEC, slices.to_arrow(frames[0], _SPEC).column("ordered_hour"))
    engine = engine_of(store.url)
    opened.callback(engine.dispose)
    delete = sa.text("DELETE FROM marts_base.customer_orders WHERE ordered_hour = :hour")

    def write(number: int) -> int:
        with engine.begin() as connection:
            connection.execute(delete, {"hour": START + number * HOUR})
            frames[number].to_sql(
                TABLE, connection, schema="marts_base", if_exists="append", index=False
            )
        return len(frames[number])

    # It takes long, and needs no warming: two rounds are enough for a ratio of fifteen.
    return Racer("pandas.to_sql", "peer", write, rounds=2, warm=False)


def _dlt(place: Place, url: str, frames: list[pd.DataFrame]) -> Iterator[Racer]:
    """As an append by CSV, its fastest, and as a merge by the hour, which does what we do."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["RUNTIME__LOG_LEVEL"] = "ERROR"
    os.environ["DLT_DATA_DIR"] = str(place.folder / "dlt")
    import dlt

    tables = [slices.to_arrow(frame, _SPEC) for frame in frames]
    ways: dict[str, dict[str, Any]] = {
        "append": {"write_disposition": "append"},
        "merge": {
            "write_disposition": "merge",
            "merge_key": "ordered_hour",
            "primary_key": list(_SPEC.key),
        },
    }
    for name, way in ways.items():
        pipeline = dlt.pipeline(
            f"bench_{name}",
            pipelines_dir=str(place.folder / "pipelines"),
            destination=dlt.destinations.postgres(credentials=url),
            dataset_name=f"bench_{name}",
        )

        def load(number: int, pipeline: Any = pipeline, way: dict[str, Any] = way) -> int:
            rows = dlt.resource([tables[number]], name=TABLE, **way)
            pipeline.run(rows, loader_file_format="csv").raise_on_failed_jobs()
            return int(tables[number].num_rows)

        yield Racer(f"dlt, {name} by CSV", "peer", load, rounds=3)
