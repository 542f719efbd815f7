"""Days read late, out of order, again and after a long pause: the newest rows are the account."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from shop_assets.demo.apis.stripe import StripeServer
from shop_assets_tests.stripe.accounts import NOW, account, running, seconds
from shop_assets_tests.stripe.reading import Row, batches, connector, memory, newest, said

pytestmark = pytest.mark.no_cover

DAY = 86_400
DAYS = 75
SEEDS = range(3)
START = seconds(NOW) // DAY * DAY
KINDS = {"charges": "charge", "refunds": "refund", "disputes": "dispute"}


class Life:
    """What happens in an account, day by day, to objects of any age."""

    def __init__(self, server: StripeServer, chance: random.Random) -> None:
        self.server = server
        self.chance = chance
        self.uncaptured: list[str] = []
        self.charges: list[str] = []
        self.pending: list[str] = []
        self.disputes: list[str] = []

    def day(self, number: int) -> None:
        moments = sorted(self.chance.randrange(DAY) for _ in range(5))
        for at in moments:
            self.happen(START + number * DAY + at)

    def happen(self, at: int) -> None:
        server, chance = self.server, self.chance
        if self.uncaptured and chance.random() < 0.3:
            self.charges.append(self.uncaptured.pop(0))
            server.capture(self.charges[-1], at=at)
        elif self.pending and chance.random() < 0.4:
            refund = self.pending.pop(chance.randrange(len(self.pending)))
            (server.settle_refund if chance.random() < 0.5 else server.fail_refund)(refund, at=at)
        elif self.disputes and chance.random() < 0.3:
            dispute = self.disputes.pop(0)
            server.close_dispute(dispute, won=chance.random() < 0.5, at=at)
        elif self.charges and chance.random() < 0.4:
            charge = self.charges[chance.randrange(len(self.charges))]
            self.pending.append(server.refund(charge, 10, pending=True, at=at))
        elif self.charges and chance.random() < 0.2:
            charge = self.charges.pop(chance.randrange(len(self.charges)))
            self.disputes.append(server.dispute(charge, at=at))
        else:
            later = chance.random() < 0.3
            made = server.charge(100_000, "eur", capture=not later, at=at)
            (self.uncaptured if later else self.charges).append(made)


def schedule(chance: random.Random) -> Iterator[tuple[int, int]]:
    """When (the day whose end it is) to read which day. Each is read once it is over, or later."""
    pause = range(18, 58) if chance.random() < 0.7 else range(0)
    first = chance.choice([0, 0, 12])
    reads: list[tuple[int, int]] = []
    for day in range(DAYS):
        late = chance.choice([0] * 12 + [1, 3, 34, 50])
        when = max(day + late, pause.stop if day in pause else 0)
        reads.append((max(when, DAYS + 1) if day < first else when, day))
        if chance.random() < 0.05:
            reads.append((when + chance.choice([1, 40]), day))
    # Of those that are late for the same time, not the oldest first.
    chance.shuffle(reads)
    yield from sorted(reads, key=lambda read: read[0])


def read_all(seed: int, server: StripeServer, url: str) -> dict[str, list[Row]]:
    chance = random.Random(seed)
    life = Life(server, chance)
    reader = connector(url)
    found: dict[str, list[Row]] = {stream: [] for stream in KINDS}
    known: dict[str, dict[int, Mapping[str, Any]]] = {stream: {} for stream in KINDS}
    lived = 0
    for when, day in schedule(chance):
        while lived <= min(when, DAYS - 1):
            life.day(lived)
            lived += 1
        server.clock.set(datetime.fromtimestamp(START + (when + 1) * DAY + 60, UTC))
        for stream in KINDS:
            earlier = [number for number in known[stream] if number < day]
            kept = known[stream][max(earlier)] if earlier else None
            span = (START + day * DAY, START + (day + 1) * DAY)
            read = batches(reader, stream, span, kept)
            known[stream][day] = memory(read)
            found[stream] += [row for batch in read for row in batch.rows.to_pylist()]
    return found


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_schedule_the_newest_rows_are_the_account(seed: int) -> None:
    server = account()
    with running(server) as api:
        found = read_all(seed, server, api.url)
    for stream, kind in KINDS.items():
        last = newest(found[stream])
        current = server.current(kind)
        assert len(current) > 10
        assert {key: said(row) for key, row in last.items()} == current


def test_the_schedules_have_what_they_are_to_show() -> None:
    """Late days, days read again, days out of order, and pauses beyond what events reach."""
    reads = [list(schedule(random.Random(seed))) for seed in SEEDS]
    assert all(len({day for _, day in each}) == DAYS for each in reads)
    assert any(when - day > 31 for each in reads for when, day in each)
    assert any(a[0] == b[0] and a[1] > b[1] for each in reads for a, b in pairwise(each))
    assert any(len(each) > DAYS for each in reads)
