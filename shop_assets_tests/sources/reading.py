"""Short ways to a source and to all that a read of it gives."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from shop_assets.settings.file_streams import FilesSource
from shop_assets.settings.shop import SqlSource
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import Connector, ReadRequest, Window
from shop_assets.sources.sql import SqlConnector

ALWAYS = Window(datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))
BY_COLUMN = {"column": "at"}


def files(
    folder: Path | str,
    glob: str = "*",
    limits: Limits | None = None,
    *,
    time: Mapping[str, Any] = BY_COLUMN,
    form: str = "csv",
    timezone: str = "UTC",
    endpoint: str | None = None,
    **stream: Any,
) -> FilesConnector:
    """A source `shop` of files with one stream, `rows`."""
    settings = {"files": glob, "format": form, "time": dict(time), "entities": {}, **stream}
    source = FilesSource.model_validate(
        {
            "connector": "files",
            "url": str(folder),
            "timezone": timezone,
            "endpoint": endpoint,
            "streams": {"rows": settings},
        }
    )
    return FilesConnector("shop", source, base=Path("/"), limits=limits)


def database(
    url: str,
    table: str | None = None,
    cursor: str | None = "at",
    *,
    base: Path | None = None,
    **more: Any,
) -> SqlConnector:
    """A source `shop` of one database with one stream, `rows`."""
    ours = ("timezone", "connect_timeout", "statement_timeout")
    stream = {k: v for k, v in more.items() if k not in ours}
    source = SqlSource.model_validate(
        {
            "connector": "sql",
            "url": url,
            "streams": {"rows": {"table": table, "cursor": cursor, "entities": {}, **stream}},
            **{k: v for k, v in more.items() if k in ours},
        }
    )
    return SqlConnector("shop", source, base=base or Path("/"))


def hour(text: str) -> Window:
    """The hour that begins then, UTC."""
    start = utc(text)
    return Window(start, start + timedelta(hours=1))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def read(source: Connector, window: Window = ALWAYS) -> list[dict[str, Any]]:
    """All rows of the window."""
    tables = [batch.rows for batch in source.read(ReadRequest("rows", window))]
    return pa.concat_tables(tables, promote_options="permissive").to_pylist() if tables else []


def good(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The source's own columns of the rows that could be decoded."""
    return [
        {name: value for name, value in row.items() if not name.startswith("_")}
        for row in rows
        if row["_error"] is None
    ]


def errors(rows: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    """Position, reason and text of the rows that could not."""
    return [
        (row["_position"], row["_error"], row["_line"]) for row in rows if row["_error"] is not None
    ]
