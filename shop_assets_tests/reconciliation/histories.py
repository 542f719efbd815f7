"""Random histories of both sides' books: what is loaded, in any order, and asked in between."""

from __future__ import annotations

import datetime as dt
import random
from dataclasses import dataclass, field
from typing import Any, Literal

import pandas as pd

from shop_assets.assets.reconciliation import DECLARED, READS, Declaration, compare
from shop_assets.entities import TABLES
from shop_assets.transforms.reconciliation import counted
from shop_assets.warehouse import compared_orders, compared_payouts, ddl
from shop_assets.warehouse.compared_orders import Provider
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.reconciliation import Reconciled
from shop_assets_tests.reconciliation.books import COMMON, LEDGER, STRIPE
from shop_assets_tests.transforms.frames import frame_of
from shop_assets_tests.warehouse.loads import HOUR, load_of

FIRST = dt.datetime(2026, 1, 31, 18, tzinfo=dt.UTC)
"""Six hours before another month."""
PROVIDERS = {
    "both": [STRIPE, LEDGER],
    "charges alone": [Provider("stripe", "charges", "charges", ("shop", "outlet"))],
    "one each": [
        STRIPE,
        Provider("ledger", "payments", "payments", ("outlet",)),
    ],
}

_AMOUNTS = [n * 1_000_000 for n in (0, 5, 5, 5, 10, 10, 10)]
_MOMENTS = [FIRST + n * HOUR / 4 for n in range(48)]
_SHOPS = [*["shop"] * 5, "outlet"]
_ORDERS = ["A", "B"]
_NAMED = ["A", "B", None]
_SELDOM = [*[False] * 7, True]
_EVERY: dict[str, list[Any]] = {
    "version_at": _MOMENTS, "deleted": _SELDOM, "currency": ["EUR", "EUR", "EUR", "EUR", "USD"],
}  # fmt: skip

ROWS: dict[str, dict[str, list[Any]]] = {
    "orders": {
        "source": _SHOPS, "order_id": _ORDERS, "placed_at": _MOMENTS, "discount_micros": _AMOUNTS,
        "status": ["paid", "paid", "fulfilled", "open", "cancelled", "unpaid"], "is_test": _SELDOM,
    },
    "order_items": {
        "source": _SHOPS, "order_id": _ORDERS, "item_id": ["1", "2"], "placed_at": _MOMENTS,
        "unit_price_micros": _AMOUNTS, "quantity": [1, 1, 2, -1],
    },
    "refunds": {
        "source": _SHOPS, "refund_id": ["R", "S"], "order_id": _ORDERS, "refunded_at": _MOMENTS,
        "amount_micros": _AMOUNTS,
    },
    "charges": {
        "charge_id": ["x", "y"], "order_id": _NAMED, "created_at": _MOMENTS,
        "amount_micros": _AMOUNTS, "captured_micros": _AMOUNTS, "refunded_micros": _AMOUNTS,
        "status": ["succeeded", "succeeded", "failed"], "captured": [True, True, False],
    },
    "payment_refunds": {
        "refund_id": ["r", "s"], "charge_id": ["x", "x", "y", None], "order_id": [*_NAMED, None],
        "created_at": _MOMENTS, "amount_micros": _AMOUNTS,
        "status": ["succeeded", "pending", "failed"],
    },
    "payments": {
        "payment_id": ["p", "q"], "order_id": _NAMED, "created_at": _MOMENTS,
        "type": ["charge", "charge", "refund", "fee"], "amount_micros": _AMOUNTS,
    },
    "payouts": {
        "payout_id": ["O", "P", "Q"], "created_at": _MOMENTS, "amount_micros": _AMOUNTS,
        "status": ["paid", "paid", "failed"], "automatic": [True, False],
    },
    "payout_transactions": {
        "payout_id": ["O", "P", "Q"], "payment_id": ["t", "u"], "created_at": _MOMENTS,
        "net_micros": _AMOUNTS, "amount_micros": _AMOUNTS, "type": ["charge", "charge", "payout"],
    },
}  # fmt: skip
"""For each table the columns of a row, and what they may be."""

PARTS = (
    ("orders", "order_items", "charges"),
    ("orders", "refunds", "charges", "payment_refunds"),
    ("charges", "payment_refunds"),
    ("orders", "payments"),
    ("payouts", "payout_transactions"),
)
"""Parts of the books, one for each history: what happens to few rows finds more."""


@dataclass(frozen=True)
class Loaded:
    """An hour of a table is loaded; what it had told before and tells no more, leaves."""

    table: str
    hour: int
    rows: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class Compared:
    """The tables of differences are brought up to date: together, one by one, or one alone."""

    how: Literal["together", "one by one", "the first alone", "the last alone"] = "together"


@dataclass(frozen=True)
class Passed:
    """Hours pass, in which nothing happens."""

    hours: int


@dataclass(frozen=True)
class Configured:
    """Somebody changes the configuration."""

    providers: str | None
    grace: int


Step = Loaded | Compared | Passed | Configured


def life(seed: int, tables: tuple[str, ...], steps: int = 16) -> list[Step]:
    """What happens in a history, the same for the same seed."""
    chance = random.Random(f"{seed} {tables}")
    return [*_begun(tables), *(_step(chance, number, tables) for number in range(steps))]


def _begun(tables: tuple[str, ...]) -> list[Step]:
    """What differs already, in an hour that nothing else is told in: without it little would."""
    begun: list[Step] = [
        Loaded(table, 5, tuple(row | {"version_at": FIRST, "deleted": False} for row in rows))
        for table, rows in _FIRST_ROWS.items()
        if table in tables
    ]
    return [*begun, Compared()]


