"""Writing an hour of web events to Delta Lake on S3, as raw and as clean, and as bare Parquet."""

from __future__ import annotations

import io
from collections.abc import Iterator
from urllib.parse import urlsplit

import boto3
import pyarrow.parquet as pq
from botocore.config import Config

from benchmarks import declared
from benchmarks.place import Place
from benchmarks.results import Section, compared, ratio
from benchmarks.sizes import Size
from benchmarks.timing import Racer, race
from benchmarks.web_hour import web_hour
from shop_assets.servers import open_lake

_NOTE = "Bare Parquet has the same compression (zstd) and no transaction, statistics or history."


def measure(place: Place, size: Size) -> Iterator[Section]:
    """Append (raw) and replace (clean) the events of a normal hour."""
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
