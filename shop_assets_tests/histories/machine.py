"""Random histories of a shop and of its platform, as a state machine of Hypothesis.

Some rules are the shop's: its systems' rows come to be, change, are deleted, come late. The others
are the platform's: hours are loaded in any order, as ranges or one by one, again, at once, stopped
between two steps or held there while others go on; rules of the configuration change. At the end
what was broken off is done again, what is asked for is computed, and all that the warehouse holds
must be what a rebuild from the same raw rows holds.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from shop_assets.automation.runs import contiguous
from shop_assets.partitions import DAY, HOUR, floor_hour
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets.warehouse.slices import StaleWriterError
from shop_assets_tests.histories.comparison import Bench, difference
from shop_assets_tests.histories.configuration import MARTS_OF, PARTS, RULES
from shop_assets_tests.histories.pipeline import Platform, finish, source_of
from shop_assets_tests.histories.shop import AGO, PICK, Shop

BEGIN = {
    "spring": dt.datetime(2026, 3, 28, 20, tzinfo=dt.UTC),
    "autumn": dt.datetime(2026, 10, 24, 20, tzinfo=dt.UTC),
}
"""Some hours before a change of the clock in Berlin: a day of 23 hours, and one of 25."""
ABOUT = ("sales", "sales", "sales", "stock", "web", "advertising", "all")
"""Of which part of the shop a history is: the more happens to the same rows, the more it finds."""
ORDER_CHANGES = (
    *("cancel", "uncancel", "delete", "undelete", "customer", "discount", "shipping"),
    *("placed", "placed", "odd", "test"),
)
_BACK = st.integers(0, 8)
_HOURS = st.integers(1, 4)
_STOP = st.integers(0, 30)
_LAYER = st.sampled_from(["raw", "raw", "clean", "warehouse"])


def _of_history(name: str) -> st.SearchStrategy[str]:
    """One of what the history itself names."""
    return st.runner().flatmap(lambda history: st.sampled_from(getattr(history, name)))


class Histories(RuleBasedStateMachine):
    """One history; `bench` is the database that it is played in."""

    bench: ClassVar[Bench]
    seasons: ClassVar[tuple[str, ...]] = tuple(BEGIN)

    def __init__(self) -> None:
        super().__init__()
        self.bench.empty()
        self.platform = Platform(self.bench.warehouse)
        self.shop = Shop(BEGIN["spring"])
        self.about = "all"
        self.first = self.shop.now
        self.loaded: set[dt.datetime] = set()
        self.broken: set[dt.datetime] = set()
        """Hours that a run has left half done, and that no whole run has gone over since."""
        self.unclean: set[str] = set()
        self.raced = False
        self.held: list[tuple[Iterator[str], set[dt.datetime]]] = []

    @initialize(season=_of_history("seasons"), about=st.sampled_from(ABOUT))
    def begin(self, season: str, about: str) -> None:
        self.shop = Shop(BEGIN[season])
        self.first = self.shop.now
        self.about = about
        if self.is_about("sales"):
            self.shop.order("c0", [("p1", 1, 10), ("p2", 2, 7)])
            self.shop.order("c0", [("p1", 3, 7)], 5)
        self.platform.marts = tuple(self.marts)
        if self.is_about("stock"):
            self.shop.read_stock("p1", "l1", 2, 0, deleted=False)
        self.shop.pass_time(75)

    @property
    def judgements(self) -> list[str]:
        """The configuration's rules that concern what the history is about."""
        entities = [e for part, names in PARTS.items() if self.is_about(part) for e in names]
        return [name for name, (entity, _) in RULES.items() if entity in entities]

    @property
    def marts(self) -> list[str]:
        """The marts of what the history is about."""
        named = [m for part, names in MARTS_OF.items() if self.is_about(part) for m in names]
        return [*named, "data_quality_hourly"]

    def is_about(self, part: str) -> bool:
        return self.about in (part, "all")

    # The shop.

    @rule(minutes=st.sampled_from([5, 20, 60, 200, 600]))
    def time_passes(self, minutes: int) -> None:
        self.shop.pass_time(minutes)

    @rule()
    def hour_nears_its_end(self) -> None:
        """What happens now may be seen only when the next hour has begun."""
        self.shop.pass_time((55 - self.shop.now.minute) % 60)

    @precondition(lambda self: self.is_about("sales"))
    @rule(
        customer=st.sampled_from(["c0", "c1", None]),
        lines=st.lists(
            st.tuples(
                st.sampled_from(["p1", "p2", "p3"]),
                st.sampled_from([1, 3, -1]),
                st.sampled_from([10, 7]),
            ),
            min_size=1,
            max_size=3,
        ),
        discount=st.sampled_from([0, 0, 5]),
        ago=AGO,
        currency=st.sampled_from(["EUR", "JPY"]),
        slow=st.booleans(),
    )
    def customer_orders(
        self,
        customer: str | None,
        lines: list[tuple[str, int, int]],
        discount: int,
        ago: int,
        currency: str,
        slow: bool,
    ) -> None:
        self.shop.order(customer, lines, discount, ago, currency, slow=slow)

    @precondition(lambda self: self.is_about("sales"))
    @rule(
        which=PICK,
        change=st.sampled_from(ORDER_CHANGES),
        slow=st.booleans(),
    )
    def order_changes(self, which: int, change: str, slow: bool) -> None:
        self.shop.change_order(which, change, slow=slow)

    @precondition(lambda self: self.is_about("sales"))
    @rule(
        which=PICK,
        change=st.sampled_from(["price", "quantity", "remove", "restore", "product", "gift"]),
        silent=st.booleans(),
        slow=st.booleans(),
    )
    def line_changes(self, which: int, change: str, silent: bool, slow: bool) -> None:
        self.shop.change_line(which, change, silent=silent, slow=slow)

    @precondition(lambda self: self.is_about("sales"))
    @rule(which=PICK, sku=st.sampled_from(["p1", "p2", "p3"]), ago=AGO)
    def line_is_added(self, which: int, sku: str, ago: int) -> None:
        self.shop.add_line(which, sku, ago)

    @precondition(lambda self: self.is_about("sales"))
    @rule(
        which=PICK,
        part=st.sampled_from(["all", "part", "order", "shipping", "odd"]),
        ago=AGO,
        slow=st.booleans(),
    )
    def refund_is_made(self, which: int, part: str, ago: int, slow: bool) -> None:
        self.shop.refund(which, part, ago, slow=slow)

    @precondition(lambda self: self.is_about("sales"))
    @rule(
        which=PICK,
        change=st.sampled_from(["amount", "delete", "undelete", "line", "earlier", "order"]),
    )
    def refund_changes(self, which: int, change: str) -> None:
        self.shop.change_refund(which, change)

    @precondition(lambda self: self.is_about("advertising") or self.is_about("sales"))
    @rule(
        stream=st.sampled_from(["customers", "products", "campaigns"]),
        which=st.integers(0, 2),
        value=st.sampled_from(["plain", "other", "odd"]),
        deleted=st.booleans(),
    )
    def description_changes(self, stream: str, which: int, value: str, deleted: bool) -> None:
        self.shop.describe(stream, which, value, deleted=deleted)

    @precondition(lambda self: self.is_about("stock"))
    @rule(
        sku=st.sampled_from(["p1", "p2"]),
        place=st.sampled_from(["l1", "l2"]),
        available=st.integers(-1, 2),
        ago=AGO,
        deleted=st.booleans(),
    )
    def stock_is_read(self, sku: str, place: str, available: int, ago: int, deleted: bool) -> None:
        self.shop.read_stock(sku, place, available, ago, deleted=deleted)

    @precondition(lambda self: self.is_about("stock"))
    @rule(
        which=PICK,
        place=st.sampled_from(["l1", "l2"]),
        quantity=st.sampled_from([-2, 3]),
        ago=AGO,
        change=st.sampled_from(["new", "new", "delete", "undelete", "odd"]),
    )
    def stock_moves(self, which: int, place: str, quantity: int, ago: int, change: str) -> None:
        self.shop.move_stock(which, place, quantity, ago, change)

    @precondition(lambda self: self.is_about("advertising"))
    @rule(
        campaign=st.sampled_from(["k1", "k2"]),
        days=st.sampled_from([0, 1, 28]),
        spend=st.integers(0, 3),
        currency=st.sampled_from(["EUR", "EUR", "JPY"]),
        deleted=st.booleans(),
    )
    def advertising_costs(
        self, campaign: str, days: int, spend: int, currency: str, deleted: bool
    ) -> None:
        self.shop.spend(campaign, days, spend, currency, deleted=deleted)

    @precondition(lambda self: self.is_about("web"))
    @rule(
        visitor=st.sampled_from(["v1", "v2"]),
        steps=st.integers(1, 5),
        ago=AGO,
        gap=st.sampled_from([1, 20, 29, 30]),
        slow=st.booleans(),
    )
    def visitor_comes(self, visitor: str, steps: int, ago: int, gap: int, slow: bool) -> None:
        self.shop.visit(visitor, steps, ago, gap, slow=slow)

    @precondition(lambda self: self.is_about("web") or self.is_about("advertising"))
    @rule(which=PICK, stream=st.sampled_from(["web_events", "campaigns"]), late=st.booleans())
    def delivery_comes_again(self, which: int, stream: str, late: bool) -> None:
        self.shop.deliver_again(which, stream, late=late)

    # The platform.

    @rule(back=_BACK, hours=_HOURS, layer=_LAYER)
    def hours_are_loaded(self, back: int, hours: int, layer: str) -> None:
        self._go(self._span(back, hours), layer)

    @rule(singly=st.booleans(), backwards=st.booleans())
    def due_hours_are_loaded(self, singly: bool, backwards: bool) -> None:
        due = sorted(self._hours() - self.loaded)
        spans = contiguous(due, HOUR, 1 if singly and len(due) < 5 else 1000)
        for first, last in reversed(spans) if backwards else spans:
            self._go((first, last + HOUR), "raw")

    @rule(back=_BACK, hours=_HOURS, layer=_LAYER, steps=_STOP)
    def run_is_killed(self, back: int, hours: int, layer: str, steps: int) -> None:
        span = self._span(back, hours)
        if self._advance(self._run(span, layer), steps, _hours_of(span)):
            self.broken |= _hours_of(span)

    @rule(back=_BACK, hours=_HOURS, layer=_LAYER, steps=_STOP)
    def run_is_held(self, back: int, hours: int, layer: str, steps: int) -> None:
        span = self._span(back, hours)
        run = self._run(span, layer)
        if self._advance(run, steps, _hours_of(span)):
            self.held.append((run, _hours_of(span)))

    @precondition(lambda self: self.held)
    @rule(which=PICK, steps=st.sampled_from([1, 5, 100]))
    def held_run_goes_on(self, which: int, steps: int) -> None:
        run, hours = self.held.pop(which % len(self.held))
        if self._advance(run, steps, hours):
            self.held.append((run, hours))

    @precondition(lambda self: not self.raced)
    @rule(back=_BACK, hours=_HOURS, other=_BACK, layer=_LAYER)
    def two_runs_at_once(self, back: int, hours: int, other: int, layer: str) -> None:
        self.raced = True
        with ThreadPoolExecutor(2) as pool:
            list(
                pool.map(self._go, (self._span(back, hours), self._span(other, 2)), (layer, "raw"))
            )

    @rule(mart=_of_history("marts"))
    def mart_is_computed(self, mart: str) -> None:
        self.platform.settle((mart,))

    @rule(changed=_of_history("judgements"), at_once=st.booleans())
    def configuration_changes(self, changed: str, at_once: bool) -> None:
        self.platform.rules ^= {changed}
        self.unclean.add(RULES[changed][0])
        if at_once:
            self._clean_again()

    # The end.

    def teardown(self) -> None:
        for run, hours in self.held:
            self._advance(run, None, hours)
        # Nothing that was broken off stays so, and hours that were never loaded are.
        self._clean_again()
        self._load(self.broken, "clean")
        self._load(self._hours() - self.loaded, "raw")
        self.platform.settle()
        assert not self.bench.asked()
        found = self.bench.holding()
        broken = self.bench.broken_sums()
        old = self.bench.not_newest(self.platform.lake)
        expected = self._rebuilt()
        differs = difference(found, expected)
        assert not differs, f"the history differs from its rebuild\n{differs}"
        assert not broken, f"does not hold: {', '.join(broken)}"
        assert not old, f"current rows are not the newest: {', '.join(old)}"
        if self.is_about("sales"):
            self._tells_the_shops_own_truth()

    def _tells_the_shops_own_truth(self) -> None:
        """Read once more what the sources say, without rules: it is what the shop knows itself."""
        self.shop.pass_time(120)
        self.platform.rules = frozenset()
        self._load(self._hours(), "raw")
        self.platform.settle()
        assert self.bench.sold() == self.shop.sold()

    def _rebuilt(self) -> dict[str, list[str]]:
        self.bench.empty()
        rebuilt = Platform(
            self.bench.warehouse,
            self.platform.lake.copy_of_raw(),
            self.platform.rules,
            self.platform.marts,
        )
        finish(rebuilt.run(*self._whole(), layer="clean", marts=False))
        for mart in MARTS:
            daily = mart.endswith("_daily")
            asked = sorted(s for m, s in self.bench.asked() if m == mart)
            if daily and asked:
                finish(rebuilt.compute(mart, asked[0], asked[-1] + DAY))
            elif asked:
                end = max(asked[-1] + HOUR, self._whole()[1])
                finish(rebuilt.compute(mart, asked[0], end))
        return self.bench.holding()

    def _run(self, span: tuple[dt.datetime, dt.datetime], layer: str) -> Iterator[str]:
        return self.platform.run(*span, layer=layer, shop=self.shop)

    def _go(self, span: tuple[dt.datetime, dt.datetime], layer: str) -> None:
        """A run that goes through all of its steps."""
        hours = _hours_of(span)
        if self._advance(self._run(span, layer), None, hours) and layer != "warehouse":
            self.broken -= hours

    def _advance(self, run: Iterator[str], steps: int | None, hours: set[dt.datetime]) -> bool:
        """Let a run take some steps; whether it took them all."""
        try:
            taken = sum(1 for _ in islice(run, steps))
        except StaleWriterError:
            # One that began later has published some of its hours; the others want it again.
            self.broken |= hours
            return False
        self.loaded |= hours
        return taken == steps or steps is None

    def _clean_again(self) -> None:
        """Clean what raw holds of entities whose rules have changed."""
        for entity in sorted(self.unclean):
            hours = self.platform.lake.hours(f"raw/{source_of(entity)}__{entity}")
            for first, last in contiguous(hours, HOUR, 1000):
                finish(self.platform.run(first, last + HOUR, layer="clean", only=entity))
        self.unclean.clear()

    def _load(self, hours: set[dt.datetime], layer: str) -> None:
        for first, last in contiguous(hours, HOUR, 1000):
            finish(self._run((first, last + HOUR), layer))

    def _span(self, back: int, hours: int) -> tuple[dt.datetime, dt.datetime]:
        """Hours that end some hours ago; the one under way can be among them."""
        end = floor_hour(self.shop.now) + HOUR - back * HOUR
        start = max(end - hours * HOUR, self.first)
        return start, max(end, start + HOUR)

    def _hours(self) -> set[dt.datetime]:
        return _hours_of(self._whole())

    def _whole(self) -> tuple[dt.datetime, dt.datetime]:
        return self.first, floor_hour(self.shop.now) + HOUR


def _hours_of(span: tuple[dt.datetime, dt.datetime]) -> set[dt.datetime]:
    start, end = span
    return {start + n * HOUR for n in range(int((end - start) / HOUR))}


class Spring(Histories):
    """A history around the day of 23 hours."""

    seasons = ("spring",)


class Autumn(Histories):
    """A history around the day of 25 hours."""

    seasons = ("autumn",)
