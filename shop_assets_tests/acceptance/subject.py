"""What the acceptance suite has to know of a connector; with that, every test of it is made.

A connector gets the whole suite by a module in `subjects` that ends in `register(Subject(…))`. The
subject opens a *source*: a source system that really runs, is the test's own, can be filled with
rows, and knows the truth. `features` says which tests have a meaning for it; a test is made for
each stream of each subject that has what it needs, and for no other: nothing is skipped.
"""

from __future__ import annotations

import importlib
import pkgutil
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, NamedTuple

import pyarrow as pa
from pydantic import TypeAdapter

from shop_assets import sources
from shop_assets.demo.apis.faults import Faults
from shop_assets.settings.shop import Source as SourceSettings
from shop_assets.sources.protocol import Connector, Window

HOUR = Window(datetime(2026, 3, 10, 10, tzinfo=UTC), datetime(2026, 3, 10, 11, tzinfo=UTC))
"""The window that most tests read; the clock of a source that has one stands at `NOW`."""
NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
NEXT = Window(HOUR.end, datetime(2026, 3, 10, 13, tzinfo=UTC))
"""The window after it: it has `NOW`."""
CANARY = "canary" + "0123456789abcdef" * 2
"""The secret of every source, which nothing may show."""

_AT_ONCE = 5_000

Feature = Literal["windows", "http", "checkpoints", "changes", "secret", "schema"]
"""What a subject can be asked.

`windows`: its rows have change times of their own. `http`: it is an API behind `Source.faults`.
`checkpoints`: it puts them on its batches. `changes`: it has `Source.change`. `secret`: it reads
with a secret, `CANARY`. `schema`: it has `Source.alter`.
"""
Alteration = Literal["new field", "no optional", "other type", "no key", "no change time"]


class Seen(NamedTuple):
    """A row that was read, or should be: its key, and when it changed (None: not told apart)."""

    key: str
    changed: datetime | None


@dataclass(frozen=True)
class Stream:
    """A stream of a subject.

    `key`: the columns that name a row. `text`: the column with what `Source.put` was given as text,
    None where the stream has no free text. `page`: rows that the source gives at once.
    """

    key: tuple[str, ...]
    text: str | None
    page: int


class Source(ABC):
    """A source system that really runs, of one test."""

    faults: Faults | None = None
    folder = Path("/")
    """What relative paths in the settings are relative to."""

    @abstractmethod
    def settings(self, **options: Any) -> dict[str, Any]:
        """The source as `shop.yaml` has it; `options` are settings of the source that win."""

    @abstractmethod
    def put(
        self, stream: str, moments: Sequence[datetime], texts: Sequence[str] | None = None
    ) -> list[str]:
        """Make a row that changed at each moment, with the text; the rows' keys.

        Where an object is several rows, each moment makes an object, and the key is that of the row
        with the text. Rows of the same moment are allowed.
        """

    @abstractmethod
    def truth(self, stream: str, window: Window) -> Counter[Seen]:
        """What a read of the window, made now, must give."""

    def change(self, stream: str, key: str, moment: datetime) -> None:
        """Change a row, as the source itself would at that moment, which is `NOW` or later."""
        raise NotImplementedError(f"{type(self).__name__} has rows that never change")

    def alter(self, stream: str, how: Alteration) -> None:
        """Change the shape of all that the source gives from now on, rows put before included."""
        raise NotImplementedError(f"{type(self).__name__} has a shape that never changes")

    def fill(self, stream: str, rows: int, text: str = "a note") -> None:
        """Make many rows with that text, spread over `HOUR`, fast."""
        step = (HOUR.end - HOUR.start) / rows
        for first in range(0, rows, _AT_ONCE):
            numbers = range(first, min(rows, first + _AT_ONCE))
            self.put(stream, [HOUR.start + step * n for n in numbers], [text] * len(numbers))

    def flood(self, stream: str, rows: int) -> None:
        """Make that many rows at least: as `fill` does, or many in one object where they fit."""
        self.fill(stream, rows)

    def accepts(self, text: str) -> bool:
        """Whether the source system itself could hold the text."""
        return bool(text)


Connect = Callable[[Mapping[str, Any], Path, str | None, int], Connector]
"""A connector from settings, the folder of relative paths, Redis' URL, and shares of the limit."""


def product(
    settings: Mapping[str, Any], folder: Path, redis_url: str | None = None, shares: int = 1
) -> Connector:
    """The connector that the product makes of the settings."""
    parsed: Any = TypeAdapter(SourceSettings).validate_python(settings)
    return sources.connect("shop", parsed, base=folder, redis_url=redis_url, shares=shares)


@dataclass(frozen=True)
class Servers:
    """What a subject may stand on: a folder of its own, and addresses, each of a server that is
    started when first asked for."""

    folder: Path
    postgres_url: Callable[[], str]
    mariadb_url: Callable[[], str]


