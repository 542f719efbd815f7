"""How fast this machine is beside the one that the targets in seconds were declared on.

`docs/performance.md` gives both: its table of limits (a million rows of twelve columns) says how
fast that machine was, its targets what hours may take there. The same is done here, by the same
libraries, so that seconds are held to what they are on this machine just then. The server is as
this platform sets it up, and the libraries are those of today: so the speed is told beside what it
is applied to, and the seconds as they were.
"""

from __future__ import annotations

import io
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import adbc_driver_postgresql.dbapi as adbc
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from benchmarks.place import Place, engine_of
from benchmarks.sizes import Size

RUNS = 3
"""Enough to know the speed; the case of that name takes more."""

_KEYED = (
    "CREATE TABLE keyed (LIKE bare); ALTER TABLE keyed ADD PRIMARY KEY (order_id); "
    "CREATE INDEX ON keyed USING brin (created_at); CREATE INDEX ON keyed (customer_id)"
)


@dataclass(frozen=True)
class Limit:
    """One way through a million rows (or one import): how many a second, there and here."""

    how: str
    declared: float
    measured: float

    @property
    def speed(self) -> float:
        """How many times as fast it is here."""
        return self.measured / self.declared


def speed_of(limits: list[Limit]) -> float:
    """How many times as fast this machine is: the geometric mean, in which each counts alike."""
    return round(statistics.geometric_mean(limit.speed for limit in limits), 2)


def speed_now(place: Place, size: Size) -> float:
    """The machine's speed just then."""
    return speed_of(measured(place, size.ledger_rows, RUNS))


def note(speed: float) -> str:
    """What to know of seconds that are held to what is declared."""
    return (
        f"This machine was {speed} times as fast as that of the targets, before or afterwards, "
        "whichever is more (see `limits`)."
    )


def measured(place: Place, rows: int, runs: int) -> list[Limit]:
    """The limits of `docs/performance.md`, measured here with so many rows; medians of the runs.

    What is slow by itself has as many rows as take about as long as the others.
    """
    table = _table(rows)
    few = table.slice(0, max(rows // 20, 1)).to_pandas()
    some = rows // 4
    file = place.folder / "limits.parquet"
    with _served(place) as server:
        timed: list[tuple[str, float, int, Callable[[], object]]] = [
            ("ADBC ingest, no index", 451_000, rows, lambda: server.ingest(table)),
            ("Arrow to CSV, COPY, with key and indexes", 131_000, rows, lambda: server.copy(table)),
            ("ADBC read to Arrow", 1_067_000, rows, server.read),
            ("pandas.to_sql", 17_000, len(few), lambda: server.to_sql(few)),
            ("pandas.read_sql", 174_000, some, lambda: server.read_sql(some)),
            ("Parquet (zstd) write", 1_917_000, rows, lambda: _write(table, file)),
            ("Parquet (zstd) read", 3_458_000, rows, lambda: _read(file)),
            ("importing Dagster, once", 1 / 2.5, 1, _import_dagster),
        ]
        return [Limit(how, rate, n / _median(work, runs)) for how, rate, n, work in timed]


@dataclass(frozen=True)
class _Server:
    """PostgreSQL, by two drivers."""

    connection: adbc.Connection
    engine: sa.Engine

    def ingest(self, table: pa.Table) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bare")
            cursor.adbc_ingest("bare", table, mode="create")
        self.connection.commit()

    def copy(self, table: pa.Table) -> None:
        """Into a table that is made like that of `ingest`, which comes before."""
        with self.engine.begin() as connection:
            connection.exec_driver_sql("DROP TABLE IF EXISTS keyed")
            connection.exec_driver_sql(_KEYED)
            text = io.BytesIO()
            pc.write_csv(table, text, pc.WriteOptions(include_header=False))
            text.seek(0)
            with connection.connection.cursor() as cursor:
                cursor.copy_expert("COPY keyed FROM STDIN WITH (FORMAT csv)", text)

    def read(self) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT * FROM bare")
            return int(cursor.fetch_arrow_table().num_rows)

    def to_sql(self, frame: pd.DataFrame) -> None:
        frame.to_sql("usual", self.engine, index=False, if_exists="replace")

    def read_sql(self, count: int) -> int:
        with self.engine.connect() as connection:
            return len(pd.read_sql(sa.text(f"SELECT * FROM bare LIMIT {count}"), connection))


@contextmanager
def _served(place: Place) -> Iterator[_Server]:
    """The server, with a database for this alone; afterwards it is as it was."""
    url = place.database("limits")
    engine = engine_of(url)
    try:
        with adbc.connect(url) as connection:
            yield _Server(connection, engine)
    finally:
        engine.dispose()
        admin = engine_of(place.admin_url, isolation_level="AUTOCOMMIT")
        with admin.connect() as connection:
            connection.exec_driver_sql("DROP DATABASE limits WITH (FORCE)")
            # What is still to be written would be, while something else is measured.
            connection.exec_driver_sql("CHECKPOINT")
        admin.dispose()


def _table(rows: int) -> pa.Table:
    """Ids, moments, five texts, four numbers."""
    random = np.random.default_rng(rows)

    def texts(prefix: str, numbers: np.ndarray) -> pa.Array:
        return pa.array(prefix + pd.Series(numbers).astype(str))

    def moments() -> pa.Array:
        micros = 1_760_000_000_000_000 + np.sort(random.integers(0, 3_600_000_000, rows))
        return pa.array(micros).cast(pa.timestamp("us", "UTC"))

    return pa.table(
        {
            "order_id": np.arange(rows),
            "customer_id": random.integers(0, 200_000, rows),
            "created_at": moments(),
            "number": texts("ORD-", np.arange(rows)),
            "email": texts("customer-", random.integers(0, 200_000, rows)),
            "status": pa.array(random.choice(["paid", "pending", "refunded"], rows)),
            "country": pa.array(random.choice(["DE", "FR", "GB", "US"], rows)),
            "currency": pa.array(random.choice(["EUR", "USD"], rows)),
            "quantity": random.integers(1, 9, rows),
            "amount_micros": random.integers(1, 10**9, rows),
            "tax_micros": random.integers(1, 10**8, rows),
            "rate": random.random(rows),
        }
    )


def _median(work: Callable[[], object], runs: int) -> float:
    found = []
    for _ in range(runs):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def _write(table: pa.Table, file: Path) -> None:
    pq.write_table(table, file, compression="zstd")


def _read(file: Path) -> None:
    # On one core, as the server works.
    pq.read_table(file, use_threads=False)


def _import_dagster() -> None:
    subprocess.run([sys.executable, "-c", "import dagster"], check=True)
