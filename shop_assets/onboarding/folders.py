"""Which kinds of files a folder has: those whose names differ in digits alone are of one kind."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from shop_assets.onboarding.proposals import Proposal, propose
from shop_assets.settings.file_streams import FilesSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.sql_tables import Table, TableColumn

_FORMATS = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
    **dict.fromkeys((".xlsx", ".xlsb", ".xls", ".ods"), "excel"),
}
_COMPRESSED = (".gz", ".zst")
_MOST = 2_000
_NUMBERS = re.compile(r"\d[\dT_:-]*\d|\d")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_HOUR = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}(?!\d)")


def folder_proposals(name: str, url: str, base: Path) -> list[Proposal]:
    """A stream for each kind of file directly in a local folder; what it becomes is guessed.

    Raises `SourceError` where there is no such folder.
    """
    folder = base / url
    if not folder.is_dir():
        raise SourceError(f"{name}: there is no folder {folder}, expected one with files")
    files = sorted(path.name for path in folder.iterdir() if path.is_file())[:_MOST]
    found: dict[str, Proposal] = {}
    for glob, names in _kinds(files).items():
        each = _stream(name, url, base, glob, names)
        number = len(found) + 1
        unique = each.name if each.name not in found else f"{each.name[:36]}_{number}"
        found[unique] = replace(each, name=unique)
    return list(found.values())


def _kinds(files: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for file in files:
        # What a glob would read otherwise is left to the user.
        if _format(file) is not None and not set(file) & set("*?[]"):
            kind = _NUMBERS.sub("*", _stem(file)) + _ends(file)
            found.setdefault(kind, []).append(file)
    return found


def _stream(name: str, url: str, base: Path, glob: str, files: list[str]) -> Proposal:
    settings: dict[str, Any] = {
        "files": glob,
        "format": _format(files[0]),
        "time": _time(files),
    }
    stem = re.sub(r"[^a-z0-9]+", "_", _stem(glob).lower()).strip("_") or "files"
    found = propose(Table(stem, _columns(name, url, base, settings)))
    if found.cursor is not None and "modified" in settings["time"]:
        settings["time"] = {"column": found.cursor}
    return replace(found, cursor=None, files=settings)


def _columns(name: str, url: str, base: Path, settings: dict[str, Any]) -> tuple[TableColumn, ...]:
    """The columns of the newest of the files; none where it cannot be read yet."""
    stream = {**settings, "entities": {}}
    source = FilesSource.model_validate(
        {"connector": "files", "url": url, "streams": {"rows": stream}}
    )
    connector = FilesConnector(name, source, base=base)
    try:
        return tuple(TableColumn(column, "text") for column in connector.check("rows").columns)
    except SourceError:
        return ()
    finally:
        connector.close()


def _time(files: list[str]) -> dict[str, Any]:
    """By the files' names, where each says a day or hour; else by when they were changed."""
    for said, pattern, covers in ((_HOUR, "%Y-%m-%dT%H", "hour"), (_DAY, "%Y-%m-%d", "day")):
        if all(len(said.findall(file)) == 1 for file in files):
            before, after = said.split(_stem(files[-1]).replace("%", "%%"))
            name = _NUMBERS.sub("*", before) + pattern + _NUMBERS.sub("*", after)
            return {"name": name + _ends(files[-1]), "covers": covers}
    return {"modified": True}


def _format(file: str) -> str | None:
    path = Path(file)
    if path.suffix.lower() in _COMPRESSED:
        path = Path(path.stem)
    return _FORMATS.get(path.suffix.lower())


def _ends(file: str) -> str:
    """The end of the name that says what is in it: `.csv`, `.jsonl.gz`."""
    path = Path(file)
    last = path.suffix.lower()
    return Path(path.stem).suffix + path.suffix if last in _COMPRESSED else path.suffix


def _stem(file: str) -> str:
    return file.removesuffix(_ends(file))
