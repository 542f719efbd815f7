"""A source of files: where they lie, what is in them, and what of earlier ones they replace."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from shop_assets.settings import presets
from shop_assets.settings.streams import Rewriting, SourceBase, StreamBase
from shop_assets.settings.values import (
    Name,
    Strict,
    TimeFormat,
    TimeZone,
    WrongValueError,
    has_password,
    without_password,
)

AUTO = "auto"
FilePreset = Literal["google_ads", "meta_ads"]
_PRESETS = ("google_ads", "meta_ads")


class FileTime(Strict):
    """Where a file's rows get their change time from: exactly one of `name`, `column`,
    `modified`."""

    name: str | None = None
    """A strptime pattern of the file's name (`*` stands for anything): all its rows changed at the
    start of the span that it names."""
    covers: Literal["hour", "day"] = "hour"
    """With `name`: the span of a file."""
    column: str | None = None
    """The column with each row's change time."""
    modified: bool = False
    """Whether all rows of a file changed when the file itself last did: for names that say no
    time."""
    formats: tuple[TimeFormat, ...] = ("iso",)
    """With `column`, tried in order: strptime patterns, `iso`, `epoch`, `epoch_ms`."""
    timezone: TimeZone | None = None
    """Of times that name none; the source's, if not given."""

    @model_validator(mode="after")
    def _one(self) -> FileTime:
        ways = {"name": self.name, "column": self.column, "modified": self.modified or None}
        given = [way for way, value in ways.items() if value is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of name, column and modified"
            raise WrongValueError(f"found {found}", "exactly one of them")
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


class Restatement(Strict):
    """What a file says anew of days that earlier ones told of, as a report of the last 28 days.

    A file replaces all rows of the days from its first to its last: a row that an earlier one had
    and it no longer has is deleted from the file's time on. Files are compared with each other, so
    each needs a name of its own, and stays where it is for `reach` days.
    """

    day: str
    """The column with each row's day. Rows without one (of totals) are left out."""
    formats: tuple[TimeFormat, ...] = ("iso",)
    """How days are written, tried in order."""
    key: tuple[str, ...] = Field(min_length=1)
    """The columns that, with the day, name a row."""
    figures: tuple[str, ...] = ()
    """Columns that are 0 in a row that is gone, whatever the last file that had it said."""
    reach: int = Field(default=28, ge=1, le=400)
    """For how many days a file tells: only those this long or less before its own time are
    replaced."""


class FileStream(StreamBase):
    """Files below the source's url."""

    preset: FilePreset | None = None
    """A vendor's export whose settings are known: everything but `files` then has its values from
    there, and what stands beside it wins (see docs/connect/files.md)."""
    files: str
    """A glob; `**` stands for any folders. Files may be compressed (`.gz`, `.zst`), Excel's are
    so by themselves."""
    format: Literal["csv", "jsonl", "parquet", "excel"]
    """What is in them; `excel` reads `.xlsx`, `.xlsb`, `.xls` and `.ods`."""
    time: FileTime
    """Where their rows get their change time from."""
    delimiter: str = ","
    """Of CSV: one ASCII character; `auto` for the one of comma, tab and semicolon by which the
    columns of `header` are found."""
    encoding: str = "utf-8"
    """Of text, by Python's name; a byte order mark decides over it."""
    sheet: str | None = None
    """Of Excel: the sheet's name; the first one, if not given."""
    header: tuple[str, ...] = ()
    """Of CSV and Excel: columns by which the line with the names is known. Lines above it, such as
    a report's title, are skipped; without it, the first line has the names."""
    rename: dict[str, str] = Field(default_factory=dict)
    """Other names that the same column goes by, to the one used in the mapping."""
    units: dict[str, str] = Field(default_factory=dict)
    """Columns whose names end in a unit in brackets, each with the column that gets the unit:
    `Amount spent: Currency` reads `Amount spent (EUR)` as `Amount spent`, and EUR in `Currency`."""
    final_newline: Literal["optional", "required"] = "optional"
    """Whether a last line without line end is a row, if its fields are complete, or is taken for a
    cut one."""
    restates: Restatement | None = None
    """If given, a file replaces the rows of the days that it covers."""

    @property
    def rewrites(self) -> Rewriting | None:
        """A file may replace what those before it said."""
        if self.restates is None:
            return None
        return Rewriting(("restates",), "restated days", "files that tell each row once")

    @model_validator(mode="before")
    @classmethod
    def _with_preset(cls, given: Any) -> Any:
        name = given.get("preset") if isinstance(given, dict) else None
        if name is None:
            return given
        if name not in _PRESETS:
            raise WrongValueError(
                f"no such preset: {name}", f"one of {', '.join(_PRESETS)}", at=("preset",)
            )
        return presets.merged(given, presets.only_stream(name))

    @model_validator(mode="after")
    def _of_the_format(self) -> FileStream:
        if self.sheet is not None and self.format != "excel":
            raise WrongValueError(
                f"a sheet of {self.format}", "format: excel beside it", at=("sheet",)
            )
        if self.header and self.format not in ("csv", "excel"):
            raise WrongValueError(
                f"a header in {self.format}", "format: csv or excel beside it", at=("header",)
            )
        if self.delimiter == AUTO and not self.header:
            raise WrongValueError(
                "the delimiter auto without columns to know it by",
                "header with the names of some",
                at=("delimiter",),
            )
        if self.restates is not None and self.time.column is not None:
            raise WrongValueError(
                "restates in files whose rows each have a time of their own",
                "time with name or modified",
                at=("time", "column"),
            )
        return self

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
        if value == AUTO:
            return value
        if len(value) != 1 or not value.isascii() or value in '"\r\n\0':
            raise WrongValueError(
                f"{value!r} cannot delimit fields", "one ASCII character, or auto,"
            )
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
