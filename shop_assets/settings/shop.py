"""The shape of `shop.yaml`: the shop, its sources, their streams, and what they become."""

from __future__ import annotations

import datetime as dt
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shop_assets.entities import ENTITIES
from shop_assets.settings.access import ENCODED, has_lost_password
from shop_assets.settings.apis import ShopifySource, StripeSource, WooCommerceSource
from shop_assets.settings.file_streams import FilesSource
from shop_assets.settings.select_statement import why_no_select, without_semicolon
from shop_assets.settings.streams import Rewriting, SourceBase, StreamBase
from shop_assets.settings.values import (
    Currency,
    Name,
    Strict,
    TimeZone,
    WrongValueError,
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


class SqlStream(StreamBase):
    """A table or view of a database, or a query: by a cursor, or compared as a whole."""

    table: str | None = None
    """Its name, with or without the schema's."""
    query: str | None = None
    """Instead of `table`: one SELECT whose rows are read like a table's."""
    cursor: str | None = None
    """The column that says when a row last changed. Without one, all rows are read each time, and
    those that are new, changed or gone since the last time are found by comparing; needs `key`."""
    snapshot: Literal["hourly", "daily"] | None = None
    """Without `cursor`: whether all rows are read for each hour (so if not given), or only for
    the hour of the shop's midnight."""
    key: tuple[str, ...] = ()
    """Columns that, after the cursor, order the rows, and by which they are named where one is in
    the way."""
    columns: tuple[str, ...] | None = None
    """Which to read; all, if not given."""
    cursor_timezone: TimeZone | None = None
    """Of a cursor without time zone; the source's, if not given."""
    sweep: Literal["daily"] | None = None
    """Whether rows may vanish from the table without a trace. Then its keys are compared once a
    day with those that were loaded; needs `key`. Without `cursor` it is done anyway."""
    sweep_limit: float = Field(default=0.1, ge=0, le=1)
    """The share of the keys that may be gone at once. If more are, the sweep stops with an alarm:
    an emptied table is no mass of cancelled orders."""

    @property
    def rewrites(self) -> Rewriting | None:
        """A sweep finds rows that have gone; without a cursor all changes are found."""
        if self.sweep is not None:
            return Rewriting(("sweep",), "a sweep", "no sweep")
        if self.cursor is None and self.key:
            added = "cursor with the column that says when a row was added"
            return Rewriting((), "a comparison of all rows", added)
        return None

    @field_validator("query")
    @classmethod
    def _one_select(cls, value: str | None) -> str | None:
        if value is not None and (found := why_no_select(value)) is not None:
            raise WrongValueError(f"no query to read: {found}", "one SELECT statement")
        return None if value is None else without_semicolon(value)

    @model_validator(mode="after")
    def _one_origin(self) -> SqlStream:
        if (self.table is None) == (self.query is None):
            found = "none of" if self.table is None else "both"
            raise WrongValueError(f"found {found} table and query", "exactly one of them")
        return self

    @model_validator(mode="after")
    def _compared_by_key(self) -> SqlStream:
        if self.cursor is None:
            if not self.key:
                raise WrongValueError(
                    "neither a cursor nor a key to compare rows by",
                    "cursor with the column that says when a row changed, or key with the table's",
                )
            if self.sweep is not None:
                raise WrongValueError(
                    "a sweep of a stream without cursor, whose every load finds what is gone",
                    "no sweep",
                    at=("sweep",),
                )
        elif self.snapshot is not None:
            raise WrongValueError(
                "a snapshot of a stream that has a cursor", "one of both", at=("snapshot",)
            )
        if self.sweep is not None and not self.key:
            raise WrongValueError(
                "a sweep without a key to compare", "key with the table's", at=("sweep",)
            )
        return self


class SqlSource(SourceBase):
    """A database, by SQLAlchemy URL: PostgreSQL, MySQL, MariaDB or SQLite."""

    connector: Literal["sql"]
    """Says that the source is a database."""
    url: str
    """`postgresql://user:password@host/database`, `mysql://…`, `mariadb://…` or `sqlite:///file`.
    User and password are percent-encoded (`@` as `%40`); a reference in the place of either, as in
    `user:${file:secrets/name}@host`, stands for the password as it is."""
    connect_timeout: int = Field(default=10, ge=1, le=600)
    """In seconds."""
    statement_timeout: int = Field(default=1800, ge=1, le=24 * 3600)
    """In seconds."""
    streams: dict[Name, SqlStream]
    """Its tables, each under a name of your choice."""

    @property
    def whole(self) -> frozenset[str]:
        """The streams of which a load may see all rows."""
        return frozenset(name for name, stream in self.streams.items() if stream.cursor is None)

    @field_validator("url")
    @classmethod
    def _sqlalchemy_url(cls, value: str) -> str:
        # The value may hold a password: it is not repeated.
        if has_lost_password(value):
            raise WrongValueError(
                "its password seems to have an @ of its own",
                f"user and password {ENCODED}, or a reference in the place of each alone,",
            )
        try:
            make_url(value)
        except (ArgumentError, ValueError):
            raise WrongValueError(
                "no URL of a database",
                f"one like postgresql://user:password@host/database, both {ENCODED},",
            ) from None
        return value


Source = Annotated[
    SqlSource | FilesSource | StripeSource | ShopifySource | WooCommerceSource,
    Field(discriminator="connector"),
]


class Reconciliation(Strict):
    """How the shop's orders and refunds are compared with those of its payment providers."""

    grace_hours: int = Field(default=24, ge=0, le=24 * 90)
    """How long both sides may differ before that is a difference: for payments that follow later,
    and for what is delivered late."""


class ShopSettings(Strict):
    """All of `shop.yaml`."""

    shop: Shop
    """The shop itself."""
    sources: dict[Name, Source]
    """Its source systems, each under a name of your choice."""
    reconciliation: Reconciliation = Field(default_factory=Reconciliation)
    """How orders are compared with payments, where there are both."""
    _path: Path = PrivateAttr(default=Path("shop.yaml"))

    @model_validator(mode="after")
    def _pays_for_sources_with_orders(self) -> ShopSettings:
        selling = self.selling
        for name, source in self.sources.items():
            paid = source.pays_for or ()
            for number, of in enumerate(paid):
                at = ("sources", name, source.connector, "pays_for", number)
                if of not in selling:
                    raise WrongValueError(
                        f"no source {of} with orders to pay for",
                        f"one of {', '.join(selling)}" if selling else "a source with orders",
                        at=at,
                    )
                if of in paid[:number]:
                    raise WrongValueError(f"{of} is named twice", "each source once", at=at)
        return self

    @model_validator(mode="after")
    def _money_is_told_from_orders(self) -> ShopSettings:
        # What does not agree goes by the shop's source and the order's id, and money of no order by
        # the provider's source and the id that it gives.
        if "order_items" not in self.entities:  # nothing is compared
            return self
        pays = self.pays
        for name in self.selling:
            payers = ", ".join(payer for payer, paid in pays.items() if name in paid)
            if payers and name not in pays.get(name, (name,)):
                raise WrongValueError(
                    f"its money is not for its own orders (paid for by {payers}), "
                    "and where it is for no order it would go by the name of one",
                    f"{name} among these, or a pays_for of {payers} without {name}",
                    at=("sources", name, self.sources[name].connector, "pays_for"),
                )
        return self

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

    @property
    def selling(self) -> tuple[str, ...]:
        """The sources that have orders, each once: several of its streams may become orders."""
        return tuple(dict.fromkeys(source for source, _ in self.entities.get("orders", [])))

    @property
    def pays(self) -> dict[str, tuple[str, ...]]:
        """Each source with charges or payments, and the sources whose orders these pay for."""
        taking = [of for e in ("charges", "payments") for of, _ in self.entities.get(e, [])]
        return {
            name: self.selling if source.pays_for is None else source.pays_for
            for name, source in self.sources.items()
            if name in taking
        }

    def stream(self, source: str, stream: str) -> StreamBase:
        """The stream of that name; `KeyError` where there is none."""
        return self.sources[source].streams[stream]
