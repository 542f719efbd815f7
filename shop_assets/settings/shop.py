"""The shape of `shop.yaml`: the shop, its sources, their streams, and what they become."""

from __future__ import annotations

import datetime as dt
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BeforeValidator, Field, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shop_assets.entities import ENTITIES
from shop_assets.settings.mapping import EntityMapping, Strict

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


def _zone(value: Any) -> Any:
    if isinstance(value, str):
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"no such time zone: {value}; an IANA name is expected") from error
    return value


def _minutes(value: Any) -> Any:
    return value


TimeZone = Annotated[str, BeforeValidator(_zone)]


class Shop(Strict):
    """The shop itself. `start`: the first day, in the shop's zone, of which there is anything."""

    name: str
    timezone: TimeZone
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    start: dt.date
    owner: str = "data@shop.example"

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.timezone)


class StreamBase(Strict):
    """What every stream has: what its rows become.

    `busy`: whether rows are expected every hour, so that an hour without any is suspect.
    """

    entities: dict[str, EntityMapping]
    busy: bool = False

    @model_validator(mode="after")
    def _known_entities(self) -> StreamBase:
        for name, mapping in self.entities.items():
            if name not in ENTITIES:
                raise ValueError(f"no such entity: {name}; expected one of {', '.join(ENTITIES)}")
            known = set(ENTITIES[name].column_names)
            named = dict.fromkeys(mapping.fields, "fields")
            named |= {f: f"rule {r.name}" for r in mapping.rules for f in r.set}
            for field, where in named.items():
                if field not in known:
                    raise ValueError(
                        f"{name}: {where} sets {field}, which is no field of it; "
                        f"expected one of {', '.join(sorted(known))}"
                    )
        return self


class SqlStream(StreamBase):
    """A table (or view) of a database.

    `cursor`: the column that says when a row last changed. `key`: columns that, after the cursor,
    order the rows, and by which they are named where one is in the way. `columns`: which to read;
    all, if not given. `cursor_timezone`: of a cursor without time zone; the source's by default.
    """

    table: str
    cursor: str
    key: tuple[str, ...] = ()
    columns: tuple[str, ...] | None = None
    cursor_timezone: TimeZone | None = None


class FileTime(Strict):
    """Where a file's rows get their change time from.

    Either `name`, a strptime pattern of the file's name (`*` stands for anything), whose span (an
    hour, a day) is `covers`: all rows changed at its start. Or `column`, with its `formats`
    (strptime patterns, `iso`, `epoch`, `epoch_ms`). `timezone`: of times that name none; the
    source's by default.
    """

    name: str | None = None
    covers: Literal["hour", "day"] = "hour"
    column: str | None = None
    formats: tuple[str, ...] = ("iso",)
    timezone: TimeZone | None = None

    @model_validator(mode="after")
    def _one(self) -> FileTime:
        if (self.name is None) == (self.column is None):
            raise ValueError("exactly one of name, column is expected")
        if self.name is not None:
            day = "%j" in self.name or ("%m" in self.name and "%d" in self.name)
            if not (day and ("%Y" in self.name or "%y" in self.name)):
                raise ValueError(f"name {self.name!r} lacks the day; %Y, %m, %d are expected in it")
            for directive in re.findall(r"%(.?)", self.name):
                if directive not in set("YymdHMSjbB%"):
                    raise ValueError(
                        f"name {self.name!r} has %{directive}; "
                        f"one of %Y %y %m %d %H %M %S %j %b %B %% is expected"
                    )
            if self.covers == "hour" and "%H" not in self.name:
                raise ValueError(f"name {self.name!r} lacks the hour; %H is expected in it")
        for form in self.formats:
            if form not in ("iso", "epoch", "epoch_ms") and "%" not in form:
                raise ValueError(
                    f"no such format of times: {form!r}; "
                    f"a strptime pattern, iso, epoch or epoch_ms is expected"
                )
        return self