@dataclass(frozen=True)
class Subject:
    """A connector under test, in one of the ways that it reads.

    `resolution`: the smallest step between two change times. `many`: how many rows the ordinary run
    reads in bounded memory (a million in the soak, with the settings `widely`), `holds`: the MiB
    that it may take for some pages. `like`: the subject that it shares its calls with, where it has
    other features.
    """

    name: str
    open: Callable[[Servers], AbstractContextManager[Source]]
    streams: Mapping[str, Stream]
    features: frozenset[Feature]
    resolution: timedelta = timedelta(seconds=1)
    many: int = 20_000
    holds: int = 24
    widely: Mapping[str, Any] = field(default_factory=dict)
    like: str | None = None
    connect: Connect = product


REPOSITORY = Path(__file__).parents[2]
SUBJECTS: dict[str, Subject] = {}
"""All that registered themselves, by name."""


def register(subject: Subject) -> Subject:
    """Give the subject the whole suite."""
    if subject.name in SUBJECTS:
        raise ValueError(f"there are two subjects {subject.name}")
    SUBJECTS[subject.name] = subject
    return subject


def representative(test: Any) -> Any:
    """Make a test for the first stream of each subject; for all others, and for subjects that are
    like another one, in the soak."""
    test.representative = True
    return test


def load_subjects() -> None:
    """Let all subjects register themselves."""
    for module in pkgutil.iter_modules([str(Path(__file__).parent / "subjects")]):
        importlib.import_module(f"shop_assets_tests.acceptance.subjects.{module.name}")


def needs(*features: Feature) -> Callable[[Any], Any]:
    """Make a test only for subjects that have all these features."""

    def marked(test: Any) -> Any:
        test.needs = frozenset(features)
        return test

    return marked


@dataclass
class Read:
    """What a read gave: its good rows, their texts by key, why others are broken, checkpoints."""

    rows: Counter[Seen] = field(default_factory=Counter)
    texts: dict[str, str | None] = field(default_factory=dict)
    broken: list[str] = field(default_factory=list)
    batches: list[pa.Table] = field(default_factory=list)
    checkpoints: list[tuple[int, Mapping[str, Any]]] = field(default_factory=list)
    """Each with the number of batches that had come with it."""

    def keys(self) -> set[str]:
        """The keys of the good rows."""
        return {seen.key for seen in self.rows}


@dataclass
class At:
    """One stream of an open source: what a test is given."""

    subject: Subject
    source: Source
    stream: str
    connectors: list[Connector] = field(default_factory=list)

    @property
    def of(self) -> Stream:
        """What is known of the stream."""
        return self.subject.streams[self.stream]

    @property
    def faults(self) -> Faults:
        """The faults of a source behind HTTP."""
        assert self.source.faults is not None
        return self.source.faults

    def settings(self, **options: Any) -> dict[str, Any]:
        """The source's settings, as `Source.settings`."""
        return self.source.settings(**options)

    def connector(
        self, *, redis_url: str | None = None, shares: int = 1, **options: Any
    ) -> Connector:
        """A new connector; `options` are settings of the source."""
        made = self.subject.connect(self.settings(**options), self.source.folder, redis_url, shares)
        self.connectors.append(made)
        return made

    def hurried(self) -> dict[str, Any]:
        """Settings with which a source that cannot be read is soon given up."""
        return {"retry_budget_seconds": 0.1} if self.source.faults is not None else {}

    def put(self, moments: Sequence[datetime], texts: Sequence[str] | None = None) -> list[str]:
        """See `Source.put`."""
        return self.source.put(self.stream, moments, texts)

    def pages(self, count: float = 2.4) -> None:
        """Fill `HOUR` with so many pages of rows."""
        self.source.fill(self.stream, round(self.of.page * count))

    def truth(self, window: Window = HOUR) -> Counter[Seen]:
        """See `Source.truth`."""
        return self.source.truth(self.stream, window)

    def seen(self, rows: pa.Table) -> list[Seen]:
        """The good rows of a batch."""
        good = rows.filter(rows["_error"].is_null())
        none = [None] * good.num_rows
        has = good.column_names
        columns = [good[name].to_pylist() if name in has else none for name in self.of.key]
        times = good["_change_time"].to_pylist()
        if "windows" not in self.subject.features:
            times = [None] * len(times)
        keys = [key_of(values) for values in zip(*columns, strict=True)]
        return [Seen(key, changed) for key, changed in zip(keys, times, strict=True)]

    def close(self) -> None:
        """Give all connectors back."""
        for each in self.connectors:
            each.close()


@contextmanager
def opened(subject: Subject, stream: str, servers: Servers) -> Iterator[At]:
    """A stream of a source of the subject, while it runs."""
    with subject.open(servers) as source:
        at = At(subject, source, stream)
        try:
            yield at
        finally:
            at.close()


def key_of(values: Sequence[Any]) -> str:
    """A key as a text."""
    return "|".join(str(value) for value in values)


def every_step(start: datetime, count: int, step: timedelta) -> Iterator[datetime]:
    """So many moments from `start` on."""
    return (start + step * number for number in range(count))
