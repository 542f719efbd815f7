"""What the connector reads of a Shopify shop, and what it asks for."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest

from shop_assets.demo.apis.shopify import (
    SCOPES,
    TOKEN,
    NewCustomer,
    NewLevel,
    NewLine,
    NewProduct,
    NewVariant,
)
from shop_assets.demo.apis.shopify.bulk import Failure
from shop_assets.demo.apis.shopify.cost import Bucket
from shop_assets.demo.apis.shopify.values import gid, number_of
from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets.sources.reading import gather
from shop_assets.sources.shopify import bulk, connector
from shop_assets_tests.demo.api_shop import HOUR, START, WINDOW
from shop_assets_tests.shopify.conftest import DAY, EUR, Makes, Shop

STREAMS = [
    "orders",
    "order_lines",
    "refunds",
    "returns",
    "agreements",
    "transactions",
    "customers",
    "products",
    "inventory_levels",
]


def number(id_: str) -> str:
    return str(number_of(id_))


def lived_in(shop: Shop) -> str:
    """A shop with something in each of its streams; gives an order that much happened to."""
    at = shop.clock.seconds * EUR
    shop.server.put_products(
        [
            NewProduct(7, "Lamp", at, at, [NewVariant(70, "LAMP", 10 * EUR, 4 * EUR)]),
            NewProduct(8, "Mug", at, at, [NewVariant(80, "  ", EUR), NewVariant(81, None, EUR)]),
        ]
    )
    shop.server.put_levels([NewLevel(70, 1, at, {"available": 3, "damaged": 1})])
    shop.server.put_levels([NewLevel(80, 2, at, {"available": -1, "committed": 2})])
    shop.server.put_customers([NewCustomer(5, at, at, "a@example.net", "Ada Low", "DE", True)])
    lamp = gid("ProductVariant", 70)
    order = shop.place(
        NewLine(10 * EUR, 3, "LAMP", discount=EUR, order_discount=2 * EUR, tax=EUR, variant=lamp),
        NewLine(5 * EUR, 1, variant=gid("ProductVariant", 81), gift_card=True),
        customer=gid("Customer", 5),
        campaign="cmp-01",
        country="DE",
    )
    shop.place()
    shop.tick(minutes=10)
    lamp_line, _ = shop.lines(order)
    shop.server.edit_order(order, {lamp_line: 2}, [NewLine(7 * EUR, 1, "HAT")])
    shop.server.fulfil_order(order)
    shop.server.start_return(order, {lamp_line: 1}, "DEFECTIVE")
    shop.server.refund(order, {lamp_line: 1}, shipping=4_900_000, note="broken")
    return order


def plain(rows: list[dict[str, Any]]) -> list[str]:
    """Rows without where they stood."""
    return sorted(
        json.dumps({k: v for k, v in row.items() if not k.startswith("_")}, default=str)
        for row in rows
    )


@pytest.mark.parametrize("stream", STREAMS)
def test_pages_and_bulk_files_give_the_same_rows(shop: Shop, stream: str) -> None:
    lived_in(shop)
    paged = shop.rows(stream)
    assert shop.asked("bulkOperationRunQuery") == []
    in_bulk = shop.rows(stream, Window(WINDOW.start, WINDOW.start + 30 * HOUR))
    assert shop.asked("bulkOperationRunQuery") != []
    assert plain(paged) == plain(in_bulk)
    assert paged
    assert {row["_change_time"] for row in paged} <= {START, START + dt.timedelta(minutes=10)}


def test_an_order_is_one_row_with_shop_money(shop_with: Makes) -> None:
    shop = shop_with()
    order = lived_in(shop)
    rows = {row["order_id"]: row for row in shop.rows("orders")}
    row = rows[number(order)]
    assert (row["customer_id"], row["campaign"], row["country"]) == ("5", "cmp-01", "DE")
    assert (row["financial_status"], row["fulfillment_status"]) == (
        "PARTIALLY_REFUNDED",
        "FULFILLED",
    )
    assert (row["shipping"], row["test"], row["edited"]) == ("4.9", "false", "true")
    assert json.loads(row["object"])["name"] == f"#{number(order)}"
    other = next(row for row in rows.values() if row["order_id"] != number(order))
    assert other["customer_id"] is None


def test_a_line_is_what_edits_left_and_refunds_are_rows_of_their_own(shop: Shop) -> None:
    order = lived_in(shop)
    lamp, card, hat = (row for row in shop.rows("order_lines") if row["order_id"] == number(order))
    assert (lamp["quantity"], lamp["current_quantity"], lamp["sold_quantity"]) == ("3", "1", "2")
    assert (lamp["unit_price"], lamp["discount"]) == ("10.0", "3.0")
    assert (lamp["product_key"], card["product_key"], hat["product_key"]) == ("LAMP", "81", "HAT")
    assert (card["gift_card"], lamp["gift_card"]) == ("true", "false")
    # A line that an edit has added was sold then.
    assert lamp["sold_at"] == "2026-11-03T10:00:00Z"
    assert hat["sold_at"] == "2026-11-03T10:10:00Z"
    [line, rest] = shop.rows("refunds")
    assert (line["line_id"], line["quantity"], line["note"]) == (lamp["line_id"], "1", "broken")
    assert (rest["line_id"], rest["shipping"], rest["quantity"]) == (None, "4.9", "0")
    parts = [Decimal(row[part]) for row in (line, rest) for part in ("amount", "shipping", "tax")]
    assert sum(parts) == Decimal(line["total_refunded"])


def test_a_removed_line_is_said_to_be_removed(shop: Shop) -> None:
    order = shop.place()
    _, mug = shop.lines(order)
    shop.server.edit_order(order, {mug: 0})
    assert {row["sku"]: row["removed"] for row in shop.rows("order_lines")} == {
        "LAMP": "false",
        "MUG": "true",
    }


def test_products_are_rows_of_variants_and_levels_of_locations(shop: Shop) -> None:
    lived_in(shop)
    products = {row["variant_id"]: row for row in shop.rows("products")}
    assert [products[v]["product_key"] for v in ("70", "80", "81")] == ["LAMP", "80", "81"]
    assert (products["70"]["price"], products["70"]["cost"]) == ("10.0", "4.0")
    assert products["70"]["currency"] == "EUR"
    levels = {row["level_id"]: row for row in shop.rows("inventory_levels")}
    berlin, paris = levels["1:70"], levels["2:80"]
    assert (berlin["available"], berlin["on_hand"], berlin["unavailable"]) == ("3", "4", "1")
    assert (paris["available"], paris["committed"], paris["product_key"]) == ("-1", "2", "80")


def test_the_ledger_of_sales_sums_to_what_orders_are_worth(shop: Shop) -> None:
    lived_in(shop)
    worth = sum(Decimal(row["current_total_price"]) for row in shop.rows("orders"))
    sales = shop.rows("agreements")
    assert sum(Decimal(row["total_amount"]) for row in sales) == worth
    assert {row["reason"] for row in sales} == {"ORDER", "ORDER_EDIT", "REFUND"}
    kinds = {row["kind"]: row for row in shop.rows("transactions")}
    assert set(kinds) == {"SALE", "REFUND"}
    assert kinds["REFUND"]["parent_id"] is not None
    [back] = shop.rows("returns")
    assert (back["status"], back["reason"], back["quantity"]) == ("OPEN", "DEFECTIVE", "1")


def test_prices_that_include_tax_are_read_without_it(shop: Shop) -> None:
    order = shop.place(
        NewLine(11_900_000, 3, "LAMP", discount=1_700_000, tax=5_430_000),
        shipping=5_950_000,
        shipping_tax=950_000,
        taxes_included=True,
    )
    shop.server.refund(order, {shop.lines(order)[0]: 3}, shipping=5_950_000)
    [row], [line] = shop.rows("orders"), shop.rows("order_lines")
    goods = Decimal(line["unit_price"]) * 3 - Decimal(line["discount"])
    assert goods == Decimal("35.70") - Decimal("1.70") - Decimal("5.43")
    assert Decimal(row["shipping"]) == 5
    total = goods + Decimal(row["shipping"]) + Decimal(row["total_tax"])
    assert total == Decimal(row["total_price"]) == Decimal("39.95")
    given = shop.rows("refunds")
    assert sum(Decimal(part["amount"]) for part in given) == goods
    assert {part["total_refunded"] for part in given} == {"39.95"}


def test_lists_within_an_order_are_read_to_their_ends(shop: Shop) -> None:
    many = [NewLine(EUR, 1, f"SKU-{n}") for n in range(57)]
    order = shop.place(*many)
    for line in shop.lines(order)[:4]:
        shop.server.edit_order(order, {line: 2})
    shop.server.refund(order, dict.fromkeys(shop.lines(order)[:30], 1))
    assert len(shop.rows("order_lines")) == 57
    assert sum(row["sold_quantity"] == "2" for row in shop.rows("order_lines")) == 4
    refunds = shop.rows("refunds")
    assert len(refunds) == 30
    assert len({row["part_id"] for row in refunds}) == 30
    sales = shop.rows("agreements")
    assert len(sales) == len({row["sale_id"] for row in sales}) == 57 + 1 + 4 + 30


def test_windows_are_half_open_and_times_are_quoted(shop: Shop) -> None:
    for _ in range(3):
        shop.place()
        shop.tick(minutes=30)
    assert [row["order_id"] for row in shop.rows("orders")] == ["1001", "1002"]
    after = Window(WINDOW.end, WINDOW.end + HOUR)
    assert [row["order_id"] for row in shop.rows("orders", after)] == ["1003"]
    [asked, *_] = shop.asked("updated_at")
    assert "updated_at:>='2026-11-03T10:00:00Z' AND updated_at:<'2026-11-03T11:00:00Z'" in asked


def test_objects_beyond_the_25_000_of_a_list_are_read_all_the_same(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connector, "MOST_PAGED", 20)
    for n in range(95):
        shop.place(paid=False)
        if n % 3 == 0:
            shop.tick(seconds=1)
    ids = [row["order_id"] for row in shop.rows("orders")]
    assert len(ids) == len(set(ids)) == 95
    starts = {json.loads(body)["variables"].get("query") for body in shop.asked("updated_at")}
    assert len(starts) >= 3


def test_a_query_that_is_too_dear_is_asked_in_smaller_pages(shop: Shop) -> None:
    for _ in range(12):
        shop.place()
    dear = json.dumps(
        {"errors": [{"message": "too dear", "extensions": {"code": "MAX_COST_EXCEEDED"}}]}
    ).encode()
    shop.faults.answer(200, dear, times=2)
    assert len(shop.rows("orders")) == 12
    firsts = [json.loads(body)["variables"]["first"] for body in shop.asked("updated_at")]
    assert firsts[:3] == [10, 5, 2]
    assert max(firsts) > 5


def test_points_that_are_used_up_are_waited_for(shop_with: Makes) -> None:
    shop = shop_with(points=1000.0, points_per_second=3000.0)
    for _ in range(60):
        shop.place()
    assert len(shop.rows("order_lines")) == 120
    shop.server._buckets[TOKEN].take(950)
    assert len(shop.rows("order_lines")) == 120


def test_a_shop_that_throttles_for_good_is_a_transient_error(shop_with: Makes) -> None:
    shop = shop_with(source={"retry_budget_seconds": 0.2})
    shop.place()
    shop.server._buckets[TOKEN] = Bucket(time.monotonic, 300.0, 0.001)
    shop.server._buckets[TOKEN].take(250)
    with pytest.raises(SourceError, match="points are used up") as caught:
        shop.rows("order_lines")
    assert caught.value.transient


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda shop: shop.server.tokens.clear(), "access token is not known"),
        (lambda shop: setattr(shop.server, "frozen", True), "refuses the access token"),
    ],
)
def test_a_token_that_is_refused_is_said_in_a_sentence(
    shop: Shop, change: Callable[[Shop], Any], said: str
) -> None:
    change(shop)
    with pytest.raises(SourceError, match=said) as caught:
        shop.rows("orders")
    assert not caught.value.transient
    assert TOKEN not in str(caught.value)


def test_what_the_token_may_not_read_is_said_before_and_while_reading(shop_with: Makes) -> None:
    shop = shop_with(tokens={TOKEN: SCOPES - {"read_returns"}})
    shop.place()
    assert shop.connector.check("orders").problems == []
    [problem] = shop.connector.check("returns").problems
    assert "read_returns" in problem
    with pytest.raises(SourceError, match="may not read all"):
        shop.rows("returns")


def test_orders_that_the_token_cannot_see_are_no_empty_window(shop_with: Makes) -> None:
    shop = shop_with(tokens={TOKEN: SCOPES - {"read_all_orders"}})
    past = Window(START - dt.timedelta(days=200), START - dt.timedelta(days=199, hours=23))
    with pytest.raises(SourceError, match="read_all_orders"):
        shop.rows("orders", past)
    assert shop.rows("customers", past) == []


def test_a_bulk_operation_that_fails_is_never_taken_for_the_whole(shop: Shop) -> None:
    for _ in range(6):
        shop.place()
    shop.server.bulk.failures.append(Failure("INTERNAL_SERVER_ERROR", 0.5))
    assert len(shop.rows("order_lines", DAY)) == 12
    # What it got to was not even fetched: the window was read page by page.
    assert not [call for call in shop.faults.calls if call.path.startswith("/bulk/")]
    assert shop.asked("lineItems(first:5)")


def test_a_read_that_goes_on_starts_no_second_operation(shop: Shop) -> None:
    for _ in range(5):
        shop.place()
    shop.faults.cut(0.6, matches=lambda call: call.path.startswith("/bulk/"), times=4)
    found = gather(shop.connector, ReadRequest("order_lines", DAY))
    assert sum(batch.num_rows for batch in found.batches) == 10
    assert len(shop.asked("bulkOperationRunQuery")) == 1


def test_an_address_that_is_out_of_date_has_the_operation_run_again(shop: Shop) -> None:
    shop.place()
    first = next(iter(shop.connector.read(ReadRequest("order_lines", DAY))))
    assert first.checkpoint is not None
    shop.rows("order_lines", DAY, checkpoint=first.checkpoint)
    shop.server.bulk.expire()
    again = shop.rows("order_lines", DAY, checkpoint=first.checkpoint)
    assert len(again) == 2
    assert len(shop.asked("bulkOperationRunQuery")) == 2


def test_the_same_operation_of_another_run_is_waited_for_and_others_are_let_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "_LONGEST_LOOK", 0.02)
    shop.place()
    reads = [iter(shop.connector.read(ReadRequest("order_lines", DAY))) for _ in range(2)]
    started = [next(read).checkpoint for read in reads]
    assert started[0] == started[1]
    other = "{ products { edges { node { id } } } }"
    run = "mutation($q: String!) { bulkOperationRunQuery(query: $q) { bulkOperation { id } } }"
    for _ in range(4):
        shop.ask(run, {"q": other})
    looks: list[object] = []

    def end_one(_: object) -> None:
        looks.append(1)
        if len(looks) == 3:
            for n in range(2, 6):
                for _ in range(3):
                    shop.server.bulk.look(gid("BulkOperation", n))

    shop.faults.before(end_one, times=None)
    assert len(shop.rows("customers", DAY)) == 0
    assert len(shop.asked("bulkOperationRunQuery")) >= 6


def test_a_file_that_lacks_lines_is_an_error(shop: Shop) -> None:
    for _ in range(4):
        shop.place()
    shop.faults.change(
        lambda body: b"\n".join(body.split(b"\n")[:-3]),
        matches=lambda call: call.path.startswith("/bulk/"),
        times=None,
    )
    with pytest.raises(SourceError, match="as the operation counted") as caught:
        shop.rows("order_lines", DAY)
    assert caught.value.transient


def test_a_change_during_a_read_is_in_this_window_or_the_next(shop: Shop) -> None:
    orders = [shop.place() for _ in range(30)]
    shop.tick(hours=1)
    shop.faults.before(lambda _: shop.server.touch_order(orders[29]), skip=1)
    first = {row["order_id"] for row in shop.rows("orders")}
    after = {row["order_id"] for row in shop.rows("orders", Window(WINDOW.end, WINDOW.end + HOUR))}
    assert first | after == {number(order) for order in orders}
    assert after == {number(orders[29])}


def test_once_a_day_all_products_are_listed_so_that_deleted_ones_are_missed(shop: Shop) -> None:
    at = shop.clock.seconds * EUR
    old = at - 90 * 86_400 * EUR
    for n in range(1, 31):
        shop.server.put_products([NewProduct(n, "Lamp", old, old, [NewVariant(n, f"S{n}", EUR)])])
    shop.server.delete_product(7)
    assert shop.rows("products") == []
    midnight = ReadRequest("products", WINDOW, midnight=START)
    how = shop.connector.compared(midnight)
    assert how is not None
    assert how.complete
    hourly = shop.connector.compared(ReadRequest("products", WINDOW))
    assert hourly is not None
    assert not hourly.complete
    assert shop.connector.compared(ReadRequest("orders", WINDOW, midnight=START)) is None
    # One that changes later than the window counts at its end.
    shop.tick(hours=5)
    now = shop.clock.seconds * EUR
    shop.server.put_products([NewProduct(3, "Lamp", old, now, [NewVariant(3, "S3", EUR)])])
    batches = shop.batches("products", midnight=START)
    rows = pa.concat_tables(batch.rows for batch in batches).to_pylist()
    assert {row["variant_id"] for row in rows} == {str(n) for n in range(1, 31) if n != 7}
    times = {row["variant_id"]: row["_change_time"] for row in rows}
    assert times["3"] == WINDOW.end - dt.timedelta(seconds=1)
    assert times["4"] == START - dt.timedelta(days=90)
    ends = {batch.checkpoint["end"] for batch in batches if batch.checkpoint}
    assert ends == {WINDOW.end.isoformat()}
    first = next(batch.checkpoint for batch in batches if batch.checkpoint)
    again = shop.rows("products", midnight=START, checkpoint=first)
    assert len(again) == 29
