"""Some orders with payments and refunds, the same in each simulated API: to try a connector on.

All of an order's moments lie before `until`. Amounts are micros of a euro, multiples of a cent.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MICROS = 1_000_000
CENT = 10_000
FIRST_NUMBER = 1001
MONTH = dt.timedelta(days=30)

ARTICLES = (
    ("LAMP-1", "Desk lamp", 3990 * CENT),
    ("LAMP-2", "Floor lamp", 8950 * CENT),
    ("BULB-1", "Bulb, warm white", 690 * CENT),
    ("SHADE-1", "Paper shade", 1499 * CENT),
    ("CABLE-1", "Textile cable, 3 m", 1225 * CENT),
)
"""What is sold: SKU, title and price."""
PEOPLE = ("Ada Berg", "Ben Costa", "Cleo Dahl", "Dov Eriksen", "Eva Fuchs", "Finn Gruber")


@dataclass(frozen=True)
class SampleLine:
    """An article of an order: which of `ARTICLES`, and how many."""

    article: int
    quantity: int

    @property
    def amount(self) -> int:
        """Its price, in micros."""
        return ARTICLES[self.article][2] * self.quantity


@dataclass(frozen=True)
class SampleOrder:
    """An order. `person`: which of `PEOPLE`; `refunded_at`: when its first line was given back."""

    number: int
    placed_at: dt.datetime
    paid_at: dt.datetime
    person: int
    lines: Sequence[SampleLine]
    shipping: int
    refunded_at: dt.datetime | None

    @property
    def total(self) -> int:
        """What is paid, in micros."""
        return sum(line.amount for line in self.lines) + self.shipping

    @property
    def email(self) -> str:
        """The customer's address."""
        return f"{PEOPLE[self.person].split(maxsplit=1)[0].lower()}@example.org"


@dataclass(frozen=True)
class Moment:
    """What happens at a moment: the order is placed, paid or refunded."""

    at: dt.datetime
    what: str
    order: SampleOrder


def sample_orders(
    count: int, until: dt.datetime, *, span: dt.timedelta = MONTH, seed: int = 4
) -> list[SampleOrder]:
    """So many orders of the time before `until`, in its order; the same for the same arguments.

    Those that are refunded are so within an eighth of the span.
    """
    chance = random.Random(seed)
    until = until.replace(microsecond=0)
    seconds = round(span.total_seconds())
    starts = sorted(chance.randrange(1, seconds) for _ in range(count))
    found = []
    for number, start in enumerate(starts, FIRST_NUMBER):
        placed = until - dt.timedelta(seconds=seconds - start)
        paid = min(placed + dt.timedelta(seconds=chance.randrange(5, 600)), until)
        refunded = paid + dt.timedelta(seconds=chance.randrange(60, seconds // 8))
        wanted = chance.sample(range(len(ARTICLES)), chance.randrange(1, 4))
        found.append(
            SampleOrder(
                number,
                placed,
                paid,
                chance.randrange(len(PEOPLE)),
                [SampleLine(article, chance.randrange(1, 4)) for article in wanted],
                chance.choice((0, 490 * CENT)),
                refunded if chance.random() < 0.15 and refunded < until else None,
            )
        )
    return found


def moments(orders: Iterable[SampleOrder]) -> Iterator[Moment]:
    """All that happens, in its order."""
    found = []
    for order in orders:
        found += [Moment(order.placed_at, "placed", order), Moment(order.paid_at, "paid", order)]
        if order.refunded_at is not None:
            found.append(Moment(order.refunded_at, "refunded", order))
    return iter(sorted(found, key=lambda moment: moment.at))
