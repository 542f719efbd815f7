"""WooCommerce is read without a loss and without a repetition, however it behaves."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest

from shop_assets.demo.apis import Call
from shop_assets.demo.apis.woocommerce_api import MAINTENANCE, PHP_WARNING
from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.sources.woocommerce_lists import asked_after, asked_before
from shop_assets_tests.demo.api_shop import HOUR, START, WINDOW
from shop_assets_tests.woocommerce.conftest import Makes, Woo

STREAMS = ("orders", "order_lines", "refunds", "products", "customers")


def orders_list(call: Call) -> bool:
    return call.path.endswith("/orders")


def texts(numbers: list[int]) -> list[str]:
    return [str(number) for number in numbers]


def without_object(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "object"}


def fill(woo: Woo, orders: int = 5) -> None:
    """Something in each stream."""
    placed = woo.place(orders, shipping_lines=[{"total": "5", "total_tax": "1"}])
    woo.tick(minutes=5)
    for order in placed[:3]:
        woo.shop.refund(order, {woo.line(order): {"quantity": 1, "total": "9"}}, shipping="5")
    woo.shop.trash(placed[0])
    product = woo.shop.add_product(name="Mug", sku="MUG")
    woo.shop.add_product(parent_id=product, sku="MUG-R")
    woo.shop.add_customer(email="a@example.com")
    woo.tick(minutes=1)


def test_a_window_holds_what_changed_in_it_ends_included_as_half_open(woo: Woo) -> None:
    first = woo.place()
    woo.tick(minutes=59, seconds=59)
    last = woo.place()
    woo.tick(seconds=1)
    later = woo.place()
    assert woo.ids("orders") == texts(first + last)
    assert woo.ids("orders", Window(START + HOUR, START + 2 * HOUR)) == texts(later)
    assert woo.ids("orders", Window(START - HOUR, START)) == []
    # Part of a second is no second of WordPress', and is not to be lost.
    middle = dt.timedelta(microseconds=1)
    assert woo.ids("orders", Window(START, START + HOUR + middle)) == texts(first + last + later)
    assert woo.ids("orders", Window(START + middle, START + HOUR)) == texts(last)


def test_many_pages_come_whole_and_in_few_calls(woo: Woo) -> None:
    placed = woo.place(250)
    assert woo.ids("orders") == texts(placed)
    assert len(woo.faults.calls) == 4


@pytest.mark.parametrize("size", [0, 1, 100, 101, 199])
def test_a_list_that_fills_its_pages_exactly_ends(woo: Woo, size: int) -> None:
    placed = woo.place(size)
    assert woo.ids("orders") == texts(placed)


@pytest.mark.parametrize("leaving", [1, 60, 101, 150])
def test_orders_that_leave_the_window_meanwhile_push_none_out_of_sight(
    woo: Woo, leaving: int
) -> None:
    placed = woo.place(310)

    def change(call: Call) -> None:
        woo.clock.set(START + 2 * HOUR)
        for order in placed[: 2 * leaving : 2]:
            woo.shop.pay(order)

    woo.faults.before(change, matches=orders_list, skip=2)
    found = woo.ids("orders")
    staying = set(placed) - set(placed[: 2 * leaving : 2])
    assert set(texts(sorted(staying))) <= set(found)
    assert max(Counter(found).values()) == 1
    later = woo.ids("orders", Window(START + 2 * HOUR, START + 3 * HOUR))
    assert later == texts(placed[: 2 * leaving : 2])


def test_orders_that_leave_at_every_page_are_survived(woo: Woo) -> None:
    placed = woo.place(450)
    left: list[int] = []

    def change(call: Call) -> None:
        woo.clock.set(START + 2 * HOUR)
        left.extend(placed[len(left) : len(left) + 7])
        for order in left[-7:]:
            woo.shop.pay(order)

    woo.faults.before(change, matches=orders_list, skip=1, times=6)
    found = woo.ids("orders")
    assert set(texts(placed)) - set(found) <= set(texts(left))
    assert max(Counter(found).values()) == 1


def test_orders_that_come_into_the_window_repeat_none(woo: Woo) -> None:
    old = woo.place(30)
    woo.clock.set(START + HOUR)
    placed = woo.place(250)
    window = Window(START + HOUR, START + 2 * HOUR)

    def change(_: Call) -> None:
        for order in old:
            woo.shop.pay(order)

    woo.faults.before(change, matches=orders_list, skip=1)
    found = woo.ids("orders", window)
    assert set(texts(placed)) <= set(found)
    assert max(Counter(found).values()) == 1


def test_a_read_goes_on_from_each_of_its_checkpoints(woo_with: Makes) -> None:
    for lacking in ((), ("/refunds", "/variations")):
        woo = woo_with(lacking=lacking)
        fill(woo, 130)
        for stream in STREAMS:
            for midnight in (None, START):
                whole = woo.batches(stream, midnight=midnight)
                ids = [batch.rows["id"].to_pylist() for batch in whole]
                for stop, batch in enumerate(whole):
                    if batch.checkpoint is None or batch.checkpoint["position"] is None:
                        continue
                    rest = woo.ids(stream, midnight=midnight, checkpoint=batch.checkpoint)
                    assert rest == list(chain(*ids[stop + 1 :])), (stream, stop)


def test_a_checkpoint_of_another_window_changes_nothing(woo: Woo) -> None:
    fill(woo, 130)
    for stream in STREAMS:
        newest = woo.batches(stream, midnight=START)[0].checkpoint
        other = Window(START - HOUR, START + 2 * HOUR)
        expected = woo.ids(stream, other, midnight=START)
        assert woo.ids(stream, other, midnight=START, checkpoint=newest) == expected


def test_each_page_twice_changes_nothing(woo: Woo) -> None:
    fill(woo, 130)
    for stream in STREAMS:
        woo.faults.clear()
        expected = woo.rows(stream, midnight=START)
        calls = len(woo.faults.calls)
        for number in range(calls):
            woo.faults.clear()
            woo.faults.repeat(skip=number)
            found = woo.rows(stream, midnight=START)
            assert sorted(map(str, found)) == sorted(map(str, expected)), (stream, number)


@pytest.mark.parametrize("spoilt", ["cut", "short", "warning", "maintenance", "many"])
def test_a_passing_fault_of_each_call_changes_nothing(woo: Woo, spoilt: str) -> None:
    fill(woo, 105)
    spoil: dict[str, Callable[[int], None]] = {
        "cut": lambda n: woo.faults.cut(0.5, skip=n),
        "short": lambda n: woo.faults.shorten(0.99, skip=n),
        "warning": lambda n: woo.faults.change(lambda body: PHP_WARNING + body, skip=n),
        "maintenance": lambda n: woo.faults.answer(
            503, MAINTENANCE, headers={"content-type": "text/html", "retry-after": "0"}, skip=n
        ),
        "many": lambda n: woo.faults.answer(429, b"{}", headers={"retry-after": "0"}, skip=n),
    }
    for stream in ("orders", "refunds", "products"):
        woo.faults.clear()
        expected = woo.rows(stream)
        calls = len(woo.faults.calls)
        for number in range(calls):
            woo.faults.clear()
            spoil[spoilt](number)
            assert woo.rows(stream) == expected


def test_a_page_that_lacks_objects_is_asked_for_again(woo: Woo) -> None:
    placed = woo.place(150)
    woo.faults.change(lambda body: body[: body.rindex(b',{"id":')] + b"]", matches=orders_list)
    assert woo.ids("orders") == texts(placed)


def test_objects_that_the_shop_hides_do_not_stop_the_others(woo: Woo) -> None:
    placed = woo.place(250)
    hidden = set(placed[98:104])

    def hide(body: bytes) -> bytes:
        return json.dumps([o for o in json.loads(body) if o["id"] not in hidden]).encode()

    woo.faults.change(hide, matches=orders_list, times=None)
    assert woo.ids("orders") == texts([o for o in placed if o not in hidden])


def test_what_never_stops_failing_is_said_in_a_sentence(woo_with: Makes) -> None:
    woo = woo_with(source={"retry_budget_seconds": 0})
    woo.place()
    woo.faults.change(lambda body: PHP_WARNING + body, times=None)
    with pytest.raises(SourceError, match=r"Warning.*expected JSON") as told:
        woo.rows("orders")
    assert told.value.transient


@pytest.mark.parametrize(
    ("options", "source", "said"),
    [
        ({"secret": "cs_other"}, {}, "Consumer secret is invalid"),
        ({"forbidden": ["order"]}, {}, "403 woocommerce_rest_cannot_view"),
        ({"plain_permalinks": True}, {}, "permalinks: plain"),
        ({"lacking": ["/orders"]}, {}, "WooCommerce 5.8 or newer"),
    ],
)
def test_a_mistake_of_the_user_is_one_sentence_without_secrets(
    woo_with: Makes, options: dict[str, Any], source: dict[str, Any], said: str
) -> None:
    woo = woo_with(source=source, **options)
    for act in (lambda: woo.connector.check("orders"), lambda: woo.rows("orders")):
        with pytest.raises(SourceError) as told:
            act()
        assert said in str(told.value)
        assert not told.value.transient
        assert "\n" not in str(told.value)
        assert "cs_" not in str(told.value)


def test_a_site_with_plain_permalinks_is_read(woo_with: Makes) -> None:
    woo = woo_with(plain_permalinks=True, source={"permalinks": "plain"})
    placed = woo.place(120)
    assert woo.ids("orders") == texts(placed)
    assert woo.connector.check("orders").problems == []


def test_older_shops_give_the_same_refunds_and_variations(woo_with: Makes) -> None:
    new, old = woo_with(), woo_with(lacking=["/refunds", "/variations"])
    for woo in (new, old):
        fill(woo)
        # The order was modified after the window: its refund was made in it.
        woo.clock.set(START + 2 * HOUR)
        woo.shop.pay(2)
    for stream in ("refunds", "products"):
        first, second = (sorted(map(str, map(without_object, w.rows(stream)))) for w in (new, old))
        assert first == second
    assert old.connector.check("refunds").problems == []


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Tokyo"])
def test_no_hour_is_lost_to_the_clock_of_the_site(woo_with: Makes, zone: str) -> None:
    woo = woo_with(zone=zone)
    begin = dt.datetime(2027, 3, 27, 20, tzinfo=dt.UTC)
    expected = {}
    for hour in range(12):
        woo.clock.set(begin + hour * HOUR)
        expected[hour] = texts(woo.place(2))
    woo.clock.set(begin + 12 * HOUR)
    for hour in range(12):
        at = begin + hour * HOUR
        assert woo.ids("orders", Window(at, at + HOUR)) == expected[hour]


def test_no_time_is_asked_for_that_a_clock_somewhere_skips() -> None:
    night = dt.datetime(2027, 3, 28, 2, 30, tzinfo=dt.UTC)
    assert asked_after(night) < "2027-03-28T02:00:00"
    assert asked_before(night) >= "2027-03-28T03:00:00"
    noon = dt.datetime(2027, 6, 1, 12, tzinfo=dt.UTC)
    assert (asked_after(noon), asked_before(noon)) == ("2027-06-01T11:59:59", "2027-06-01T12:00:00")


def test_orders_of_the_last_days_are_read_again_once_a_day(woo_with: Makes) -> None:
    woo = woo_with(source={"reread_days": 2})
    woo.clock.set(START - dt.timedelta(days=3))
    woo.place()
    woo.clock.set(START - dt.timedelta(hours=40))
    old, thrown = woo.place(2)
    woo.shop.trash(thrown)
    woo.clock.set(START + dt.timedelta(minutes=30))
    [new] = woo.place()
    woo.clock.set(START + 3 * HOUR)
    woo.shop.edit(old, silently=True, line_items=[{"id": woo.line(old), "total": "1"}])
    assert woo.ids("orders") == texts([new])
    assert woo.ids("orders", midnight=START) == texts([new, old, thrown])
    request = ReadRequest("orders", WINDOW, midnight=START)
    compared = woo.connector.compared(request)
    assert compared is not None
    assert (compared.key, compared.complete, compared.window) == (("id",), False, WINDOW)
    [line, *_] = [r for r in woo.rows("order_lines", midnight=START) if r["order_id"] == str(old)]
    assert line["total"] == "1.000000"
    assert line["_change_time"] == START - dt.timedelta(hours=40)


def test_customers_are_read_all_once_a_day_or_each_hour(woo_with: Makes) -> None:
    daily, hourly = woo_with(), woo_with(source={"customers": "hourly"})
    for woo in (daily, hourly):
        woo.clock.set(START - dt.timedelta(days=100))
        woo.shop.add_customer(email="old@example.com", role="subscriber")
        woo.clock.set(START + 5 * HOUR)
        woo.shop.add_customer(email="new@example.com", first_name="Ann", last_name="Bo")
    assert daily.rows("customers") == []
    assert not daily.connector.compared(ReadRequest("customers", WINDOW))
    [old, new] = daily.rows("customers", midnight=START)
    assert old["_change_time"] == START - dt.timedelta(days=100)
    # What the window has no time for yet comes at its end.
    assert new["_change_time"] == START + HOUR - dt.timedelta(seconds=1)
    assert new["name"] == "Ann Bo"
    assert hourly.ids("customers") == ["1", "2"]
    compared = hourly.connector.compared(ReadRequest("customers", WINDOW))
    assert compared is not None
    assert compared.complete


def test_all_products_are_read_once_a_day_and_those_modified_each_hour(woo: Woo) -> None:
    woo.clock.set(START - dt.timedelta(days=9))
    mug = woo.shop.add_product(name="Mug", sku="MUG", categories=[{"id": 1, "name": "Kitchen"}])
    red = woo.shop.add_product(parent_id=mug, sku="MUG", name="Red")
    blue = woo.shop.add_product(parent_id=mug, sku="MUG-B", name="Blue")
    gone = woo.shop.add_product(name="Old")
    woo.clock.set(START)
    woo.shop.edit_product(blue, regular_price="9.00")
    woo.shop.edit_product(gone, status="trash")
    assert woo.ids("products") == texts([gone, blue])
    rows = {row["id"]: row for row in woo.rows("products", midnight=START)}
    assert set(rows) == set(texts([mug, red, blue, gone]))
    assert rows[str(mug)]["category"] == "Kitchen"
    # A variation that says its product's SKU has none of its own.
    assert [rows[str(n)]["article"] for n in (mug, red, blue)] == ["MUG", str(red), "MUG-B"]


def test_an_object_without_its_time_is_told(woo: Woo) -> None:
    woo.place()
    woo.faults.change(
        lambda body: body.replace(b'"date_modified_gmt":"2026', b'"date_modified_gmt":"soon'),
        times=None,
    )
    with pytest.raises(SourceError, match=r"date_modified_gmt of 1 is 'soon.*expected a time"):
        woo.rows("orders")


def test_new_fields_and_missing_ones_are_no_fault(woo: Woo) -> None:
    woo.place()
    woo.faults.change(
        lambda body: body.replace(b'"coupon_lines":[],', b'"new_thing":{"a":[1]},'), times=None
    )
    [row] = woo.rows("orders")
    assert row["coupons"] is None
    assert '"new_thing"' in row["object"]


def test_an_empty_shop_has_no_rows_but_its_columns(woo: Woo) -> None:
    for stream in STREAMS:
        assert woo.rows(stream, midnight=START) == []
        check = woo.connector.check(stream)
        assert {"id", "object"} <= set(check.columns)
        assert set(woo.batches(stream)[-1].rows.column_names) >= set(check.columns)
