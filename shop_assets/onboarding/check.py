"""A look at a shop's sources: can they be read, what would come of it, what would it cost."""

from __future__ import annotations

import contextlib
import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pyarrow as pa

from shop_assets.errors import UserError
from shop_assets.onboarding.cost import BackfillCost, CountedLimit, backfill_cost
from shop_assets.onboarding.looking import why_no_streams
from shop_assets.onboarding.preview import EntityPreview, preview
from shop_assets.onboarding.recent import Recent, recent_rows, span
from shop_assets.settings import ShopSettings
from shop_assets.settings.apis import ApiSource, ShopifySource
from shop_assets.settings.shop import Source
from shop_assets.sources import connect
from shop_assets.sources.protocol import Connector, StreamCheck, Window
from shop_assets.sources.rate_limit import RateLimit
from shop_assets.transforms.clean import StreamOrigin

_AT_ONCE = 6
_AT_ONCE_OF_ONE = 3
_PATIENCE = 5.0
_MORE_PATIENCE = 60.0
_NEVER = 1_000_000_000


@dataclass(frozen=True)
class StreamReport:
    """What was found of one stream.

    `error`: the one sentence why it cannot be read; nothing else is known then. `columns`: name to
    type. `window`: the span that `entities` were read from; None where nothing was read.
    """

    stream: str
    error: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    rows: int = 0
    entities: Sequence[EntityPreview] = ()
    problems: Sequence[str] = ()
    cost: BackfillCost | None = None

    @property
    def fine(self) -> bool:
        """Whether it can be loaded as it is configured."""
        return (
            self.error is None and not self.problems and not any(e.missing for e in self.entities)
        )


@dataclass(frozen=True)
class SourceReport:
    """What was found of one source. `calls`: how many the look itself took, of an API.

    `error`: the one sentence why it has no streams; None where it has.
    """

    source: str
    connector: str
    streams: Sequence[StreamReport]
    calls: int | None
    calls_per_second: float | None
    error: str | None = None

    @property
    def fine(self) -> bool:
        """Whether it has streams, and all of them are."""
        return self.error is None and all(stream.fine for stream in self.streams)


@dataclass(frozen=True)
class Look:
    """How to look. `rows`: how many of each kind to show; `show_pii`: personal data, too."""

    now: dt.datetime
    rows: int = 3
    show_pii: bool = False
    redis_url: str | None = None
    shares: int = 1


def check_sources(
    settings: ShopSettings,
    names: Sequence[str],
    look: Look,
    done: Callable[[str, str], None] = lambda *_: None,
) -> list[SourceReport]:
    """Look at sources, several streams at once; `done` is told each source and stream.

    A source that cannot be read is a report like any other.
    """
    limits = {name: _limit(name, settings.sources[name], look) for name in names}
    turns = {name: threading.BoundedSemaphore(_AT_ONCE_OF_ONE) for name in names}

    def checked(name: str, stream: str) -> StreamReport:
        with turns[name]:
            report = _checked(settings, name, stream, limits[name], look)
        done(name, stream)
        return report

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        waiting = {
            name: [pool.submit(checked, name, stream) for stream in settings.sources[name].streams]
            for name in names
        }
        lacking = {
            name: pool.submit(why_no_streams, name, settings.sources[name], settings.path.parent)
            for name, streams in waiting.items()
            if not streams
        }
        reports = {name: [each.result() for each in streams] for name, streams in waiting.items()}
        errors = {name: each.result() for name, each in lacking.items()}
    return [
        SourceReport(
            name,
            settings.sources[name].connector,
            reports[name],
            None if (limit := limits[name]) is None else limit.calls,
            None if limit is None else _pace(settings.sources[name]),
            errors.get(name),
        )
        for name in names
    ]


def _limit(name: str, source: Source, look: Look) -> RateLimit | None:
    if not isinstance(source, ApiSource):
        return None
    return RateLimit(name, source.requests_per_second, redis_url=look.redis_url, shares=look.shares)


def _pace(source: Source) -> float | None:
    return source.requests_per_second if isinstance(source, ApiSource) else None


def _checked(
    settings: ShopSettings, name: str, stream: str, of_source: RateLimit | None, look: Look
) -> StreamReport:
    limit = None if of_source is None else CountedLimit(of_source)
    try:
        # First whether it answers at all; then, as it does, with the patience that limits ask for.
        with _connected(settings, name, limit, _PATIENCE) as connector:
            check = connector.check(stream)
        if check.problems:
            return _report(settings, name, check, None, None, look)
        with _connected(settings, name, limit, _MORE_PATIENCE) as connector:
            recent = recent_rows(
                connector, stream, settings.shop, look.now, from_the_start=limit is None
            )
            cost = None
            source = settings.sources[name]
            if limit is not None and isinstance(source, ApiSource):
                end = span(settings.shop, look.now)[1]
                cost = backfill_cost(connector, source, stream, limit, end, settings.shop.zone)
        return _report(settings, name, check, recent, cost, look)
    except UserError as error:
        return StreamReport(stream, str(error))


@contextlib.contextmanager
def _connected(
    settings: ShopSettings, name: str, limit: RateLimit | None, patience: float
) -> Iterator[Connector]:
    source = _hasty(settings.sources[name], patience)
    connector = connect(name, source, base=settings.path.parent, limit=limit)
    try:
        yield connector
    finally:
        connector.close()


def _hasty(source: Source, patience: float) -> Source:
    """The source for someone who waits: what does not answer soon is said not to.

    Nor is anything begun at the provider's that takes minutes, as bulk operations do.
    """
    if not isinstance(source, ApiSource):
        return source
    changes = {"retry_budget_seconds": min(source.retry_budget_seconds, patience)}
    if isinstance(source, ShopifySource):
        changes["bulk_from_hours"] = _NEVER
    hasty: Source = source.model_copy(update=changes)
    return hasty


def _report(
    settings: ShopSettings,
    name: str,
    check: StreamCheck,
    recent: Recent | None,
    cost: BackfillCost | None,
    look: Look,
) -> StreamReport:
    source, stream = settings.sources[name], check.stream
    declared = source.streams[stream]
    rows = pa.table({}) if recent is None else recent.rows
    columns = {*check.columns, *(n for n in rows.column_names if not n.startswith("_"))}
    origin = StreamOrigin(name, stream, source.timezone, settings.shop.currency)
    entities = [
        preview(entity, declared, rows, origin, columns, rows=look.rows, show_pii=look.show_pii)
        for entity in declared.entities
    ]
    return StreamReport(
        stream,
        None,
        check.columns,
        None if recent is None else recent.window,
        rows.num_rows,
        entities,
        check.problems,
        cost,
    )
