"""The shape of `shop.yaml`: the shop, its sources, their streams, and what they become."""

from __future__ import annotations

import datetime as dt
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.settings.mapping import Condition, EntityMapping
from shop_assets.settings.values import (
    Currency,
    Name,
    Strict,
    TimeFormat,
    TimeZone,
    WrongValueError,
    has_password,
    without_password,
)


class Shop(Strict):
    """The shop itself."""

    name: str
    """Its name."""
    timezone: TimeZone
    """A day in every report is a day of this zone."""
    currency: Currency
    """Of amounts that name none."""
    start: dt.date
    """The first day, in the shop's zone, of which there is anything."""
    end: dt.date | None = None
    """The last day, of a shop whose history is closed. A shop that goes on has none."""
    owner: str = "data@shop.example"
    """Who is responsible for the data: an e-mail address."""

    @property
    def zone(self) -> ZoneInfo:
        """The shop's time zone."""
        return ZoneInfo(self.timezone)

    @field_validator("end")
    @classmethod
    def _after_start(cls, value: dt.date | None, info: ValidationInfo) -> dt.date | None:
        start = info.data.get("start")
        if value is not None and start is not None and value < start:
            raise WrongValueError("the shop ends before it starts", f"{start} or later")
        return value


class StreamBase(Strict):
    """What every stream has: what its rows become."""

    entities: dict[str, EntityMapping]
    """The entities (see the data dictionary) that its rows become, and how."""
    busy: bool = False
    """Whether rows are expected every hour, so that an hour without any is suspect."""
    changed_columns: tuple[str, ...] = ()
    """Columns that the source has dropped or given another type, once the mappings take that as it
    is. An entity that needs such a column stops until it is named here."""

    @model_validator(mode="after")
    def _known_entities(self) -> StreamBase:
        for name, mapping in self.entities.items():
            if name not in ENTITIES:
                raise WrongValueError(
                    f"no such entity: {name}",
                    f"one of {', '.join(ENTITIES)}",
                    at=("entities", name),
                )
            _check_fields(ENTITIES[name], mapping)
        return self


def _check_fields(spec: TableSpec, mapping: EntityMapping) -> None:
    """Refuse fields that the entity does not have, and a key that nothing gives."""
    at: tuple[str | int, ...] = ("entities", spec.name)
    settable = [name for name in spec.column_names if name != "source"]
    named: list[tuple[str, tuple[str | int, ...]]] = [
        (field, (*at, "fields", field)) for field in mapping.fields
    ]
    conditions: list[tuple[dict[str, Condition], tuple[str | int, ...]]] = [
        (mapping.only_when or {}, (*at, "only_when"))
    ]
    for number, rule in enumerate(mapping.rules):
        named += [(field, (*at, "rules", number, "set", field)) for field in rule.set]
        conditions.append((rule.when, (*at, "rules", number, "when")))
    for field, place in named:
        if field not in settable:
            raise WrongValueError(
                f"{field} is no field of {spec.name} that can be set",
                f"one of {', '.join(settable)}",
                at=place,
            )
    for when, place in conditions:
        for name in when:
            if name.startswith("@") and name[1:] not in spec.column_names:
                raise WrongValueError(
                    f"{name[1:]} is no field of {spec.name}",
                    f"one of {', '.join(spec.column_names)}",
                    at=(*place, name),
                )
    for key in spec.key:
        if key in settable and key not in mapping.fields:
            raise WrongValueError(
                f"nothing says where {key}, a key of {spec.name}, comes from",
                f"{key} with a column",
                at=(*at, "fields"),
            )


class SqlStream(StreamBase):
    """A table (or view) of a database."""

    table: str
    """Its name, with or without the schema's."""
    cursor: str
    """The column that says when a row last changed."""
    key: tuple[str, ...] = ()
    """Columns that, after the cursor, order the rows, and by which they are named where one is in
    the way."""
    columns: tuple[str, ...] | None = None
    """Which to read; all, if not given."""
    cursor_timezone: TimeZone | None = None
    """Of a cursor without time zone; the source's, if not given."""
    sweep: Literal["daily"] | None = None
    """Whether rows may vanish from the table without a trace. Then its keys are compared once a
    day with those that were loaded; needs `key`."""
    sweep_limit: float = Field(default=0.1, ge=0, le=1)
    """The share of the keys that may be gone at once. If more are, the sweep stops with an alarm:
    an emptied table is no mass of cancelled orders."""

    @model_validator(mode="after")
    def _swept_by_key(self) -> SqlStream:
        if self.sweep is not None and not self.key:
            raise WrongValueError(
                "a sweep without a key to compare", "key with the table's", at=("sweep",)
            )
        return self