_FIRST_ROWS: dict[str, list[dict[str, Any]]] = {
    "orders": [{"order_id": name, "shipping_micros": 5_000_000} for name in "AB"],
    "payouts": [{"payout_id": name, "amount_micros": 5_000_000} for name in "OPQ"],
}


def _step(chance: random.Random, number: int, tables: tuple[str, ...]) -> Step:
    what = chance.random()
    if what < 0.5:
        table = chance.choice(tables)
        rows = [_row(chance, number, table) for _ in range(chance.choice([0, 1, 1, 1, 2, 3]))]
        return Loaded(table, chance.randrange(5), tuple(rows))
    if what < 0.88:
        return Compared(
            chance.choice(
                ["together", "together", "one by one", "the first alone", "the last alone"]
            )
        )
    if what < 0.96:
        return Passed(chance.randrange(1, 9))
    providers = chance.choice([None, None, None, *PROVIDERS])
    return Configured(providers, chance.choice([0, 2, 5, 24]))


def _row(chance: random.Random, number: int, table: str) -> dict[str, Any]:
    """A version of a row: most are newer than those before, some come late."""
    row = {name: chance.choice(values) for name, values in (_EVERY | ROWS[table]).items()}
    if chance.random() < 0.75:
        row["version_at"] = FIRST + (2 * number + chance.randrange(4)) * HOUR / 4
    return row


@dataclass
class Books:
    """Both sides' books in a warehouse, and the configuration that holds now."""

    warehouse: Warehouse
    providers: list[Provider] = field(default_factory=lambda: PROVIDERS["both"])
    grace: dt.timedelta = 2 * HOUR
    until: dt.datetime = FIRST + 6 * HOUR

    def begin(self) -> None:
        """Let every table have been loaded once."""
        self.do(Passed(0))

    def do(self, step: Step, about: tuple[str, ...] = ()) -> None:
        """Let one thing happen. What is compared must be as if compared from nothing."""
        if isinstance(step, Loaded):
            self._load(step)
        elif isinstance(step, Passed):
            self.until += step.hours * HOUR
            with self.warehouse.transaction() as cursor:
                cursor.execute(
                    "INSERT INTO meta.slices (asset, slice, epoch, load_id) "
                    "SELECT 'warehouse/' || t, $2, 0, 'l' FROM unnest(string_to_array($1, ',')) t "
                    "ON CONFLICT DO NOTHING",
                    parameters=(",".join(ROWS), self.until - HOUR),
                )
        elif isinstance(step, Configured):
            self.grace = step.grace * HOUR
            if step.providers is not None:
                self.providers = PROVIDERS[step.providers]
        elif about:
            for names in self._runs(step, about):
                self.compare(*names)

    @staticmethod
    def _runs(step: Compared, about: tuple[str, ...]) -> list[tuple[str, ...]]:
        runs: dict[str, list[tuple[str, ...]]] = {
            "together": [about],
            "one by one": [(name,) for name in about],
            "the first alone": [about[:1]],
            "the last alone": [about[-1:]],
        }
        return runs[step.how]

    def _load(self, step: Loaded) -> None:
        rows = [COMMON[step.table] | row for row in step.rows]
        frame = frame_of(step.table, rows)
        hour = FIRST + step.hour * HOUR
        frame["_hour"] = pd.Series(hour, index=frame.index).astype("datetime64[us, UTC]")
        load = load_of(f"warehouse/{step.table}", hour)
        merge_entity(self.warehouse, TABLES[step.table], frame, load)

    def compare(self, *names: str, anew: bool = False) -> int:
        """Bring tables of differences up to date, and hold them to some made from nothing.

        Returns how many of their rows changed.
        """
        made = [declared for declared in DECLARED if declared.name in names]
        reads = READS[made[0].comparison]
        done = compare(self.warehouse, made, reads, self.providers, self.grace, anew=anew)
        for declared in made:
            self._hold(declared, done[declared.name])
        return sum(table.changed for table in done.values())

    def _hold(self, declared: Declaration, done: Reconciled) -> None:
        spec = TABLES[declared.name]
        found = self._from_nothing(declared)
        old = counted(found, self.until - self.grace)
        kept = spec.conform(
            self.warehouse.read(
                f"SELECT * FROM {ddl.physical(spec)} ORDER BY {', '.join(spec.key)}"
            )
        )
        pd.testing.assert_frame_equal(kept, found[old].reset_index(drop=True))
        kinds = kept["kind"].value_counts().to_dict()
        assert done.kinds == kinds
        waiting = self.warehouse.read(
            "SELECT kind || ' ' || key AS unit, due FROM meta.waiting_comparisons "
            "WHERE name = $1 ORDER BY 1",
            (declared.name,),
        )
        assert dict(zip(waiting["unit"], waiting["due"], strict=True)) == due(found[~old])

    def _from_nothing(self, declared: Declaration) -> pd.DataFrame:
        with self.warehouse.transaction() as cursor:
            if declared.name == "payout_differences":
                return declared.judge(compared_payouts.whole(cursor))
            return declared.judge(compared_orders.whole(cursor, self.providers))


def due(young: pd.DataFrame) -> dict[str, pd.Timestamp]:
    """What does not agree and is too young, and when it counts."""
    found: dict[str, pd.Timestamp] = {}
    for row in young.to_dict("records"):
        outer, inner = ("payout", "payment") if "payout_id" in row else ("order", "charge")
        inner_key = row[f"{inner}_id"]
        unit = f"{inner} {inner_key}" if inner_key else f"{outer} {row[f'{outer}_id']}"
        found[unit] = min(found.get(unit, row["since"]), row["since"])
    return found
