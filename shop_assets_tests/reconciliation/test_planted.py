"""One difference of each kind is planted among orders that agree: exactly those are found."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop_assets.assets.reconciliation import providers
from shop_assets.warehouse.compared_orders import Provider, RefundsIn
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.reconciliation.books import LEDGER, Books, differences, found
from shop_assets_tests.reconciliation.test_checks import configured, settings_of


def agreeing(books: Books) -> None:
    """Orders that are settled, each in another way."""
    books.order("plain", 10)
    books.charge("plain", 10)
    books.order("all_parts", 10.01, discount_micros=1_000_000, shipping_micros=4_900_000,
                tax_micros=2_640_000)  # fmt: skip
    books.add("order_items", order_id="all_parts", item_id="gift", line_type="gift_card",
              unit_price_micros=50_000_000, discount_micros=0)  # fmt: skip
    books.add("order_items", order_id="all_parts", item_id="gone", deleted=True,
              unit_price_micros=7_000_000)  # fmt: skip
    books.charge("all_parts", 66.55)
    books.order("refunded", 30)
    books.charge("refunded", 30)
    books.refund("refunded", 8, shipping_micros=1_000_000, tax_micros=1_000_000)
    books.given("refunded", 10)
    books.order("by_its_charge", 30)
    books.charge("by_its_charge", 30, charge_id="ch_known")
    books.refund("by_its_charge", 10)
    books.given(None, 10, charge_id="ch_known")
    books.order("edited_up", 25)
    books.charge("edited_up", 20)
    books.charge("edited_up", 5)
    books.order("edited_down", 15)
    books.charge("edited_down", 20)
    books.given("edited_down", 5)
    books.order("cancelled", 40, status="cancelled", cancelled_at="2026-01-31 10:00")
    books.charge("cancelled", 40)
    books.given("cancelled", 40)
    books.order("cancelled_and_refunded", 40, status="cancelled")
    books.charge("cancelled_and_refunded", 40)
    books.refund("cancelled_and_refunded", 40)
    books.given("cancelled_and_refunded", 40)
    books.order("never_paid", 40, status="unpaid")
    books.charge("never_paid", 40, status="failed", captured=False)
    books.order("to_be_paid", 40, status="open")
    books.order("paid_in_part", 40, status="open")
    books.charge("paid_in_part", 15)
    books.refund("paid_in_part", 5)
    books.given("paid_in_part", 5)
    books.order("reserved", 40, status="open")
    books.charge("reserved", 40, captured=False)
    books.order("a_test", 40, is_test=True)
    books.order("deleted", 40, deleted=True)
    books.charge("deleted", 40)
    books.order("yen", 900, currency="JPY")
    books.charge("yen", 900, currency="JPY")
    books.order("thirds", 33.333, discount_micros=1)
    books.charge("thirds", 33.33)
    books.order("credit_note", -12)
    books.given("credit_note", 12)
    books.order("free", 0)
    books.order("pending_refund", 5)
    books.charge("pending_refund", 5)
    books.refund("pending_refund", 5)
    books.given("pending_refund", 5, status="pending")
    books.charge(None, 3, charge_id="ch_given_back")
    books.given(None, 3, charge_id="ch_given_back")
    books.payout("po_good", 17, ("t1", 20), ("t2", -3))
    books.add("payout_transactions", payout_id="po_good", payment_id="t0", type="payout",
              amount_micros=-17_000_000, net_micros=-17_000_000)  # fmt: skip
    books.payout("po_by_hand", 5, automatic=False)
    books.payout("po_failed", 5, status="failed")
    books.payout("po_collected", -3, ("t9", -3))


def planted(books: Books) -> None:
    """One of each kind."""
    books.order("c1", 10)
    books.charge("unheard_of", 11)
    books.charge(None, 12, charge_id="ch_nameless")
    books.order("c3", 13)
    books.charge("c3", 12.99)
    books.order("c4", 14)
    books.charge("c4", 14)
    books.charge("c4", 14)
    books.order("c5", 15, status="cancelled")
    books.charge("c5", 15)
    books.order("c5_unpaid", 15, status="unpaid")
    books.charge("c5_unpaid", 15)
    books.order("c6", 16)
    books.charge("c6", 16, currency="USD")
    books.order("r1", 20)
    books.charge("r1", 20)
    books.refund("r1", 20)
    books.order("r2", 21)
    books.charge("r2", 21)
    books.given("r2", 21)
    books.order("r2_open", 21, status="open")
    books.charge("r2_open", 7)
    books.given("r2_open", 7)
    books.given("unheard_of_too", 1)
    books.order("r3", 22)
    books.charge("r3", 22)
    books.refund("r3", 10)
    books.given("r3", 10.01)
    books.order("r3_cancelled", 22, status="cancelled")
    books.charge("r3_cancelled", 22)
    books.given("r3_cancelled", 20)
    books.order("r4", 23)
    books.charge("r4", 23)
    books.refund("r4", 23)
    books.given("r4", 23, status="failed")
    books.payout("po_1", 30, ("t3", 29.99))
    books.payout("po_2", 31)
    books.payout("po_3", 32, ("t4", 32), created_at="2026-01-31 08:00")
    books.payout("po_4", 33, ("t4", 32), ("t5", 1))


FOUND = [
    ("charge", "c1", "not_charged", 10, 0),
    ("charge", "c3", "amount_differs", 13, 12.99),
    ("charge", "c4", "charged_twice", 14, 28),
    ("charge", "c5", "charged_though_unpaid", 0, 15),
    ("charge", "c5_unpaid", "charged_though_unpaid", 0, 15),
    ("charge", "c6", "currency_differs", 16, 0),
    ("charge", "ch_nameless", "charged_without_order", 0, 12),
    ("charge", "unheard_of", "charged_without_order", 0, 11),
    ("payout", "po_1", "amount_differs", 30, 29.99),
    ("payout", "po_2", "no_transactions", 31, 0),
    ("payout", "po_4 t4", "transaction_in_two_payouts", 0, 32),
    ("refund", "r1", "refund_not_paid_out", 20, 0),
    ("refund", "r2", "refund_unknown_to_shop", 0, 21),
    ("refund", "r2_open", "refund_unknown_to_shop", 0, 7),
    ("refund", "r3", "amount_differs", 10, 10.01),
    ("refund", "r3_cancelled", "amount_differs", 22, 20),
    ("refund", "r4", "refund_failed", 23, 0),
    ("refund", "unheard_of_too", "refund_unknown_to_shop", 0, 1),
]


def test_orders_that_are_settled_in_any_way_are_no_differences(warehouse: Warehouse) -> None:
    books = Books()
    agreeing(books)
    books.load(warehouse)
    assert differences(warehouse) == []


def test_exactly_what_was_planted_is_found(warehouse: Warehouse) -> None:
    books = Books()
    agreeing(books)
    planted(books)
    books.load(warehouse)
    assert sorted(differences(warehouse)) == FOUND


def test_a_ledger_of_movements_is_reconciled_as_well(warehouse: Warehouse) -> None:
    books = Books()
    books.order("good", 20)
    books.moved("good", "charge", 20)
    books.moved("good", "dispute", -20)
    books.moved("good", "fee", -1)
    books.refund("good", 5)
    books.moved("good", "refund", -5)
    books.order("short", 20)
    books.moved("short", "charge", 19)
    books.moved("short", "charge", 1, status="failed")
    books.order("kept", 20)
    books.moved("kept", "charge", 20)
    books.refund("kept", 5)
    books.moved(None, "charge", 2, payment_id="p_nameless")
    books.load(warehouse)
    assert sorted(differences(warehouse, LEDGER)) == [
        ("charge", "p_nameless", "charged_without_order", 0, 2),
        ("charge", "short", "amount_differs", 20, 19),
        ("refund", "kept", "refund_not_paid_out", 5, 0),
    ]


def test_a_transaction_of_two_payouts_keeps_its_currency(warehouse: Warehouse) -> None:
    books = Books()
    books.payout("po_1", 10, ("t1", 10), created_at="2026-01-31 08:00")
    books.payout("po_2", 10, ("t2", 10))
    for payout_id in ("po_1", "po_2"):
        books.add("payout_transactions", payout_id=payout_id, payment_id="dollars",
                  currency="USD", amount_micros=7_000_000, net_micros=7_000_000)  # fmt: skip
    books.load(warehouse)
    [row] = found(warehouse, "payout_differences").to_dict("records")
    assert (row["payout_id"], row["payment_id"], row["kind"]) == (
        "po_2", "dollars", "transaction_in_two_payouts",
    )  # fmt: skip
    assert (row["currency"], row["found_micros"]) == ("USD", 7_000_000)


def test_refunds_of_charges_that_nobody_tells_are_read_from_the_ledger(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    text = configured(
        {"shop": ("orders", "order_items"), "stripe": ("payments", "payment_refunds")}
    )
    paying = providers(settings_of(tmp_path, text))
    books = Books()
    books.order("A", 10)
    books.refund("A", 4)
    books.moved("A", "charge", 10, source="stripe")
    books.moved("A", "refund", -4, source="stripe")
    books.given(None, 4, charge_id="ch_A")
    books.load(warehouse)
    assert differences(warehouse, *paying) == []


@pytest.mark.parametrize("refunds_in", ["charges", "payment_refunds"])
@pytest.mark.parametrize("names_order", [True, False])
def test_money_that_was_reserved_and_released_was_not_given_back(
    refunds_in: RefundsIn, names_order: bool, warehouse: Warehouse
) -> None:
    books = Books()
    books.order("released", 10, status="cancelled")
    books.order("other", 5)
    for order_id, amount in (("released", 10), ("other", 5), (None, 3)):
        reserved = f"ch_reserved_{amount}"
        books.charge(order_id, amount, charge_id=reserved, captured=False,
                     refunded_micros=amount * 1_000_000)  # fmt: skip
        books.given(order_id if names_order else None, amount, charge_id=reserved)
    books.charge("other", 5)
    books.load(warehouse)
    assert differences(warehouse, Provider("stripe", "charges", refunds_in, ("shop",))) == []
