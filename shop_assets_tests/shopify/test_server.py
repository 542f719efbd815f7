"""The simulated Shopify behaves as the real one: access, points, pages, filters, bulk, and sums."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import httpx
import pytest

from shop_assets.demo.apis import Clock, Store
from shop_assets.demo.apis.shopify import (
    SCOPES,
    TOKEN,
    NewLevel,
    NewLine,
    NewProduct,
    NewVariant,
    ShopifyServer,
    connections,
)
from shop_assets.demo.apis.shopify.bulk import Failure
from shop_assets.demo.apis.shopify.schema import schema_text
from shop_assets.demo.apis.shopify.values import gid, minor_unit
from shop_assets_tests.demo.api_shop import START
from shop_assets_tests.shopify.conftest import EUR, Makes, Shop

ORDERS = """query($first: Int!, $after: String, $query: String) {
  orders(first: $first, after: $after, query: $query, sortKey: UPDATED_AT) {
    nodes { id updatedAt } pageInfo { hasNextPage endCursor } } }"""
RUN = """mutation($query: String!, $grouped: Boolean!) {
  bulkOperationRunQuery(query: $query, groupObjects: $grouped) {
    bulkOperation { id status } userErrors { code message } } }"""
LOOK = """query($id: ID!) { bulkOperation(id: $id) {
  status errorCode url partialDataUrl objectCount rootObjectCount } }"""
LINES = "{ orders { edges { node { id lineItems { edges { node { id sku } } } } } } }"


def data(answer: httpx.Response) -> dict[str, Any]:
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    assert "errors" not in body, body
    found: dict[str, Any] = body["data"]
    return found


def error(answer: httpx.Response) -> dict[str, Any]:
    [found] = answer.json()["errors"]
    whole: dict[str, Any] = found
    return whole


def found(shop: Shop, query: str, count: int = 10) -> list[str]:
    """The numbers of the orders that a filter finds."""
    nodes = data(shop.ask(ORDERS, {"first": count, "query": query}))["orders"]["nodes"]
    return [node["id"].rsplit("/", 1)[1] for node in nodes]


def test_a_token_that_is_not_known_is_refused_in_the_apis_own_words(shop: Shop) -> None:
    answer = shop.ask("{ shop { name } }", token="shpat_other")
    assert answer.status_code == 401
    assert answer.json()["errors"].startswith("[API] Invalid API key or access token")
    shop.server.frozen = True
    assert shop.ask("{ shop { name } }").status_code == 403


def test_a_field_without_its_scope_is_denied_and_the_rest_is_given(shop_with: Makes) -> None:
    shop = shop_with(tokens={TOKEN: SCOPES - {"read_customers"}})
    shop.place(customer=gid("Customer", 1))
    answer = shop.ask("{ orders(first: 1) { nodes { name customer { id } } } }").json()
    [denied] = answer["errors"]
    assert denied["extensions"]["code"] == "ACCESS_DENIED"
    assert "read_customers" in denied["message"]
    assert answer["data"]["orders"]["nodes"][0] == {"name": "#1001", "customer": None}


def test_orders_older_than_60_days_are_hidden_without_a_scope_for_all(shop_with: Makes) -> None:
    shop = shop_with(tokens={TOKEN: SCOPES, "recent": SCOPES - {"read_all_orders"}})
    old = shop.place()
    shop.tick(days=61)
    new = shop.place()
    query = "{ orders(first: 5, sortKey: ID) { nodes { id } } }"
    every = data(shop.ask(query))["orders"]["nodes"]
    recent = data(shop.ask(query, token="recent"))["orders"]["nodes"]
    assert [node["id"] for node in every] == [old, new]
    assert [node["id"] for node in recent] == [new]
    one = "query($id: ID!) { order(id: $id) { id } node(id: $id) { id } }"
    assert data(shop.ask(one, {"id": old}, token="recent")) == {"order": None, "node": None}


def test_points_are_taken_as_asked_and_given_back_as_found(shop_with: Makes) -> None:
    seconds = [0.0]
    shop = shop_with(points=310.0, points_per_second=50.0, now=lambda: seconds[0])
    shop.place()
    query = "{ orders(first: 100) { nodes { totalPriceSet { shopMoney { amount } } } } }"
    cost = shop.ask(query).json()["extensions"]["cost"]
    assert cost["requestedQueryCost"] == 2 + 100 * (1 + 2)
    assert cost["actualQueryCost"] == 2 + 1 * (1 + 2)
    assert cost["throttleStatus"] == {
        "maximumAvailable": 310.0,
        "currentlyAvailable": 305.0,
        "restoreRate": 50.0,
    }
    assert "errors" not in shop.ask(query).json()
    last = shop.ask(query)
    assert last.status_code == 200
    refused = last.json()
    assert error(last)["extensions"]["code"] == "THROTTLED"
    status = refused["extensions"]["cost"]["throttleStatus"]
    assert status["currentlyAvailable"] < 302
    seconds[0] += (302 - status["currentlyAvailable"]) / 50
    assert "errors" not in shop.ask(query).json()


def test_a_query_of_more_than_a_thousand_points_is_refused(shop: Shop) -> None:
    query = "{ orders(first: 250) { nodes { lineItems(first: 10) { nodes { id } } } } }"
    assert error(shop.ask(query))["extensions"]["code"] == "MAX_COST_EXCEEDED"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("first: 251", "first cannot exceed 250"),
        ("", "you must provide one of first or last"),
        ('first: 1, after: "x"', "Invalid cursor"),
        ("first: 0", "positive"),
    ],
)
def test_pages_are_asked_for_properly(shop: Shop, arguments: str, said: str) -> None:
    text = f"({arguments})" if arguments else ""
    assert said in error(shop.ask(f"{{ orders{text} {{ nodes {{ id }} }} }}"))["message"]


def test_a_field_that_the_schema_lacks_is_an_error(shop: Shop) -> None:
    assert "moneyBags" in error(shop.ask("{ shop { moneyBags } }"))["message"]
    assert "type OrderConnection" in schema_text()


def test_cursors_hold_while_orders_change(shop: Shop) -> None:
    orders = []
    for _ in range(7):
        orders.append(shop.place())
        shop.tick(minutes=1)
    first = data(shop.ask(ORDERS, {"first": 3}))["orders"]
    shop.server.touch_order(orders[0])
    shop.server.touch_order(orders[5])
    seen = [node["id"] for node in first["nodes"]]
    cursor = first["pageInfo"]["endCursor"]
    while cursor:
        page = data(shop.ask(ORDERS, {"first": 2, "after": cursor}))["orders"]
        seen += [node["id"] for node in page["nodes"]]
        cursor = page["pageInfo"]["endCursor"] if page["pageInfo"]["hasNextPage"] else None
    assert seen == [*orders[:5], orders[6], orders[0], orders[5]]
    backwards = "{ orders(last: 2, sortKey: ID, reverse: true) { nodes { id } } }"
    assert [n["id"] for n in data(shop.ask(backwards))["orders"]["nodes"]] == [orders[1], orders[0]]


def test_a_list_is_paged_to_25_000_objects_and_no_further(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "MOST_PAGED", 4)
    for _ in range(6):
        shop.place()
    page = data(shop.ask(ORDERS, {"first": 4}))["orders"]
    assert page["pageInfo"]["hasNextPage"]
    after = {"first": 1, "after": page["pageInfo"]["endCursor"]}
    assert "beyond" in error(shop.ask(ORDERS, after))["message"]


def test_filters_understand_quoted_times_and_what_the_real_one_makes_of_others(shop: Shop) -> None:
    for _ in range(3):
        shop.place()
        shop.tick(hours=1)
    assert found(shop, "updated_at:>='2026-11-03T11:00:00Z'") == ["1002", "1003"]
    assert found(shop, "updated_at:>'2026-11-03T11:00:00Z'") == ["1002", "1003"]
    assert found(shop, "updated_at:<'2026-11-03T11:00:00Z'") == ["1001"]
    between = "updated_at:>=\"2026-11-03T11:00:00+00:00\" AND updated_at:<'2026-11-03T12:00:00Z'"
    assert found(shop, between) == ["1002"]
    # Without quotes the time of day is lost.
    assert found(shop, "updated_at:>=2026-11-03T12:00:00Z") == ["1001", "1002", "1003"]
    assert found(shop, "created_at:2026-11-03 id:>=1002") == ["1002", "1003"]
    assert found(shop, "id:1001 OR (id:1003 AND -test:true)") == ["1001", "1003"]
    assert found(shop, "NOT financial_status:paid") == []
    shop.server.cancel_order(gid("Order", 1002))
    assert found(shop, "status:cancelled") == ["1002"]
    assert found(shop, "status:open") == ["1001", "1003"]
    warned = shop.ask(ORDERS, {"first": 1, "query": "colour:red"}).json()["extensions"]["search"]
    assert warned[0]["warnings"][0]["field"] == "colour"


def run(shop: Shop, query: str, *, grouped: bool = True, **more: Any) -> dict[str, Any]:
    answer = data(shop.ask(RUN, {"query": query, "grouped": grouped}, **more))
    payload: dict[str, Any] = answer["bulkOperationRunQuery"]
    return payload


def ended(shop: Shop, id_: str) -> dict[str, Any]:
    for _ in range(5):
        operation: dict[str, Any] = data(shop.ask(LOOK, {"id": id_}))["bulkOperation"]
        if operation["status"] not in ("CREATED", "RUNNING"):
            return operation
    raise AssertionError("the operation does not end")


def test_a_bulk_operation_runs_to_a_file_with_children_after_their_parents(shop: Shop) -> None:
    first, second = shop.place(), shop.place()
    started = run(shop, LINES)["bulkOperation"]
    assert started["status"] == "CREATED"
    operation = ended(shop, started["id"])
    assert (operation["status"], operation["objectCount"]) == ("COMPLETED", "6")
    assert operation["rootObjectCount"] == "2"
    lines = [json.loads(line) for line in httpx.get(operation["url"]).text.splitlines()]
    assert [line.get("__parentId") for line in lines] == [None, first, first, None, second, second]
    flat = ended(shop, run(shop, LINES, grouped=False)["bulkOperation"]["id"])
    lines = [json.loads(line) for line in httpx.get(flat["url"]).text.splitlines()]
    assert [line.get("__parentId") for line in lines] == [None, None, first, first, second, second]


def test_a_result_has_an_address_for_seven_days(shop: Shop) -> None:
    shop.place()
    operation = ended(shop, run(shop, LINES)["bulkOperation"]["id"])
    assert httpx.get(operation["url"]).status_code == 200
    assert httpx.get(operation["url"].split("?")[0]).status_code == 403
    shop.tick(days=8)
    assert httpx.get(operation["url"]).status_code == 403


def test_an_operation_that_fails_has_an_address_of_a_part(shop: Shop) -> None:
    shop.place()
    shop.server.bulk.failures.append(Failure("TIMEOUT", 0.5))
    operation = ended(shop, run(shop, LINES)["bulkOperation"]["id"])
    assert (operation["status"], operation["errorCode"]) == ("FAILED", "TIMEOUT")
    assert operation["url"] is None
    assert len(httpx.get(operation["partialDataUrl"]).text.splitlines()) == 1


def of_orders(inner: str) -> str:
    return f"{{ orders {{ edges {{ node {{ id {inner} }} }} }} }}"


def list_of(name: str, inner: str = "") -> str:
    return f"{name} {{ edges {{ node {{ id {inner} }} }} }}"


def test_bulk_operations_have_their_rules(shop: Shop) -> None:
    sales = list_of("agreements", list_of("sales"))
    refunds = list_of("refunds", list_of("refundLineItems"))
    six = of_orders(
        f"{sales} {list_of('lineItems')} {list_of('returns', list_of('returnLineItems'))}"
    )
    wrong = {
        "{ shop { name } }": "at least one connection",
        "{ shop { name } orders { edges { node { id } } } }": "single top-level field",
        of_orders(f"refunds {{ id {list_of('refundLineItems')} }}"): "within a list field",
        six: "more than 5 connections",
        of_orders(list_of("returns", refunds)): "nesting depth",
        "{ orders { edges { node { name lineItems { edges { node { id } } } } } } }": "select the",
        'mutation { bulkOperationCancel(id: "1") { userErrors { message } } }': "only queries",
        "{ orders { edges { node { colour } } } }": "colour",
    }
    for query, said in wrong.items():
        [refused] = run(shop, query)["userErrors"]
        assert refused["code"] == "INVALID"
        assert said in refused["message"], (query, refused)
    assert run(shop, of_orders(sales))["userErrors"] == []


def test_so_many_operations_run_at_once_as_the_version_lets(shop: Shop) -> None:
    assert run(shop, LINES, version="2025-10")["userErrors"] == []
    [busy] = run(shop, LINES, version="2025-10")["userErrors"]
    assert busy["code"] == "OPERATION_IN_PROGRESS"
    for _ in range(4):
        assert run(shop, LINES)["userErrors"] == []
    assert run(shop, LINES)["userErrors"][0]["code"] == "LIMIT_REACHED"
    cancel = 'mutation { bulkOperationCancel(id: "%s") { bulkOperation { status } } }'
    answer = data(shop.ask(cancel % gid("BulkOperation", 1)))
    assert answer["bulkOperationCancel"]["bulkOperation"]["status"] == "CANCELED"
    assert run(shop, LINES)["userErrors"] == []


MONEY = "{ shopMoney { amount } }"
WORTH = f"""query($id: ID!) {{ order(id: $id) {{
  displayFinancialStatus displayFulfillmentStatus returnStatus updatedAt edited
  totalPriceSet {MONEY} currentTotalPriceSet {MONEY} totalTaxSet {MONEY} netPaymentSet {MONEY}
  totalOutstandingSet {MONEY} refunds {{ totalRefundedSet {MONEY}
    orderAdjustments(first: 5) {{ nodes {{ reason amountSet {MONEY} }} }}
    refundShippingLines(first: 5) {{ nodes {{ subtotalAmountSet {MONEY} }} }} }}
  lineItems(first: 9) {{ nodes {{ quantity currentQuantity originalTotalSet {MONEY}
    originalUnitPriceSet {MONEY} }} }}
  agreements(first: 9) {{ nodes {{ reason sales(first: 9) {{ nodes {{ __typename actionType quantity
    totalAmount {MONEY} }} }} }} }} }} }}"""


def worth(shop: Shop, id_: str) -> dict[str, Any]:
    order: dict[str, Any] = data(shop.ask(WORTH, {"id": id_}))["order"]
    return order


def amount(bag: dict[str, Any]) -> Decimal:
    return Decimal(bag["shopMoney"]["amount"])


def ledger(order: dict[str, Any]) -> Decimal:
    sales = [sale for each in order["agreements"]["nodes"] for sale in each["sales"]["nodes"]]
    return sum((amount(sale["totalAmount"]) for sale in sales), Decimal(0))


def test_an_order_is_at_each_moment_worth_what_its_agreements_sum_to(shop: Shop) -> None:
    order = shop.place()
    lamp, mug = shop.lines(order)
    steps: list[Any] = [
        lambda: None,
        lambda: shop.server.edit_order(order, {lamp: 3}, [NewLine(7 * EUR, 1, "HAT", tax=EUR)]),
        lambda: shop.server.edit_order(order, {mug: 0}),
        lambda: shop.server.fulfil_order(order),
        lambda: shop.server.refund(order, {lamp: 1}, shipping=EUR),
        lambda: shop.server.refund(order, {lamp: 1}, amount=5 * EUR, restock=False),
        lambda: shop.server.cancel_order(order),
    ]
    found_ = worth(shop, order)
    for step in steps:
        step()
        found_ = worth(shop, order)
        assert ledger(found_) == amount(found_["currentTotalPriceSet"])
    reasons = [each["reason"] for each in found_["agreements"]["nodes"]]
    assert reasons == ["ORDER", "ORDER_EDIT", "ORDER_EDIT", "REFUND", "REFUND", "REFUND"]
    partial = found_["refunds"][1]
    assert partial["orderAdjustments"]["nodes"][0]["reason"] == "REFUND_DISCREPANCY"
    assert partial["refundShippingLines"]["nodes"] == []
    assert found_["displayFulfillmentStatus"] == "FULFILLED"
    assert [line["currentQuantity"] for line in found_["lineItems"]["nodes"]] == [0, 0, 0]


def test_an_orders_payment_says_how_it_stands(shop: Shop) -> None:
    order = shop.place(paid=False)
    assert worth(shop, order)["displayFinancialStatus"] == "PENDING"
    shop.server.pay_order(order, EUR)
    assert worth(shop, order)["displayFinancialStatus"] == "PARTIALLY_PAID"
    shop.server.pay_order(order)
    assert worth(shop, order)["displayFinancialStatus"] == "PAID"
    shop.server.refund(order, {shop.lines(order)[1]: 1})
    assert worth(shop, order)["displayFinancialStatus"] == "PARTIALLY_REFUNDED"
    shop.server.cancel_order(order)
    paid_back = worth(shop, order)
    assert paid_back["displayFinancialStatus"] == "REFUNDED"
    assert amount(paid_back["netPaymentSet"]) == 0
    other = shop.place(paid=False)
    shop.server.fail_payment(other)
    assert worth(shop, other)["displayFinancialStatus"] == "EXPIRED"


def test_a_hold_of_the_fulfilment_is_the_change_that_moves_no_time(shop: Shop) -> None:
    order = shop.place()
    before = worth(shop, order)["updatedAt"]
    shop.tick(hours=1)
    shop.server.hold_order(order)
    held = worth(shop, order)
    assert (held["displayFulfillmentStatus"], held["updatedAt"]) == ("ON_HOLD", before)
    shop.server.touch_order(order)
    assert worth(shop, order)["updatedAt"] > before


def test_original_total_is_of_the_line_and_original_unit_price_of_a_unit(shop: Shop) -> None:
    line = worth(shop, shop.place())["lineItems"]["nodes"][0]
    assert amount(line["originalTotalSet"]) == 20
    assert amount(line["originalUnitPriceSet"]) == 10


def test_money_is_shown_in_the_shops_currency_and_the_customers(shop: Shop) -> None:
    order = shop.place(presentment=("USD", "1.5"))
    query = """query($id: ID!) { order(id: $id) { presentmentCurrencyCode totalPriceSet {
        shopMoney { amount currencyCode } presentmentMoney { amount currencyCode } } } }"""
    bag = data(shop.ask(query, {"id": order}))["order"]["totalPriceSet"]
    assert bag["shopMoney"] == {"amount": "33.46", "currencyCode": "EUR"}
    assert bag["presentmentMoney"] == {"amount": "50.19", "currencyCode": "USD"}
    assert (minor_unit("JPY"), minor_unit("KWD")) == (1_000_000, 1_000)


def test_a_product_that_is_deleted_is_found_no_more_and_its_lines_keep_their_sku(
    shop: Shop,
) -> None:
    at = shop.clock.seconds * 1_000_000
    product = NewProduct(7, "Lamp", at, at, [NewVariant(70, "LAMP", 10 * EUR, 4 * EUR)])
    shop.server.put_products([product])
    shop.server.put_levels([NewLevel(70, 1, at, {"available": 3, "damaged": 1, "committed": 2})])
    order = shop.place(
        NewLine(10 * EUR, 1, "LAMP", variant=gid("ProductVariant", 70), product=gid("Product", 7))
    )
    stock = """{ location(id: "gid://shopify/Location/1") { inventoryLevels(first: 5) { nodes {
        item { variant { product { title } } } quantities(names: ["on_hand", "available"]) {
        quantity } } } } }"""
    [level] = data(shop.ask(stock))["location"]["inventoryLevels"]["nodes"]
    assert [each["quantity"] for each in level["quantities"]] == [6, 3]
    assert level["item"]["variant"]["product"]["title"] == "Lamp"
    wrong = stock.replace('"available"', '"sold"')
    assert "sold" in error(shop.ask(wrong))["message"]
    shop.server.delete_product(7)
    assert data(shop.ask(stock))["location"]["inventoryLevels"]["nodes"] == []
    line = """query($id: ID!) { order(id: $id) { lineItems(first: 1) { nodes {
        sku variant { id } product { id } } } } }"""
    [kept] = data(shop.ask(line, {"id": order}))["order"]["lineItems"]["nodes"]
    assert kept == {"sku": "LAMP", "variant": None, "product": None}


def test_a_shop_outlives_its_server(tmp_path: Any) -> None:
    clock = Clock(START)
    store = Store(tmp_path / "shop.sqlite")
    first = ShopifyServer(store, clock)
    order = first.place([NewLine(EUR)])
    store.close()
    store = Store(tmp_path / "shop.sqlite")
    again = ShopifyServer(store, clock)
    again.clock.advance(dt.timedelta(hours=1))
    again.pay_order(order)
    found_ = again.order(order)
    assert found_ is not None
    assert found_["displayFinancialStatus"] == "PAID"
    assert again.place([NewLine(EUR)]) == gid("Order", 1002)
    store.close()
