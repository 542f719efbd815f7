"""When a difference counts, which sources pay for which orders, and when nothing is said."""

from __future__ import annotations

import datetime as dt

import pytest

from shop_assets.warehouse.compared_orders import Provider
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.reconciliation.books import STRIPE, Books, differences

# Everything is loaded until the fifth of February, so that a day of grace ends with the third.
YOUNG = "2026-02-04 00:00:00.000001"
OLD = "2026-02-04 00:00"


def kinds(warehouse: Warehouse, *providers: Provider) -> dict[str, str]:
    """What is found of each order."""
    return {ids: kind for _, ids, kind, *_ in differences(warehouse, *providers)}


def test_an_order_may_stay_unpaid_for_the_time_of_grace(warehouse: Warehouse) -> None:
    books = Books()
    books.order("young", 10, placed_at=YOUNG, version_at=YOUNG)
    books.order("old", 10, placed_at=OLD, version_at=OLD)
    books.load(warehouse)
    assert kinds(warehouse) == {"old": "not_charged"}


@pytest.mark.parametrize(
    ("what", "values"),
    [
        ("charge", {"created_at": YOUNG}),
        ("given", {"created_at": YOUNG}),
        ("refund", {"refunded_at": YOUNG}),
    ],
)
def test_each_movement_of_an_order_gives_it_grace(
    what: str, values: dict[str, str], warehouse: Warehouse
) -> None:
    books = Books()
    for order_id, at in (("young", values), ("old", dict.fromkeys(values, OLD))):
        books.order(order_id, 10)
        books.charge(order_id, 10)
        getattr(books, what)(order_id, 4, **at)
    books.load(warehouse)
    assert set(kinds(warehouse)) == {"old"}


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("orders", {"tax_micros": 1_000_000}),
        ("orders", {"discount_micros": 1_000_000}),
        ("orders", {"status": "cancelled"}),
        ("orders", {"cancelled_at": OLD}),
        ("order_items", {"quantity": 2}),
        ("order_items", {"deleted": True}),
        ("order_items", {"item_id": "2"}),
    ],
)
def test_an_edit_gives_grace_and_a_version_that_changes_no_amount_does_not(
    table: str, values: dict[str, object], warehouse: Warehouse
) -> None:
    books = Books()
    for order_id in ("edited", "edited_long_ago", "touched"):
        books.order(order_id, 10)
        books.charge(order_id, 10)
        same = {"unit_price_micros": 10_000_000} if table == "order_items" else {}
        books.add(table, order_id=order_id, version_at=OLD, **(same | values))
        if order_id == "edited":
            books.rows[table][-1]["version_at"] = YOUNG
        elif order_id == "touched":
            books.add(table, order_id=order_id, version_at=YOUNG, **(same | values))
            if table == "orders" and "status" not in values:
                books.rows[table][-1]["status"] = "fulfilled"
    books.load(warehouse)
    assert set(kinds(warehouse)) == {"edited_long_ago", "touched"}


def test_nothing_is_said_before_both_sides_are_loaded_nor_beyond_the_later_one(
    warehouse: Warehouse,
) -> None:
    assert differences(warehouse) == []
    books = Books()
    books.order("unpaid", 10, placed_at="2026-01-31 09:10")
    books.load(warehouse, days=1)
    assert differences(warehouse, grace=dt.timedelta(hours=15)) == []
    assert kinds_within(warehouse, hours=14) == {"unpaid": "not_charged"}
    with warehouse.transaction() as cursor:
        cursor.execute("DELETE FROM meta.slices WHERE asset = 'warehouse/charges'")
    assert kinds_within(warehouse, hours=14) == {}


def kinds_within(warehouse: Warehouse, *, hours: int) -> dict[str, str]:
    found = differences(warehouse, grace=dt.timedelta(hours=hours))
    return {ids: kind for _, ids, kind, *_ in found}


def test_a_payout_may_lack_transactions_for_the_time_of_grace(warehouse: Warehouse) -> None:
    books = Books()
    books.payout("po_young", 10, created_at=YOUNG)
    books.payout("po_old", 10, created_at=OLD)
    books.load(warehouse)
    assert kinds(warehouse) == {"po_old": "no_transactions"}


def test_shops_that_number_their_orders_alike_are_told_apart_by_who_pays_for_them(
    warehouse: Warehouse,
) -> None:
    books = Books()
    books.order("1", 10)
    books.charge("1", 10)
    books.order("1", 25, source="outlet")
    books.charge("1", 25, source="adyen")
    books.order("2", 30, source="outlet")
    books.charge("2", 30, source="stripe")
    books.load(warehouse)
    adyen = Provider("adyen", "charges", "payment_refunds", ("outlet",))
    assert [(ids, kind) for _, ids, kind, *_ in differences(warehouse, STRIPE, adyen)] == [
        ("2", "not_charged"),
        ("2", "charged_without_order"),
    ]
    everywhere = [
        Provider(name, "charges", "payment_refunds", ("shop", "outlet"))
        for name in ("stripe", "adyen")
    ]
    assert kinds(warehouse, *everywhere) == {"1": "amount_differs"}


def test_orders_of_a_source_that_nobody_pays_for_are_left_alone(warehouse: Warehouse) -> None:
    books = Books()
    books.order("1", 10, source="till")
    books.load(warehouse)
    assert kinds(warehouse) == {}
    assert kinds(warehouse, Provider("stripe", "charges", "charges", ("till",))) == {
        "1": "not_charged"
    }


def test_an_order_may_be_paid_through_several_providers(warehouse: Warehouse) -> None:
    books = Books()
    paypal = Provider("paypal", "payments", "payments", ("shop",))
    books.order("gift_card_and_rest", 30)
    books.charge("gift_card_and_rest", 20)
    books.moved("gift_card_and_rest", "charge", 10, source="paypal")
    books.order("both", 30)
    books.charge("both", 30)
    books.moved("both", "charge", 30, source="paypal")
    books.load(warehouse)
    assert kinds(warehouse, STRIPE, paypal) == {"both": "charged_twice"}


def test_charges_tell_of_refunds_where_nothing_else_does(warehouse: Warehouse) -> None:
    books = Books()
    for order_id, back in (("right", 4_000_000), ("wrong", 3_000_000)):
        books.order(order_id, 10)
        books.charge(order_id, 10, refunded_micros=back)
        books.refund(order_id, 4)
    books.load(warehouse)
    only_charges = Provider("stripe", "charges", "charges", ("shop",))
    assert kinds(warehouse, only_charges) == {"wrong": "amount_differs"}


def test_what_is_kept_in_another_currency_is_said_whatever_else_agrees(
    warehouse: Warehouse,
) -> None:
    books = Books()
    books.order("paid_in_both", 10)
    books.charge("paid_in_both", 10)
    books.charge("paid_in_both", 3, currency="USD")
    books.order("given_back", 10)
    books.charge("given_back", 10)
    books.charge("given_back", 3, currency="USD")
    books.given("given_back", 3, currency="USD")
    books.order("free", 0)
    books.charge("free", 3, currency="USD")
    books.load(warehouse)
    assert kinds(warehouse) == {"paid_in_both": "currency_differs", "free": "currency_differs"}
