"""A year of hours of one Delta table: its files and log, before and after it is put in order."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlsplit

import boto3
import numpy as np
import pyarrow as pa
from botocore.config import Config
from deltalake import DeltaTable

from benchmarks.costs import stored
from benchmarks.order_rows import HOUR, START
from benchmarks.place import Place
from benchmarks.results import Cell, Section
from benchmarks.sizes import Size
from shop_assets.servers import open_lake

_TABLE = "raw/year"
_ROWS = 100
_NOTE = (
    "Each hour is one append of 100 rows, as raw has them. Put in order: what the nightly "
    "maintenance does (merge each day's files, vacuum, checkpoint, clean the log), here once at "
    "the end. Replaced files are kept for a week and entries of the log for a month, so that they "
    "go with later nights, not with this one."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """Append the hours, look; put the table in order, look again."""
    lake = open_lake(place.endpoints)
    appended = []
    for hour in range(size.year_hours):
        began = time.perf_counter()
        lake.append(_TABLE, _hour(hour), load_id=f"hour-{hour}")
        appended.append(time.perf_counter() - began)
    before = _look(place, size)
    began = time.perf_counter()
    lake.optimize(_TABLE)
    seconds = time.perf_counter() - began
    after = _look(place, size)
    tenth = max(1, len(appended) // 10)
    section = Section(f"{size.year_hours:,} hours of one Delta table", notes=[_NOTE])
    section.rows = [before.as_row("never put in order"), after.as_row("put in order")]
    section.notes.append(
        f"Putting it in order took {seconds:.1f} s. An append took {_ms(appended[:tenth])} in the "
        f"first tenth of the hours and {_ms(appended[-tenth:])} in the last; all volumes hold "
        f"{stored(place).s3 / 2**20:.0f} MiB."
    )
    yield section


@dataclass(frozen=True)
class _Look:
    """The table at one moment: live files, objects of the log, and seconds of looking at it."""

    live: int
    objects: int
    log: int
    log_bytes: int
    opened: float
    hour: float
    month: float

    def as_row(self, name: str) -> dict[str, Cell]:
        return {
            "table": name,
            "live files": self.live,
            "stored files": self.objects,
            "entries of the log": self.log,
            "log KiB": round(self.log_bytes / 1024),
            "open ms": round(self.opened * 1000, 1),
            "read an hour ms": round(self.hour * 1000, 1),
            "read a month ms": round(self.month * 1000, 1),
        }


def _look(place: Place, size: Size) -> _Look:
    options = place.endpoints.storage_options()
    uri = f"{place.endpoints.s3_url}/lake/{_TABLE}"
    opened: list[float] = []
    hours: list[float] = []
    months: list[float] = []
    live = 0
    last = START + (size.year_hours - 1) * HOUR
    for _ in range(max(3, size.runs)):
        began = time.perf_counter()
        live = len(DeltaTable(uri, storage_options=options).file_uris())
        opened.append(time.perf_counter() - began)
        # A store of its own each time, since one that is kept knows the table already.
        for found, span in ((hours, 1), (months, 30 * 24)):
            lake = open_lake(place.endpoints)
            began = time.perf_counter()
            lake.read(_TABLE, last - (span - 1) * HOUR, last + HOUR)
            found.append(time.perf_counter() - began)
    objects = _objects(place)
    log = {key: count for key, count in objects.items() if "/_delta_log/" in key}
    return _Look(
        live,
        len(objects) - len(log),
        sum(key.endswith(".json") for key in log),
        sum(log.values()),
        median(opened),
        median(hours),
        median(months),
    )


def _objects(place: Place) -> dict[str, int]:
    """The table's objects on S3, with their bytes."""
    where = place.endpoints
    client = boto3.client(
        "s3",
        endpoint_url=where.s3_endpoint,
        aws_access_key_id=where.s3_access_key,
        aws_secret_access_key=where.s3_secret_key,
        region_name=where.s3_region,
        config=Config(s3={"addressing_style": "path"}, proxies={}),
    )
    pages = client.get_paginator("list_objects_v2").paginate(
        Bucket=urlsplit(where.s3_url).netloc, Prefix=f"lake/{_TABLE}/"
    )
    return {o["Key"]: int(o["Size"]) for page in pages for o in page.get("Contents", ())}


def _hour(number: int) -> pa.Table:
    random = np.random.default_rng(number)
    start = int((START + number * HOUR).timestamp()) * 1_000_000
    return pa.table(
        {
            "_hour": pa.repeat(pa.scalar(start, pa.timestamp("us", "UTC")), _ROWS),
            "id": random.integers(0, 1 << 50, _ROWS),
            "at": pa.array(
                start + random.integers(0, 3_600_000_000, _ROWS), pa.timestamp("us", "UTC")
            ),
            "sku": pa.array([f"sku-{n}" for n in random.integers(0, 500, _ROWS)]),
            "quantity": random.integers(1, 9, _ROWS),
            "amount": random.integers(1, 10**9, _ROWS),
        }
    )


def _ms(seconds: list[float]) -> str:
    return f"{median(seconds) * 1000:.0f} ms"