class FileStream(StreamBase):
    """Files below the source's url.

    `files`: a glob; `**` stands for any folders. `rename`: other names that the same column goes
    by, to the one used in the mapping. `final_newline`: whether a last line without line end is a
    row, if its fields are complete, or is taken for a cut one. A byte order mark decides over
    `encoding`.
    """

    files: str
    format: Literal["csv", "jsonl", "parquet"]
    time: FileTime
    delimiter: str = Field(default=",", min_length=1, max_length=1)
    encoding: str = "utf-8"
    rename: dict[str, str] = Field(default_factory=dict)
    final_newline: Literal["optional", "required"] = "optional"

    @field_validator("files")
    @classmethod
    def _inside(cls, value: str) -> str:
        parts = value.split("/")
        if not value or value.startswith("/") or ".." in parts or "." in parts or "" in parts:
            raise ValueError(f"{value!r} is no glob below the source's url, as orders/*.csv.gz is")
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_byte(cls, value: str) -> str:
        if not value.isascii() or value in '"\r\n\0':
            raise ValueError(f"{value!r} cannot delimit fields; one ASCII character is expected")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError as error:
            raise ValueError(
                f"no such encoding: {value}; utf-8, utf-16, latin-1, cp1252 or another is expected"
            ) from error
        return value


class SourceBase(Strict):
    """What every source has. `overlap`: how far before the hour it is read again, for late rows."""

    timezone: TimeZone = "UTC"
    overlap_minutes: int = Field(default=0, ge=0, le=24 * 60)


class SqlSource(SourceBase):
    """A database, by SQLAlchemy URL; PostgreSQL is read through ADBC.

    `connect_timeout`, `statement_timeout`: in seconds.
    """

    connector: Literal["sql"]
    url: str
    connect_timeout: int = Field(default=10, ge=1, le=600)
    statement_timeout: int = Field(default=1800, ge=1, le=24 * 3600)
    streams: dict[Name, SqlStream]

    @field_validator("url")
    @classmethod
    def _sqlalchemy_url(cls, value: str) -> str:
        try:
            make_url(value)
        except (ArgumentError, ValueError) as error:
            # The value may hold a password: it is not repeated.
            raise ValueError(
                "no URL of a database; one like postgresql://user:password@host/database expected"
            ) from error
        return value


class FilesSource(SourceBase):
    """A folder (relative to the configuration file, or absolute) or an `s3://` prefix."""

    connector: Literal["files"]
    url: str
    endpoint: str | None = None
    streams: dict[Name, FileStream]

    @field_validator("url")
    @classmethod
    def _folder_or_bucket(cls, value: str) -> str:
        scheme, colon, rest = value.partition("://")
        if colon and (scheme != "s3" or not rest.strip("/")):
            raise ValueError(f"{value} is no source of files; a folder or s3://bucket is expected")
        return value

    @field_validator("endpoint")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is not None and not re.match(r"https?://[^/]", value):
            raise ValueError(
                f"{value} is no endpoint; http://host:port or https://host is expected"
            )
        return value


Source = Annotated[SqlSource | FilesSource, Field(discriminator="connector")]


class ShopSettings(Strict):
    """All of `shop.yaml`."""

    shop: Shop
    sources: dict[Name, Source]
    path: Path = Field(default=Path("shop.yaml"), exclude=True)

    @cached_property
    def entities(self) -> dict[str, list[tuple[str, str]]]:
        """Each entity that any stream becomes, in the registry's order, with (source, stream)s."""
        found: dict[str, list[tuple[str, str]]] = {}
        for entity in ENTITIES:
            origins = [
                (source_name, stream_name)
                for source_name, source in self.sources.items()
                for stream_name, stream in source.streams.items()
                if entity in stream.entities
            ]
            if origins:
                found[entity] = origins
        return found

    def stream(self, source: str, stream: str) -> SqlStream | FileStream:
        """The stream of that name; `KeyError` where there is none."""
        return self.sources[source].streams[stream]
