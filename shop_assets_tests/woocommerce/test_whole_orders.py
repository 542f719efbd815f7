"""A read says of which orders it has every line: what is not among these was taken out."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest

from shop_assets.sources.protocol import ReadRequest
from shop_assets_tests.demo.api_shop import START, WINDOW
from shop_assets_tests.woocommerce.conftest import Makes, Woo

Change = Callable[[dict[str, Any]], None]


def wholes(woo: Woo, **more: Any) -> dict[str, dt.datetime]:
    """The orders that a read says are whole, and when each changed."""
    return {
        row["order_id"]: row["_change_time"]
        for batch in woo.batches("order_lines", **more)
        if batch.wholes is not None
        for row in batch.wholes.to_pylist()
    }


def answered(woo: Woo, order: int, change: Change) -> None:
    """From now on, let the shop answer that of an order."""

    def changed(body: bytes) -> bytes:
        listed = json.loads(body)
        for each in listed:
            if each["id"] == order:
                change(each)
        return json.dumps(listed).encode()

    woo.faults.change(changed, times=None)


def test_every_order_that_is_listed_is_whole_with_or_without_lines(woo: Woo) -> None:
    first, second = woo.place(2, fee_lines=[{"total": "1"}])
    woo.tick(minutes=5)
    woo.shop.take_out(second, woo.line(second))
    [fee] = [r["id"] for r in woo.rows("order_lines") if r["order_id"] == str(second)]
    woo.shop.take_out(second, int(fee))
    later = START + dt.timedelta(minutes=5)
    assert wholes(woo) == {str(first): START, str(second): later}
    assert {row["order_id"] for row in woo.rows("order_lines")} == {str(first)}


def test_each_batch_has_the_lines_of_the_orders_that_it_says_are_whole(woo_with: Makes) -> None:
    woo = woo_with(source={"page_size": 20})
    placed = woo.place(50)
    said: set[str] = set()
    for batch in woo.batches("order_lines"):
        named = set() if batch.wholes is None else set(batch.wholes["order_id"].to_pylist())
        assert named == set(batch.rows["order_id"].to_pylist())
        said |= named
    assert said == set(map(str, placed))


def test_an_order_read_again_says_when_it_changed_though_that_was_before(woo: Woo) -> None:
    before = START - dt.timedelta(days=2)
    woo.clock.set(before)
    [old] = woo.place()
    woo.clock.set(START)
    [new] = woo.place()
    assert wholes(woo) == {str(new): START}
    assert wholes(woo, midnight=START) == {str(new): START, str(old): before}


@pytest.mark.parametrize("name", ["line_items", "fee_lines"])
@pytest.mark.parametrize("said", ["nothing", None, 0, ""])
def test_an_answer_that_does_not_list_the_lines_says_nothing_of_them(
    woo: Woo, name: str, said: object
) -> None:
    first, second = woo.place(2)
    answered(woo, first, lambda o: o.pop(name) if said == "nothing" else o.update({name: said}))
    assert wholes(woo) == {str(second): START}


def test_an_order_with_a_line_that_cannot_be_kept_is_not_whole(woo: Woo) -> None:
    line = {"quantity": 1, "total": "1"}
    _, second = woo.place(2, line_items=[line, {**line, "name": "a\0b"}])
    woo.shop.edit(second, line_items=[{**line, "id": woo.line(second)}])
    errors = [row["_error"] for row in woo.rows("order_lines")]
    assert [error is None for error in errors] == [True, False, True]
    assert wholes(woo) == {str(second): START}


def test_only_lines_go_so(woo: Woo) -> None:
    woo.place()
    for stream in ("orders", "order_lines", "refunds", "products", "customers"):
        compared = woo.connector.compared(ReadRequest(stream, WINDOW, midnight=START))
        within = () if compared is None else compared.within
        assert within == (("order_id",) if stream == "order_lines" else ())
        said = [batch.wholes is not None for batch in woo.batches(stream, midnight=START)]
        assert any(said) == bool(within)
