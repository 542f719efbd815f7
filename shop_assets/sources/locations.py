"""Where files lie: a folder or an S3 prefix; which of them a glob names, and of which time."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pyarrow import fs

from shop_assets.settings.file_streams import FilesSource, FileTime
from shop_assets.sources.addresses import refuse_link_local
from shop_assets.sources.clock import moment
from shop_assets.sources.errors import SourceError

CONNECT_SECONDS = 10
REQUEST_SECONDS = 60


@dataclass(frozen=True)
class FileEntry:
    """A file below the source's url. `version` tells its contents from earlier ones."""

    relative: str
    path: str
    size: int
    modified: datetime

    @property
    def version(self) -> tuple[str, int, datetime]:
        """What changes when the file does."""
        return (self.relative, self.size, self.modified)


class Location:
    """The folder or S3 prefix of a source of files.

    S3 keys come from the usual `AWS_*` variables; the endpoint from `endpoint`, or
    `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL`.
    """

    def __init__(self, name: str, source: FilesSource, base: Path) -> None:
        self.name = name
        self.url = source.url.rstrip("/")
        self._system: Any
        if source.url.startswith("s3://"):
            self._root = self.url.removeprefix("s3://")
            self._system = _s3(name, source.endpoint)
        else:
            self._root = str((base / Path(source.url).expanduser()).resolve())
            self._system = fs.LocalFileSystem()

    def where(self, entry: FileEntry) -> str:
        """How errors call a file."""
        return f"{self.name}: {self.url}/{entry.relative}"

    def list(self, glob: str) -> list[FileEntry]:
        """The files that `glob` names, by name. `SourceError` where the folder is missing."""
        parts = glob.split("/")
        fixed: list[str] = []
        for part in parts[:-1]:
            if any(mark in part for mark in "*?["):
                break
            fixed.append(part)
        below = "/".join([self._root, *fixed])
        deep = len(parts) > len(fixed) + 1 or "**" in parts[-1]
        pattern = _glob(glob)
        found: list[FileEntry] = []
        self._expect_root()
        selector = fs.FileSelector(below, recursive=deep, allow_not_found=True)
        for info in self._guarded(lambda: self._system.get_file_info(selector)):
            relative = info.path[len(self._root) :].lstrip("/")
            if info.type == fs.FileType.File and pattern.fullmatch(relative):
                found.append(_entry(relative, info))
        return sorted(found, key=lambda entry: entry.relative)

    def open(self, entry: FileEntry) -> Any:
        """The file, open for reading."""
        return self._guarded(lambda: self._system.open_input_file(entry.path))

    def expect_unchanged(self, entry: FileEntry) -> None:
        """`SourceError` where the file is not the one that was listed."""
        info = self._guarded(lambda: self._system.get_file_info(entry.path))
        if info.type != fs.FileType.File or _entry(entry.relative, info) != entry:
            raise SourceError(f"{self.where(entry)} changed while it was read", transient=True)

    def _expect_root(self) -> None:
        path = self._root.split("/")[0] if self.url.startswith("s3://") else self._root
        info = self._guarded(lambda: self._system.get_file_info(path))
        if info.type != fs.FileType.Directory:
            kind = "bucket" if self.url.startswith("s3://") else "folder"
            raise SourceError(
                f"{self.name}: there is no {kind} {path}, where its files are expected"
            )

    def _guarded(self, action: Any) -> Any:
        try:
            return action()
        except FileNotFoundError as error:
            raise SourceError(
                f"{self.name}: a file of {self.url} is gone: {_reason(error)}", transient=True
            ) from error
        except OSError as error:
            raise SourceError(
                f"{self.name}: {self.url} cannot be read: {_reason(error)}", transient=True
            ) from error


def named_time(base_name: str, time: FileTime, zone: ZoneInfo) -> datetime | None:
    """The start, UTC, of the hour or day that a file's name says; None where it says none."""
    pattern, directives = _name_pattern(time.name or "")
    match = pattern.fullmatch(base_name)
    if match is None:
        return None
    try:
        local = datetime.strptime(  # noqa: DTZ007
            " ".join(match.groups()), " ".join(directives)
        )
    except ValueError:
        return None
    if time.covers == "day":
        local = local.replace(hour=0)
    return moment(local.replace(minute=0, second=0, microsecond=0), zone)


_DIRECTIVES = {
    "Y": r"\d{4}",
    "y": r"\d{2}",
    "m": r"\d{2}",
    "d": r"\d{2}",
    "H": r"\d{2}",
    "M": r"\d{2}",
    "S": r"\d{2}",
    "j": r"\d{3}",
    "b": r"[^\W\d_]+",
    "B": r"[^\W\d_]+",
}


@cache
def _name_pattern(name: str) -> tuple[re.Pattern[str], list[str]]:
    directives: list[str] = []
    regex = ""
    for part in re.findall(r"%.|\*|[^%*]+", name, re.DOTALL):
        if part == "*":
            regex += ".*"
        elif part[0] == "%" and part[1:] in _DIRECTIVES:
            regex += f"({_DIRECTIVES[part[1]]})"
            directives.append(part)
        else:
            regex += re.escape("%" if part == "%%" else part)
    return re.compile(regex), directives


@cache
def _glob(glob: str) -> re.Pattern[str]:
    regex = ""
    place = 0
    while place < len(glob):
        rest = glob[place:]
        if rest.startswith("**/"):
            regex += "(?:.*/)?"
            place += 3
        elif rest.startswith("**"):
            regex += ".*"
            place += 2
        elif choice := re.match(r"\[(!?)([^\]/]+)\]", rest):
            negated, marks = choice.groups()
            kept = re.escape(marks).replace(r"\-", "-")
            regex += f"[{'^/' if negated else ''}{kept}]"
            place += choice.end()
        else:
            regex += {"*": "[^/]*", "?": "[^/]"}.get(rest[0], re.escape(rest[0]))
            place += 1
    return re.compile(regex)


def _entry(relative: str, info: Any) -> FileEntry:
    modified = info.mtime if info.mtime is not None else datetime.fromtimestamp(0, UTC)
    if modified.tzinfo is None:
        modified = modified.replace(tzinfo=UTC)
    return FileEntry(relative, info.path, info.size or 0, modified.astimezone(UTC))


def _s3(name: str, endpoint: str | None) -> Any:
    chosen = endpoint or os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL")
    options: dict[str, Any] = {}
    if chosen:
        parts = urlsplit(chosen)
        refuse_link_local(name, parts.hostname or "")
        options = {"endpoint_override": parts.netloc, "scheme": parts.scheme}
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    return fs.S3FileSystem(
        region=region,
        connect_timeout=CONNECT_SECONDS,
        request_timeout=REQUEST_SECONDS,
        retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=3),
        **options,
    )


def _reason(error: Exception) -> str:
    text = str(error).split("\n")[0]
    if "ACCESS_DENIED" in text or "Access Denied" in text or "HTTP status code: 403" in text:
        return "access is denied"
    return text.rsplit("Detail: ", maxsplit=1)[-1].strip().rstrip(".")
