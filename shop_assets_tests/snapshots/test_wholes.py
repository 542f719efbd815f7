"""Rows of parents that a read gives whole: what such a parent no longer has is gone."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterable
from dataclasses import dataclass, field

import pyarrow as pa
import pytest

from shop_assets.partitions import HOUR
from shop_assets.sources.objects import table
from shop_assets.sources.protocol import PROVENANCE, Batch, Compared, Window
from shop_assets.warehouse import source_keys
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.snapshots.raw_zone import START, Raw

KEY = ("order", "line")
COLUMNS = {name: name for name in (*KEY, "word")}
MINUTE, MICROSECOND = dt.timedelta(minutes=1), dt.timedelta(microseconds=1)


@dataclass
class Order:
    """An order: when it changed, as far as it says, and the word of each of its lines."""

    changed: dt.datetime
    lines: dict[str, str] = field(default_factory=dict)


def at(hour: float) -> dt.datetime:
    return START + hour * HOUR


def batch(orders: dict[str, Order], whole: Iterable[str]) -> Batch:
    """The lines of orders, of which some are whole."""
    rows = [
        {"order": number, "line": line, "word": word}
        for number, order in orders.items()
        for line, word in order.lines.items()
    ]
    told = table(
        rows,
        COLUMNS,
        changed=[orders[row["order"]].changed for row in rows],
        positions=[row["line"] for row in rows],
    )
    named = [number for number in whole if number in orders]
    times = [orders[number].changed for number in named]
    wholes = {
        "order": pa.array(named, pa.string()),
        "_change_time": pa.array(times, PROVENANCE.field("_change_time").type),
    }
    return Batch(told, wholes=pa.table(wholes))


@dataclass
class Orders(Raw):
    """A shop whose orders are read by when they changed, or all at once."""

    orders: dict[str, Order] = field(default_factory=dict)

    def put(self, number: str, changed: float, **lines: str) -> None:
        """An order as it is from an hour (counted from `START`) on."""
        self.orders[number] = Order(at(changed), lines)

    def load(
        self,
        first: int,
        last: int | None = None,
        *,
        whole: Iterable[str] | None = None,
        everything: bool = False,
        batches: Iterable[Batch] | None = None,
        window: Window | None = None,
        until: str = "end",
    ) -> int:
        """Load hours; how many rows came. `whole`: the orders that are read so, if not all.

        `window`: what is read, if not the hours and a little before. `batches`: what comes.
        """
        end = at(1 + (first if last is None else last))
        window = window or Window(at(first) - 5 * MINUTE, end)
        how = Compared(KEY, window, complete=False, within=KEY[:1])
        found = {
            number: order
            for number, order in self.orders.items()
            if order.changed < window.end and (everything or order.changed >= window.start)
        }
        # Two batches, as pages would be.
        some = set(sorted(found)[::2])
        parts: Iterable[Batch] = batches or [
            batch({n: o for n, o in found.items() if (n in some) == chosen}, whole or found)
            for chosen in (True, False)
        ]
        return self.take(how, parts, span=(at(first), end), until=until)

    def source(self) -> dict[str, str]:
        """The word of each line that is there."""
        return {
            f"{number},{line}": word
            for number, order in self.orders.items()
            for line, word in order.lines.items()
        }


@pytest.fixture
def shop(warehouse: Warehouse) -> Orders:
    """Two orders that were loaded, of two lines and of one."""
    shop = Orders(warehouse)
    shop.put("1", 0.1, a="x", b="x")
    shop.put("12", 0.1, a="x")
    assert shop.load(0) == 3
    return shop


def test_a_line_that_its_order_no_longer_has_is_gone_when_the_order_changed(shop: Orders) -> None:
    shop.put("1", 2.5, a="x")
    assert shop.load(2) == 0
    assert shop.now() == shop.source() == {"1,a": "x", "12,a": "x"}
    assert shop.ended() == [(2, "1,b", at(2.5))]


def test_all_lines_of_an_order_may_be_gone(shop: Orders) -> None:
    shop.put("1", 2.5)
    shop.load(2)
    assert shop.now() == shop.source() == {"12,a": "x"}


def test_an_order_that_is_not_said_to_be_whole_ends_nothing(shop: Orders) -> None:
    shop.put("1", 2.5, a="y")
    shop.put("12", 2.5)
    shop.load(2, whole=["12"])
    assert shop.now() == {"1,a": "y", "1,b": "x"}


def test_what_an_order_lost_without_a_date_goes_right_after_its_row(shop: Orders) -> None:
    shop.put("1", 0.1, a="x")
    assert shop.load(15, everything=True) == 0
    assert shop.now() == shop.source()
    assert shop.ended() == [(15, "1,b", at(0.1) + MICROSECOND)]


def test_a_line_that_comes_back_is_there_and_may_go_again(shop: Orders) -> None:
    both = {"a": "x", "b": "x"}
    for hour, lines in enumerate([{"a": "x"}, both, {"a": "x"}, {}, both, both], 1):
        # Sometimes in an hour of its own, sometimes by a date that stays as it was.
        shop.put("1", hour + 0.5 if hour % 2 else hour - 0.5, **lines)
        shop.load(hour, everything=True)
        assert shop.now() == shop.source(), hour
    assert shop.load(9, everything=True) == 0


def test_an_hour_loaded_again_finds_the_same(shop: Orders) -> None:
    shop.put("1", 1.5, a="x")
    for _ in range(2):
        shop.load(1)
        assert shop.ended() == [(1, "1,b", at(1.5))]
    # The next hour's window has the order once more.
    shop.put("12", 1.99)
    for hour in (1, 2, 2, 1):
        shop.load(hour)
    assert shop.ended() == [(1, "1,b", at(1.5)), (1, "12,a", at(1.99))]
    assert shop.now() == shop.source()


def test_a_range_of_hours_ends_in_its_last_one_at_the_time_of_the_change(shop: Orders) -> None:
    shop.put("1", 2.5, a="x")
    shop.load(1, 5)
    shop.load(2)
    assert shop.ended() == [(5, "1,b", at(2.5))]
    assert shop.now() == shop.source()


def test_a_load_that_ended_early_is_made_up_for(shop: Orders) -> None:
    shop.put("1", 1.5, a="y", c="y")
    shop.load(1, until="write")
    shop.put("1", 1.6, a="y")
    shop.load(1, until="remember")
    shop.load(1)
    assert shop.now() == shop.source()


def test_what_another_batch_has_after_all_is_not_gone(shop: Orders) -> None:
    # The order moved on to the next list while both were read.
    shop.put("1", 2.5, a="x", b="x")
    late = batch(shop.orders, ["1"])
    early = batch({"1": Order(at(2.4), {"a": "x"})}, ["1"])
    shop.load(2, batches=[early, late])
    assert shop.now() == shop.source()


def test_what_came_while_it_was_read_is_not_gone(shop: Orders) -> None:
    shop.put("1", 2.5, a="x", b="x", c="x")
    early = batch({"1": Order(at(1.5), {"a": "x", "b": "x"})}, ["1"])

    def meanwhile() -> Iterable[Batch]:
        # Another run loads the next hour in between.
        Orders(shop.warehouse, shop.rows, orders=shop.orders).load(2)
        yield early

    shop.load(1, batches=meanwhile())
    assert shop.now() == shop.source()


def test_what_another_load_of_the_hour_saw_later_is_not_gone(shop: Orders) -> None:
    def meanwhile() -> Iterable[Batch]:
        # This answer is older than the one that the other load gets.
        stale = batch({"1": Order(at(1.5), {"a": "x", "b": "x"})}, ["1"])
        shop.put("1", 1.6, a="x", b="x", c="x")
        shop.load(1)
        yield stale

    shop.load(1, batches=meanwhile())
    assert shop.now() == shop.source()


def test_a_row_that_a_slower_load_brings_after_its_end_has_ended(shop: Orders) -> None:
    def slowly() -> Iterable[Batch]:
        yield batch({"1": Order(at(1.5), {"a": "x", "b": "y"})}, ["1"])
        shop.put("1", 2.5, a="x")
        shop.load(2)

    shop.load(1, batches=slowly())
    assert shop.now() == shop.source()
    shop.load(2)
    assert shop.now() == shop.source()
    assert shop.ended() == [(2, "1,b", at(2.5))]


@pytest.mark.parametrize("until", ["end", "remember"])
def test_a_row_that_a_slower_load_has_still_to_write_ends_an_hour_later(
    shop: Orders, until: str
) -> None:
    def slowly() -> Iterable[Batch]:
        yield batch({"1": Order(at(1.5), {"a": "x", "b": "x", "c": "x"})}, ["1"])
        shop.put("1", 2.5, a="x")
        shop.load(2)

    shop.load(1, batches=slowly(), until=until)
    assert "1,c" in shop.now()
    for hour in (3, 4):
        shop.put_off_to(at(hour))
        shop.load(hour)
        assert shop.now() == shop.source()
    assert [end for end in shop.ended() if end[1] == "1,c"] == [
        (2, "1,c", at(2.5)),
        (3, "1,c", at(2.5)),
    ]


def test_what_never_comes_is_put_off_no_longer_than_a_load_may_take(shop: Orders) -> None:
    def slowly() -> Iterable[Batch]:
        yield batch({"1": Order(at(1.5), {"a": "x", "b": "x", "c": "x"})}, ["1"])
        shop.put("1", 2.5, a="x", b="x")
        shop.load(2)

    shop.load(1, batches=slowly(), until="write")
    for hour in (3, 4):
        shop.put_off_to(at(hour))
        shop.load(hour)
    with shop.warehouse.transaction() as cursor:
        cursor.execute("UPDATE meta.source_keys SET seen_at = seen_at - interval '3 days'")
    for hour in (5, 6, 7):
        shop.put_off_to(at(hour))
        shop.load(hour)
    assert [hour for hour, key, _ in shop.ended() if key == "1,c"] == [2, 3, 4, 5]
    assert shop.now() == shop.source()


def test_what_is_noted_late_of_an_order_that_has_changed_since_is_gone(shop: Orders) -> None:
    def later() -> Iterable[Batch]:
        # The other load's answer is older than this one's.
        shop.load(1, batches=[batch({"1": Order(at(1.5), {"a": "x", "b": "x", "c": "x"})}, ["1"])])
        yield batch(shop.orders, ["1"])

    shop.put("1", 2.5, a="x")
    shop.load(2, batches=later())
    assert shop.now() == shop.source()


def test_what_is_written_while_another_load_reads_was_there_when_it_was_read(shop: Orders) -> None:
    def meanwhile() -> Iterable[Batch]:
        written = {"key": ["12,a"], "hour": [at(0)], "changed_at": [at(0.1)], "row_hash": [7]}
        source_keys.remember(shop.warehouse, "shop", "rows", pa.table(written))
        yield batch(shop.orders, ["1", "12"])

    shop.put("12", 0.1)
    shop.load(15, batches=meanwhile())
    assert shop.now() == shop.source() == {"1,a": "x", "1,b": "x"}


def test_an_open_hour_has_the_ends_of_all_its_loads(shop: Orders) -> None:
    # The first one comes as the hour begins, and reads what overlaps it alone.
    shop.put("1", 1.99, a="x")
    for minutes in (0, 20, 40):
        if minutes == 40:
            shop.put("12", 2.5)
        window = Window(at(2) - 5 * MINUTE, at(2) + minutes * MINUTE)
        shop.load(2, window=window)
        assert shop.now() == shop.source()
    assert shop.ended() == [(2, "1,b", at(1.99)), (2, "12,a", at(2.5))]


def test_a_row_at_the_windows_very_end_is_left_to_the_next(shop: Orders) -> None:
    shop.put("12", 1.5, b="x")
    shop.orders["12"].changed = at(2) - MICROSECOND
    shop.load(1)
    assert "12,b" in shop.now()
    shop.put("12", 1.95)
    shop.load(1)
    assert "12,b" in shop.now()
    shop.load(2)
    assert shop.now() == {"1,a": "x", "1,b": "x"}


ODD = ("1", "1,", "1~", "1,a", "10", "1-", "", "~N", "1+", "é", "e\u0301", "Z", "z")


def test_orders_whose_names_are_alike_are_told_apart(warehouse: Warehouse) -> None:
    shop = Orders(warehouse)
    for name in ODD:
        shop.put(name, 0.5, **{"a": "x", "b,": "x"})
    assert shop.load(0) == 2 * len(ODD)
    before = shop.now()
    for hour, name in enumerate(ODD, 1):
        shop.put(name, hour + 0.5, a="x")
        shop.load(hour)
        assert len(shop.now()) == len(before) - hour, name
        assert [line for _, line, _ in shop.ended()][-1].endswith(",b~,")


def test_only_the_first_columns_of_a_key_name_a_parent() -> None:
    window = Window(START, START + HOUR)
    for within in (("line",), KEY, ("other",)):
        with pytest.raises(ValueError, match="does not begin the key"):
            Compared(KEY, window, complete=False, within=within)


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_a_fresh_read_would_find_the_same(seed: int, warehouse: Warehouse) -> None:
    # Lines come, change and go, with a date or without; each day all is read again.
    chance = random.Random(seed)
    shop, hour = Orders(warehouse), 0
    for _ in range(12):
        for number in chance.sample("123", chance.randrange(3)):
            order = shop.orders.setdefault(number, Order(at(hour)))
            line = chance.choice("abc")
            if chance.random() < 0.5:
                order.lines.pop(line, None)
            else:
                order.lines[line] = chance.choice("xy")
            if chance.random() < 0.7:
                order.changed = at(hour + chance.random() * 0.9)
        until = chance.choice(["end", "end", "write", "remember"])
        shop.load(hour, everything=chance.random() < 0.3, until=until)
        if until != "end":
            shop.load(hour)
        if chance.random() < 0.3:
            shop.load(max(0, hour - 2), hour)
        hour += chance.choice([0, 1, 2])
    shop.load(hour + 1, everything=True)
    assert shop.now() == shop.source()
    assert shop.load(hour + 2, everything=True) == 0
    assert shop.now() == shop.source()