class FileTime(Strict):
    """Where a file's rows get their change time from: exactly one of `name` and `column`."""

    name: str | None = None
    """A strptime pattern of the file's name (`*` stands for anything): all its rows changed at the
    start of the span that it names."""
    covers: Literal["hour", "day"] = "hour"
    """With `name`: the span of a file."""
    column: str | None = None
    """The column with each row's change time."""
    formats: tuple[TimeFormat, ...] = ("iso",)
    """With `column`, tried in order: strptime patterns, `iso`, `epoch`, `epoch_ms`."""
    timezone: TimeZone | None = None
    """Of times that name none; the source's, if not given."""

    @model_validator(mode="after")
    def _one(self) -> FileTime:
        if (self.name is None) == (self.column is None):
            found = "none of" if self.name is None else "both"
            raise WrongValueError(f"found {found} name and column", "exactly one of them")
        if self.name is not None:
            self._check_name(self.name)
        return self

    def _check_name(self, name: str) -> None:
        day = "%j" in name or ("%m" in name and "%d" in name)
        if not (day and ("%Y" in name or "%y" in name)):
            raise WrongValueError(
                f"name {name!r} lacks the day", "a pattern with %Y, %m, %d", at=("name",)
            )
        for directive in re.findall(r"%(.?)", name):
            if directive not in set("YymdHMSjbB%"):
                raise WrongValueError(
                    f"name {name!r} has %{directive}",
                    "one of %Y %y %m %d %H %M %S %j %b %B %%",
                    at=("name",),
                )
        if self.covers == "hour" and "%H" not in name:
            raise WrongValueError(
                f"name {name!r} lacks the hour", "a pattern with %H", at=("name",)
            )


class FileStream(StreamBase):
    """Files below the source's url."""

    files: str
    """A glob; `**` stands for any folders. Files may be compressed (`.gz`, `.zst`)."""
    format: Literal["csv", "jsonl", "parquet"]
    """What is in them."""
    time: FileTime
    """Where their rows get their change time from."""
    delimiter: str = ","
    """Of CSV: one ASCII character."""
    encoding: str = "utf-8"
    """Of text, by Python's name; a byte order mark decides over it."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Other names that the same column goes by, to the one used in the mapping."""
    final_newline: Literal["optional", "required"] = "optional"
    """Whether a last line without line end is a row, if its fields are complete, or is taken for a
    cut one."""

    @field_validator("files")
    @classmethod
    def _inside(cls, value: str) -> str:
        parts = value.split("/")
        if not value or value.startswith("/") or ".." in parts or "." in parts or "" in parts:
            raise WrongValueError(
                f"{value!r} is no glob below the source's url", "one like orders/*.csv.gz"
            )
        return value

    @field_validator("delimiter")
    @classmethod
    def _one_byte(cls, value: str) -> str:
        if len(value) != 1 or not value.isascii() or value in '"\r\n\0':
            raise WrongValueError(f"{value!r} cannot delimit fields", "one ASCII character")
        return value

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            "".encode(value)
        except LookupError:
            raise WrongValueError(
                f"no such encoding: {value}", "utf-8, utf-16, latin-1, cp1252 or another"
            ) from None
        return value


class SourceBase(Strict):
    """What every source has."""

    timezone: TimeZone = "UTC"
    """Of times that name none."""
    overlap_minutes: int = Field(default=0, ge=0, le=24 * 60)
    """How far before the hour it is read again, for rows that become visible late."""


class SqlSource(SourceBase):
    """A database, by SQLAlchemy URL; PostgreSQL is read through ADBC."""

    connector: Literal["sql"]
    """Says that the source is a database."""
    url: str
    """`postgresql://user:password@host/database`, or another that SQLAlchemy knows."""
    connect_timeout: int = Field(default=10, ge=1, le=600)
    """In seconds."""
    statement_timeout: int = Field(default=1800, ge=1, le=24 * 3600)
    """In seconds."""
    streams: dict[Name, SqlStream]
    """Its tables, each under a name of your choice."""

    @field_validator("url")
    @classmethod
    def _sqlalchemy_url(cls, value: str) -> str:
        try:
            make_url(value)
        except (ArgumentError, ValueError):
            # The value may hold a password: it is not repeated.
            raise WrongValueError(
                "no URL of a database", "one like postgresql://user:password@host/database"
            ) from None
        return value


class FilesSource(SourceBase):
    """A folder or an S3 prefix with files. S3 keys come from the usual `AWS_*` variables."""

    connector: Literal["files"]
    """Says that the source is files."""
    url: str
    """A folder (relative to the configuration file, or absolute) or `s3://bucket/prefix`."""
    endpoint: str | None = None
    """The S3 server's `http://host:port`, where it is not AWS."""
    streams: dict[Name, FileStream]
    """Its kinds of files, each under a name of your choice."""

    @field_validator("url")
    @classmethod
    def _folder_or_bucket(cls, value: str) -> str:
        scheme, colon, rest = value.partition("://")
        if colon and (scheme != "s3" or not rest.strip("/")):
            raise WrongValueError(
                f"{without_password(value)} is no source of files", "a folder or s3://bucket"
            )
        return value

    @field_validator("endpoint")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        if value is not None and (not re.match(r"https?://[^/]", value) or has_password(value)):
            raise WrongValueError(
                f"{without_password(value)} is no endpoint", "http://host:port or https://host"
            )
        return value


Source = Annotated[SqlSource | FilesSource, Field(discriminator="connector")]


class ShopSettings(Strict):
    """All of `shop.yaml`."""

    shop: Shop
    """The shop itself."""
    sources: dict[Name, Source]
    """Its source systems, each under a name of your choice."""
    _path: Path = PrivateAttr(default=Path("shop.yaml"))

    @property
    def path(self) -> Path:
        """The file that the settings were read from."""
        return self._path

    def read_from(self, path: Path) -> ShopSettings:
        """These settings, as read from that file."""
        self._path = path
        return self

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
