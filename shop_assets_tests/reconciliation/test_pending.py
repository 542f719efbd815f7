"""What the sensor asks for although no row has changed, and for how long."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection

import pytest

from shop_assets.assets.reconciliation import DECLARED, READS, compare, comparison_of
from shop_assets.warehouse import reconciliation
from shop_assets.warehouse.compared_orders import Provider
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.reconciliation.books import COMMON, GRACE, START, STRIPE, Books
from shop_assets_tests.warehouse.loads import DAY, HOUR, merge

CHARGES, REFUNDS, PAYOUTS = DECLARED
YOUNG = "2026-02-04 00:00:01"
FIRST = ("orders", "order_items", "charges")


class Shop:
    """How a shop has its orders compared with their charges and refunds."""

    def __init__(
        self,
        warehouse: Warehouse,
        *,
        paid_by: Provider = STRIPE,
        grace: dt.timedelta = GRACE,
        reads: Collection[str] = READS["order_differences"],
    ) -> None:
        self._warehouse = warehouse
        self._how = (CHARGES, REFUNDS), reads, [paid_by], grace

    def pending(self) -> str | None:
        return reconciliation.pending(self._warehouse, comparison_of(*self._how))

    def compare(self) -> list[str]:
        """Do what is asked for; the kinds that are found."""
        return sorted(
            kind for done in compare(self._warehouse, *self._how).values() for kind in done.kinds
        )


@pytest.fixture
def loaded(warehouse: Warehouse) -> Warehouse:
    """A warehouse of a shop and its outlet, one order of each, which nobody has paid."""
    books = Books()
    books.order("A", 10)
    books.order("B", 10, source="outlet")
    books.load(warehouse)
    return warehouse


def test_what_is_too_young_is_pending_once_hours_have_passed_and_until_it_is_told(
    loaded: Warehouse,
) -> None:
    shop = Shop(loaded)
    shop.compare()
    books = Books()
    books.order("young", 10, placed_at=YOUNG, version_at=YOUNG)
    books.add_to(loaded, START + 4 * DAY)
    shop.compare()
    assert shop.pending() is None
    Books().load_nothing(loaded, START + 5 * DAY)
    assert shop.pending() is not None
    assert reconciliation.pending(loaded, of_payouts(loaded)) is None
    shop.compare()
    assert shop.pending() is None


def of_payouts(warehouse: Warehouse) -> reconciliation.Comparison:
    """A comparison of payouts that is up to date."""
    reads = READS["payout_differences"]
    compare(warehouse, [PAYOUTS], reads, [], GRACE)
    return comparison_of([PAYOUTS], reads, [], GRACE)


def test_all_is_pending_once_the_last_table_is_loaded_though_it_has_no_rows(
    warehouse: Warehouse,
) -> None:
    shop = Shop(warehouse)
    assert shop.pending() is None
    books = Books()
    books.order("A", 10)
    for table in FIRST:
        merge(warehouse, table, *books.rows.get(table, []))
    assert shop.compare() == [], "not all is loaded"
    assert shop.pending() is None
    for table in READS["order_differences"]:
        merge(warehouse, table, start=START + 3 * DAY)
    assert shop.pending() is not None
    assert shop.compare() == ["not_charged"]
    assert shop.pending() is None


def test_what_is_settled_stays_so_when_hours_without_rows_are_loaded(loaded: Warehouse) -> None:
    shop = Shop(loaded)
    shop.compare()
    for hour in range(3):
        Books().load_nothing(loaded, START + 5 * DAY + hour * HOUR)
        assert shop.pending() is None


Otherwise = Callable[[Warehouse], Shop]
OTHERWISE: dict[str, Otherwise] = {
    "pays for": lambda warehouse: Shop(
        warehouse, paid_by=Provider("stripe", "charges", "payment_refunds", ("shop", "outlet"))
    ),
    "provider": lambda warehouse: Shop(
        warehouse, paid_by=Provider("ledger", "payments", "payments", ("shop",))
    ),
    "tables": lambda warehouse: Shop(warehouse, reads=(*FIRST, "refunds", "payment_refunds")),
    "shorter grace": lambda warehouse: Shop(warehouse, grace=GRACE / 2),
    "longer grace": lambda warehouse: Shop(warehouse, grace=10 * GRACE),
}


@pytest.mark.parametrize("what", OTHERWISE)
def test_another_configuration_is_pending_until_the_tables_are_made_of_it(
    loaded: Warehouse, what: str
) -> None:
    before, after = Shop(loaded), OTHERWISE[what](loaded)
    before.compare()
    for shop in (after, before, after):
        asked = shop.pending()
        assert asked is not None
        assert shop.pending() == asked, "else it would be another request at each look"
        shop.compare()
        assert shop.pending() is None


def test_other_rules_are_pending(loaded: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    shop = Shop(loaded)
    shop.compare()
    monkeypatch.setattr(reconciliation, "RULES", reconciliation.RULES + 1)
    assert shop.pending() is not None
    shop.compare()
    assert shop.pending() is None


def test_a_table_of_which_nothing_is_known_is_pending(loaded: Warehouse) -> None:
    shop = Shop(loaded)
    shop.compare()
    with loaded.transaction() as cursor:
        cursor.execute("DELETE FROM meta.reconciliations WHERE name = $1", (REFUNDS.name,))
    assert shop.pending() is not None
    shop.compare()
    assert shop.pending() is None


def test_tables_that_are_to_be_empty_are_pending_until_they_are(loaded: Warehouse) -> None:
    Shop(loaded).compare()
    unknown = Shop(loaded, reads=(*COMMON, "disputes"))
    assert unknown.pending() is not None, "disputes were never loaded"
    assert unknown.compare() == []
    assert unknown.pending() is None
