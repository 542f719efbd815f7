"""Whenever a window is read, late, again or after a long pause, what is loaded is up to date."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import Phase, given
from hypothesis import strategies as st

from shop_assets.sources.stripe.retention import EVENTS_KEPT, MARGIN, Reading, reading
from shop_assets_tests.examples import examples

DAY = 86_400
NOW = 1_800_000_000 // DAY * DAY
OLDEST = NOW - EVENTS_KEPT + MARGIN


def test_a_recent_window_is_read_from_events_up_to_its_end() -> None:
    found = reading(NOW - 3600, NOW, NOW + 60, current_to=NOW - 3600)
    assert found == Reading(
        *(NOW - 3600, NOW, NOW + 60, NOW - 3600), by_events=True, relist=False, current_to=NOW
    )


def test_an_open_window_ends_now() -> None:
    found = reading(NOW - 3600, NOW + 3600, NOW, current_to=None)
    assert (found.end, found.current_to) == (NOW, NOW)


@pytest.mark.parametrize(("start", "by_events"), [(OLDEST, True), (OLDEST - 1, False)])
def test_events_count_as_gone_an_hour_before_they_are(start: int, *, by_events: bool) -> None:
    assert reading(start, start + 3600, NOW, None).by_events is by_events


def test_a_pause_that_events_do_not_bridge_relists() -> None:
    known = OLDEST - 1
    found = reading(NOW - 3600, NOW, NOW, current_to=known)
    assert (found.by_events, found.relist, found.known) == (True, True, known)
    assert not reading(NOW - 3600, NOW, NOW, current_to=OLDEST).relist


def test_a_window_that_events_reach_but_in_part_relists_what_is_not_known_until_its_end() -> None:
    start, end = OLDEST - DAY, OLDEST + DAY
    assert reading(start, end, NOW, current_to=OLDEST + 3600).relist
    assert not reading(start, end, NOW, current_to=end).relist


def test_a_late_window_makes_no_earlier_one_better_known() -> None:
    known = NOW - 50 * DAY
    start = NOW - 90 * DAY
    assert reading(start, start + DAY, NOW, current_to=known).current_to == known


def test_the_first_window_ever_relists_nothing_however_old_it_is() -> None:
    for start in (NOW - 3600, NOW - 90 * DAY):
        assert not reading(start, start + 3600, NOW, None).relist


def test_of_a_history_read_late_only_the_first_window_relists() -> None:
    known: int | None = NOW - 60 * DAY
    relisted = []
    for day in range(60):
        start = NOW - (60 - day) * DAY
        found = reading(start, start + DAY, NOW, known)
        known = found.current_to
        relisted.append(found.relist)
    assert relisted == [True] + [False] * 59


@dataclass
class World:
    """Objects by the day on which they were made, the days on which they changed, and rows.

    A state is the number of changes until then. A row is (version, state) of an object.
    """

    created: list[int]
    changed: list[list[int]]
    rows: dict[int, list[tuple[float, int]]] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)

    def state(self, thing: int, at: float) -> int:
        return sum(day + 0.5 <= at for day in self.changed[thing])

    def read(self, day: int, now: float) -> Reading:
        earlier = [known for known in self.memory if known + 1 <= day]
        known = self.memory[max(earlier)] if earlier else None
        plan = reading(day * DAY, (day + 1) * DAY, int(now * DAY), known)
        for thing, born in enumerate(self.created):
            if plan.by_events:
                if born == day:
                    self.row(thing, born, 0)
                for happened in self.changed[thing]:
                    if happened == day and happened + 0.5 >= now - 30:
                        self.row(thing, happened + 0.5, self.state(thing, happened + 0.5))
            elif born == day:
                self.row(thing, born, self.state(thing, now))
            if plan.relist and born < day:
                self.row(thing, now, self.state(thing, now))
        self.memory[day] = plan.current_to
        return plan

    def row(self, thing: int, version: float, state: int) -> None:
        self.rows.setdefault(thing, []).append((version, state))


@st.composite
def schedules(draw: st.DrawFn) -> tuple[World, list[tuple[int, float]]]:
    """A world of 100 days, and reads of its days: each at least once, when or after it is over."""
    days = 100
    created = draw(st.lists(st.integers(0, days - 1), min_size=1, max_size=6))
    changed = [sorted(draw(st.lists(st.integers(born, days - 1), max_size=4))) for born in created]
    delays = st.one_of(st.just(0), st.integers(0, 3), st.integers(25, 80))
    first = draw(st.integers(0, 60))
    reads: list[tuple[int, float]] = []
    pause = draw(st.one_of(st.none(), st.tuples(st.integers(first, days), st.integers(20, 50))))
    for day in range(first, days):
        late = draw(delays) if draw(st.integers(0, 9)) == 0 else 0
        if pause and pause[0] <= day < sum(pause):
            late = max(late, sum(pause) - day)
        reads.append((day, day + 1 + late))
        if draw(st.integers(0, 19)) == 0:
            reads.append((day, day + 1 + late + draw(delays)))
    # Days before the first one, too, may be loaded at any time.
    for day in draw(st.lists(st.integers(0, days - 1), max_size=3)):
        if day < first:
            reads += [(d, days + 1 + (d - day) / 100) for d in range(day, first)]
            first = day
    return World(created, changed), sorted(reads, key=lambda read: read[1])


# Shrinking a schedule takes minutes: what fails is shown as it was found.
@examples(150, derandomize=True, phases=[Phase.generate])
@given(schedules())
def test_after_any_schedule_of_reads_the_newest_rows_are_the_truth(
    given: tuple[World, list[tuple[int, float]]],
) -> None:
    world, reads = given
    for day, now in reads:
        world.read(day, now)
    loaded = {day for day, _ in reads}
    for thing, born in enumerate(world.created):
        if born in loaded:
            newest = max(world.rows[thing])
            assert newest[1] == len(world.changed[thing]), (thing, world, reads)
