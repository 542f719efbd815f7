"""The simulated shop answers as WordPress and WooCommerce do."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import httpx
import pytest

from shop_assets.demo.apis import Store
from shop_assets.demo.apis.woocommerce import WooCommerceServer
from shop_assets_tests.demo.api_shop import START
from shop_assets_tests.woocommerce.conftest import Makes, Woo

KEY = ("ck_simulated", "cs_simulated")


def ask(
    woo: Woo, route: str, *, auth: tuple[str, str] | None = KEY, **query: Any
) -> httpx.Response:
    with httpx.Client(base_url=woo.url, auth=auth) as client:
        return client.get(f"/wp-json/wc/v3{route}", params=query)


def test_lists_come_in_pages_with_their_totals_and_links(woo: Woo) -> None:
    placed = woo.place(25)
    first = ask(woo, "/orders", per_page=10, orderby="id", order="asc")
    assert [o["id"] for o in first.json()] == placed[:10]
    assert first.headers["x-wp-total"] == "25"
    assert first.headers["x-wp-totalpages"] == "3"
    assert 'page=2>; rel="next"' in first.headers["link"]
    last = ask(woo, "/orders", per_page=10, page=3, orderby="id", order="asc")
    assert [o["id"] for o in last.json()] == placed[20:]
    assert 'rel="prev"' in last.headers["link"]
    assert 'rel="next"' not in last.headers["link"]
    assert [o["id"] for o in ask(woo, "/orders", offset=23, order="asc").json()] == placed[23:]
    assert [o["id"] for o in ask(woo, "/orders", per_page=2).json()] == [placed[24], placed[23]]
    some = f"{placed[3]},{placed[5]}"
    assert len(ask(woo, "/orders", include=some).json()) == 2
    assert ask(woo, "/orders", exclude=some).headers["x-wp-total"] == "23"


def test_ends_of_a_span_are_outside_of_it(woo: Woo) -> None:
    [order] = woo.place()
    gmt: dict[str, Any] = {"dates_are_gmt": "true"}
    assert ask(woo, "/orders", modified_after="2026-11-03T10:00:00", **gmt).json() == []
    assert ask(woo, "/orders", modified_before="2026-11-03T10:00:00", **gmt).json() == []
    [found] = ask(woo, "/orders", modified_after="2026-11-03T09:59:59", **gmt).json()
    assert found["id"] == order


def test_a_date_is_read_on_the_sites_clock(woo_with: Makes) -> None:
    woo = woo_with(zone="Europe/Berlin")
    woo.place()
    [order] = ask(woo, "/orders").json()
    assert order["date_created"] == "2026-11-03T11:00:00"
    assert order["date_created_gmt"] == "2026-11-03T10:00:00"
    assert ask(woo, "/orders", after="2026-11-03T10:59:59").json()
    gmt: dict[str, Any] = {"dates_are_gmt": "true"}
    assert ask(woo, "/orders", after="2026-11-03T09:59:59", **gmt).json()
    # One with an offset is turned to Berlin's clock, and that is compared with GMT.
    assert not ask(woo, "/orders", after="2026-11-03T09:59:59Z", **gmt).json()
    # Half past two did not happen on that night in Berlin: it is read as half past three.
    woo.clock.set(dt.datetime(2027, 3, 28, 3, 0, tzinfo=dt.UTC))
    woo.place()
    assert not ask(woo, "/orders", after="2027-03-28T02:30:00", **gmt).json()


def test_a_line_that_is_taken_out_leaves_no_trace(woo: Woo) -> None:
    line = {"quantity": 1, "total": "10", "total_tax": "2"}
    placed = {"line_items": [line] * 2, "fee_lines": [{"total": "1"}]}
    dated, silent = woo.place(2, **placed)
    woo.tick(minutes=1)
    woo.shop.take_out(dated, woo.line(dated))
    woo.shop.take_out(silent, woo.line(silent, 1), silently=True)
    first, second = (ask(woo, f"/orders/{number}").json() for number in (dated, silent))
    for order in (first, second):
        assert (len(order["line_items"]), len(order["fee_lines"])) == (1, 1)
        assert (order["total"], order["total_tax"]) == ("13.00", "2.00")
    assert first["date_modified_gmt"] == "2026-11-03T10:01:00"
    assert second["date_modified_gmt"] == "2026-11-03T10:00:00"
    woo.shop.take_out(dated, first["fee_lines"][0]["id"])
    assert ask(woo, f"/orders/{dated}").json()["fee_lines"] == []
    with pytest.raises(KeyError, match="no line 99"):
        woo.shop.take_out(dated, 99)
    # What is paid can be edited by plugins alone.
    woo.shop.pay(dated)
    with pytest.raises(ValueError, match="is processing; expected pending or on-hold"):
        woo.shop.take_out(dated, woo.line(dated))
    woo.shop.take_out(dated, woo.line(dated), silently=True)
    assert ask(woo, f"/orders/{dated}").json()["line_items"] == []


def test_any_is_all_but_the_trash(woo: Woo) -> None:
    kept, thrown = woo.place(2)
    woo.shop.trash(thrown)
    assert [o["id"] for o in ask(woo, "/orders", status="any").json()] == [kept]
    assert [o["id"] for o in ask(woo, "/orders", status="trash").json()] == [thrown]
    assert [o["id"] for o in ask(woo, "/orders", status="any,trash").json()] == [kept]
    assert ask(woo, f"/orders/{thrown}").json()["status"] == "trash"
    woo.shop.delete("order", thrown)
    gone = ask(woo, f"/orders/{thrown}")
    assert gone.status_code == 404
    assert gone.json()["code"] == "woocommerce_rest_shop_order_invalid_id"


@pytest.mark.parametrize(
    ("auth", "status", "code"),
    [
        (None, 401, "woocommerce_rest_cannot_view"),
        (("ck_other", "cs_simulated"), 401, "woocommerce_rest_cannot_view"),
        (("ck_simulated", "cs_other"), 401, "woocommerce_rest_authentication_error"),
    ],
)
def test_wrong_keys_are_refused(
    woo: Woo, auth: tuple[str, str] | None, status: int, code: str
) -> None:
    answer = ask(woo, "/orders", auth=auth)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_user_without_the_right_is_refused(woo_with: Makes) -> None:
    woo = woo_with(forbidden=["customer"])
    answer = ask(woo, "/customers")
    assert (answer.status_code, answer.json()["code"]) == (403, "woocommerce_rest_cannot_view")
    assert ask(woo, "/orders").status_code == 200
    with httpx.Client(base_url=woo.url, auth=KEY) as client:
        written = client.post("/wp-json/wc/v3/orders", json={})
    assert written.json()["code"] == "woocommerce_rest_authentication_error"


def test_plain_permalinks_have_one_address_only(woo_with: Makes) -> None:
    woo = woo_with(plain_permalinks=True)
    assert ask(woo, "/orders").status_code == 404
    with httpx.Client(base_url=woo.url, auth=KEY) as client:
        assert client.get("/", params={"rest_route": "/wc/v3/orders"}).json() == []


def test_impossible_parameters_are_refused(woo: Woo) -> None:
    wrong: list[dict[str, Any]] = [
        {"per_page": 101},
        {"after": "yesterday"},
        {"orderby": "colour"},
        {"page": "x"},
    ]
    for query in wrong:
        answer = ask(woo, "/orders", **query)
        assert answer.status_code == 400
        assert answer.json()["code"] == "rest_invalid_param"
        assert list(answer.json()["data"]["params"]) == list(query)
    assert ask(woo, "/nothing").json()["code"] == "rest_no_route"


def test_a_refund_modifies_its_order_and_is_below_zero_inside(woo: Woo) -> None:
    [order] = woo.place(shipping_lines=[{"total": "5"}])
    woo.tick(minutes=10)
    part = woo.shop.refund(order, {woo.line(order): {"quantity": 1, "total": "9"}}, reason="broken")
    [refund] = ask(woo, "/refunds").json()
    assert (refund["id"], refund["parent_id"], refund["amount"]) == (part, order, "9.00")
    [line] = refund["line_items"]
    assert (line["quantity"], line["total"]) == (-1, "-9.00")
    assert line["meta_data"][0] == {
        "id": 1,
        "key": "_refunded_item_id",
        "value": str(woo.line(order)),
    }
    whole = ask(woo, f"/orders/{order}").json()
    assert whole["refunds"] == [{"id": part, "reason": "broken", "total": "-9"}]
    assert (whole["status"], whole["date_modified_gmt"]) == ("pending", "2026-11-03T10:10:00")
    woo.shop.refund(order, amount="17")
    assert ask(woo, f"/orders/{order}").json()["status"] == "refunded"
    assert "parent_id" not in ask(woo, f"/orders/{order}/refunds").json()[0]
    woo.tick(minutes=10)
    woo.shop.delete("refund", part)
    whole = ask(woo, f"/orders/{order}").json()
    assert len(whole["refunds"]) == 1
    assert whole["date_modified_gmt"] == "2026-11-03T10:10:00"


def test_a_silent_edit_leaves_the_date_alone(woo: Woo) -> None:
    [order] = woo.place()
    woo.tick(minutes=5)
    line = {"id": woo.line(order), "quantity": 1, "total": "10"}
    woo.shop.edit(order, silently=True, line_items=[line])
    found = ask(woo, f"/orders/{order}").json()
    assert found["total"] == "10.00"
    assert found["date_modified_gmt"] == "2026-11-03T10:00:00"


def test_amounts_have_as_many_decimals_as_are_asked_for(woo: Woo) -> None:
    [order] = woo.place(line_items=[{"quantity": 3, "total": "25.210084"}])
    assert ask(woo, f"/orders/{order}").json()["line_items"][0]["total"] == "25.21"
    assert ask(woo, f"/orders/{order}", dp=6).json()["line_items"][0]["total"] == "25.210084"


def test_customers_of_every_role_are_listed_where_asked(woo: Woo) -> None:
    woo.shop.add_customer(email="a@example.com")
    woo.shop.add_customer(email="b@example.com", role="subscriber")
    assert len(ask(woo, "/customers").json()) == 1
    both = ask(woo, "/customers", role="all").json()
    assert [c["email"] for c in both] == ["a@example.com", "b@example.com"]
    assert both[0]["date_modified_gmt"] is None
    woo.tick(minutes=1)
    woo.shop.edit_customer(both[0]["id"], first_name="Ann")
    assert ask(woo, "/customers").json()[0]["date_modified_gmt"] == "2026-11-03T10:01:00"


def test_variations_belong_to_products_and_change_alone(woo: Woo) -> None:
    product = woo.shop.add_product(name="Mug", sku="MUG")
    variation = woo.shop.add_product(parent_id=product, sku="MUG-R", regular_price="9.00")
    [shown] = ask(woo, "/products").json()
    assert (shown["type"], shown["variations"]) == ("variable", [variation])
    woo.tick(minutes=3)
    woo.shop.edit_product(variation, regular_price="8.00")
    assert ask(woo, "/products").json()[0]["date_modified_gmt"] == "2026-11-03T10:00:00"
    [found] = ask(woo, f"/products/{product}/variations").json()
    assert found["regular_price"] == "8.00"
    assert ask(woo, "/variations", modified_after="2026-11-03T10:02:00").json() == [found]


def test_the_shop_outlives_its_server_and_knows_its_truth(woo: Woo, tmp_path: Path) -> None:
    store = Store(tmp_path / "shop.sqlite")
    first = WooCommerceServer(store, woo.clock).place()
    store.close()
    again = Store(tmp_path / "shop.sqlite")
    shop = WooCommerceServer(again, woo.clock)
    woo.tick(minutes=1)
    second = shop.place()
    assert second == first + 1
    assert shop.truth("order", START, START + dt.timedelta(hours=1)) == {
        first: START,
        second: START + dt.timedelta(minutes=1),
    }
    again.close()
