"""Times the lake on S3: `python benchmarks/delta_store.py s3://bucket/prefix --option K=V ...`.

Prints JSON: the median of milliseconds for 20,000 rows of 12 columns (append, replace one hour,
read one hour, read two columns of it), and one commit of 1,000,000 rows over a month.
"""

import argparse
import json
import statistics
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa

from shop_assets.io_managers.delta_store import DeltaStore

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
TABLE = "raw/benchmark"


def rows(start: datetime, count: int, hours: int = 1) -> pa.Table:
    random = np.random.default_rng(7)
    micros = (
        int(start.timestamp()) * 1_000_000
        + np.sort(random.integers(0, hours, count)) * 3_600_000_000
    )
    columns = {
        "_hour": pa.array(micros, pa.timestamp("us", "UTC")),
        "id": pa.array(random.integers(0, 1 << 50, count)),
        "at": pa.array(
            micros + random.integers(0, 3_600_000_000, count), pa.timestamp("us", "UTC")
        ),
    }
    words = pa.array([f"word-{number}" for number in range(5000)])
    for name in ("sku", "country", "email", "status", "note"):
        columns[name] = words.take(pa.array(random.integers(0, 5000, count)))
    for name in ("quantity", "amount", "tax", "discount"):
        columns[name] = pa.array(random.integers(0, 10**9, count))
    return pa.table(columns)


def median_ms(work: Callable[[int], object], times: int) -> float:
    taken = []
    for number in range(times):
        began = time.perf_counter()
        work(number)
        taken.append((time.perf_counter() - began) * 1000)
    return round(statistics.median(taken), 1)


def measure(store: DeltaStore, count: int, times: int) -> dict[str, float]:
    slices = [rows(START + n * HOUR, count) for n in range(times)]
    month = rows(START + timedelta(days=40), 1_000_000, 24 * 30)
    store.append(TABLE, slices[0], load_id="first")

    def replace(number: int) -> None:
        start = START + number * HOUR
        store.replace(TABLE, slices[number], start, start + HOUR, load_id=f"replace-{number}")

    def read(columns: list[str] | None) -> Callable[[int], object]:
        return lambda n: store.read(TABLE, START + n * HOUR, START + (n + 1) * HOUR, columns)

    return {
        "rows": count,
        "append_ms": median_ms(
            lambda n: store.append(TABLE, slices[n], load_id=f"append-{n}"), times
        ),
        "replace_ms": median_ms(replace, times),
        "read_ms": median_ms(read(None), times),
        "read_two_columns_ms": median_ms(read(["id", "amount"]), times),
        "rerun_of_a_load_ms": median_ms(
            lambda n: store.append(TABLE, slices[n], load_id=f"append-{n}"), times
        ),
        "million_rows_over_a_month_ms": median_ms(
            lambda n: store.append(TABLE, month, load_id=f"month-{n}"), 1
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("root", help="where the lake's tables go, a fresh prefix is made in it")
    parser.add_argument("--option", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--times", type=int, default=15)
    arguments = parser.parse_args()
    options = dict(option.split("=", 1) for option in arguments.option)
    store = DeltaStore(f"{arguments.root}/benchmark-{uuid.uuid4().hex}", options)
    print(json.dumps(measure(store, arguments.rows, arguments.times), indent=2))


if __name__ == "__main__":
    main()
