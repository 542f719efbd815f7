"""Writing an hour of web events to Delta Lake on S3, as raw and as clean, and as bare Parquet."""

from __future__ import annotations

import datetime as dt
import io
import statistics
from collections.abc import Iterator
from dataclasses import replace as changed
from urllib.parse import urlsplit

import boto3
import pyarrow as pa
import pyarrow.parquet as pq
from botocore.config import Config

from benchmarks import declared
from benchmarks.place import Place
from benchmarks.results import Section, Verdict, compared, ratio
from benchmarks.s3_counter import counting
from benchmarks.sizes import Size
from benchmarks.timing import Racer, race
from benchmarks.web_hour import web_hour
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.servers import open_lake

_NOTE = "Bare Parquet has the same compression (zstd) and no transaction, statistics or history."

_FIRST = dt.datetime(2026, 1, 31, tzinfo=dt.UTC)
_HOURS = 100
_OPENED_NOTE = (
    "Each hour opens the table anew, replaces its row and reads it. Counted by a proxy before the "
    "server, over the second half of the hours: what has been committed since the last checkpoint "
    "is read each time."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """Append (raw) and replace (clean) the events of a normal hour; then what opening costs."""
    hour = web_hour(size.hour_orders, place.folder)
    lake = open_lake(place.endpoints)
    start, end = hour.window
    raw = hour.read()
    cleaned = hour.clean(raw).published.whole()
    bucket = _Bucket(place)
    for name, rows in (("raw", raw.whole()), ("clean", cleaned)):

        def append(number: int, table: str = name, rows: object = rows) -> int:
            lake.append(f"{table}/events", rows, load_id=f"{table}-{number}")
            return int(rows.num_rows)  # type: ignore[attr-defined]

        def replace(number: int, table: str = name, rows: object = rows) -> int:
            lake.replace(f"{table}/events", rows, start, end, load_id=f"{table}-{number}")
            return int(rows.num_rows)  # type: ignore[attr-defined]

        def local(_: int, rows: object = rows) -> int:
            pq.write_table(rows, place.folder / "bare.parquet", compression="zstd")
            return int(rows.num_rows)  # type: ignore[attr-defined]

        def remote(number: int, rows: object = rows) -> int:
            sink = io.BytesIO()
            pq.write_table(rows, sink, compression="zstd")
            bucket.put(f"bare/{number}.parquet", sink.getvalue())
            return int(rows.num_rows)  # type: ignore[attr-defined]

        verb, work = ("append", append) if name == "raw" else ("replace the hour", replace)
        racers = [
            Racer(f"platform: {verb}, Delta on S3", "platform", work),
            Racer("Parquet, one file to S3", "limit", remote),
            Racer("Parquet, one local file", "limit", local),
        ]
        contenders = race(racers, size.runs, home=place.home)
        section = compared(f"Writing web events to the lake: {name}", contenders, notes=[_NOTE])
        ours, bare, _ = contenders
        section.verdicts = [
            ratio(
                f"writing {name} to Parquet on S3",
                ours,
                bare,
                declared.LAKE_TO_PARQUET,
                judged=size.judged,
            )
        ]
        yield section
    yield _opened(place, judged=size.judged)


def _opened(place: Place, *, judged: bool) -> Section:
    """Requests of hours that each open a table anew, as their processes do."""
    counts: list[int] = []
    assert place.endpoints.s3_endpoint is not None
    with counting(place.endpoints.s3_endpoint) as proxy:
        where = changed(place.endpoints, s3_endpoint=proxy.url)
        for number in range(_HOURS):
            lake = DeltaStore(f"{where.s3_url.rstrip('/')}/lake", where.storage_options())
            before = proxy.requests.total()
            start, end = (_FIRST + n * dt.timedelta(hours=1) for n in (number, number + 1))
            hour = pa.array([start], pa.timestamp("us", "UTC"))
            lake.replace("clean/opened", pa.table({"_hour": hour}), start, end, load_id=f"{number}")
            lake.read("clean/opened", start, end)
            counts.append(proxy.requests.total() - before)
    settled = counts[_HOURS // 2 :]
    mean = statistics.mean(settled)
    section = Section("Opening a table of the lake", notes=[_OPENED_NOTE])
    section.rows = [
        {
            "hours": len(settled),
            "requests in the mean": round(mean, 1),
            "fewest": min(settled),
            "most": max(settled),
        }
    ]
    section.verdicts = [
        Verdict(
            "requests to open, write and read a table",
            round(mean, 1),
            declared.OPENED_REQUESTS,
            "lower",
            "",
            judged=judged,
        )
    ]
    return section


class _Bucket:
    """The stack's bucket, as any client writes to it."""

    def __init__(self, place: Place) -> None:
        where = place.endpoints
        self._name = urlsplit(where.s3_url).netloc
        self._client = boto3.client(
            "s3",
            endpoint_url=where.s3_endpoint,
            aws_access_key_id=where.s3_access_key,
            aws_secret_access_key=where.s3_secret_key,
            region_name=where.s3_region,
            config=Config(s3={"addressing_style": "path"}, proxies={}),
        )

    def put(self, key: str, content: bytes) -> None:
        self._client.put_object(Bucket=self._name, Key=key, Body=content)
