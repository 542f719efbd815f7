"""Files in a folder, in each format, their rows' times in a column."""

from __future__ import annotations

import csv
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from shop_assets.settings.file_streams import FilesSource
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.limits import Limits
from shop_assets.sources.protocol import Window
from shop_assets_tests.acceptance.subject import (
    HOUR,
    Alteration,
    Seen,
    Servers,
    Source,
    Stream,
    Subject,
    register,
)

Format = Literal["csv", "jsonl", "parquet"]
Row = dict[str, Any]
_PER_FILE = 50_000


class Folder(Source):
    """A folder with a file for each `put`."""

    def __init__(self, servers: Servers, form: Format) -> None:
        self.folder = servers.folder
        self._form: Format = form
        self._files: list[list[Row]] = []
        self._count = 0

    def settings(self, **options: Any) -> dict[str, Any]:
        """A `files` source."""
        stream = {
            "files": f"*.{self._form}",
            "format": self._form,
            "time": {"column": "at"},
            "entities": {},
        }
        return {
            "connector": "files",
            "url": "exports",
            "streams": {"things": stream},
            **options,
        }

    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        """Write another file."""
        rows = [
            {
                "id": self._count + n,
                "at": moment.isoformat(),
                "note": texts[n] if texts else "n",
                "extra": "e",
            }
            for n, moment in enumerate(moments)
        ]
        self._count += len(rows)
        self._files.append(rows)
        self._write(len(self._files) - 1)
        return [str(row["id"]) for row in rows]

    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        """The rows in the window."""
        found: Counter[Seen] = Counter()
        for rows in self._files:
            for row in rows:
                moment = datetime.fromisoformat(row["at"])
                if window.start <= moment < window.end:
                    found[Seen(str(row["id"]), moment)] += 1
        return found

    def alter(self, stream: str, how: Alteration) -> None:
        """Write all files anew."""
        for rows in self._files:
            for row in rows:
                if how == "new field":
                    row["fresh"] = 5
                elif how == "other type":
                    row["extra"] = 7
                else:
                    del row[{"no optional": "extra", "no key": "id"}.get(how, "at")]
        for number in range(len(self._files)):
            self._write(number)

    def fill(self, stream: str, rows: int, text: str = "a note") -> None:
        """Files of many rows each."""
        step = (HOUR.end - HOUR.start) / rows
        for first in range(0, rows, _PER_FILE):
            numbers = range(first, min(rows, first + _PER_FILE))
            self.put(stream, [HOUR.start + step * n for n in numbers], [text] * len(numbers))

    def accepts(self, text: str) -> bool:
        """Parquet's writer refuses halves of characters."""
        return self._form != "parquet" or text.isascii() or not _has_surrogate(text)

    def _write(self, number: int) -> None:
        rows = self._files[number]
        folder = self.folder / "exports"
        folder.mkdir(exist_ok=True)
        path = folder / f"{number:04}.{self._form}"
        names = list(rows[0]) if rows else ["id", "at", "note", "extra"]
        if self._form == "parquet":
            columns = {name: [row[name] for row in rows] for name in names}
            pq.write_table(pa.table(columns), path)
        elif self._form == "jsonl":
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            with path.open("w", newline="", encoding="utf-8", errors="surrogatepass") as file:
                writer = csv.DictWriter(file, names)
                writer.writeheader()
                writer.writerows(rows)


def _has_surrogate(text: str) -> bool:
    return any("\ud800" <= character <= "\udfff" for character in text)


@contextmanager
def _folder(servers: Servers, form: Format) -> Iterator[Folder]:
    made = Folder(servers, form)
    (servers.folder / "exports").mkdir()
    yield made


def _connect(
    settings: Mapping[str, Any], folder: Path, redis_url: str | None = None, shares: int = 1
) -> FilesConnector:
    """The product's connector, which keeps only small files between reads."""
    parsed = FilesSource.model_validate(settings)
    limits = Limits(cached_file=2 << 20, cache=8 << 20)
    return FilesConnector("shop", parsed, base=folder, limits=limits)


for _form in ("csv", "jsonl", "parquet"):
    register(
        Subject(
            _form,
            partial(_folder, form=_form),
            {"things": Stream(("id",), "note", page=2_000)},
            frozenset({"windows", "schema"}),
            resolution=timedelta(microseconds=1),
            many=150_000,
            holds=56,
            connect=_connect,
        )
    )
