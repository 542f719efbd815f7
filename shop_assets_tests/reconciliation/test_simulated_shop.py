"""The simulated shop agrees with its payment provider, from source to check, until it is spoilt."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shop_assets.partitions import floor_hour
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.reconciliation.simulated import SENSOR, TABLES, LivingShop, living_shop

pytestmark = [pytest.mark.xdist_group("simulated_shop"), pytest.mark.no_cover]

_OLD = "(SELECT max(slice) - interval '8 hours' FROM meta.slices WHERE asset = 'warehouse/orders')"
_JUDGED = f"SELECT order_id FROM warehouse.orders WHERE placed_at < {_OLD} AND NOT is_test"

_OLDEST = "SELECT order_id, placed_at FROM warehouse.orders ORDER BY placed_at LIMIT 1"
_MOVED = f"SELECT FROM warehouse.payments WHERE created_at < {_OLD}"
_UNPAID = "AND order_id NOT IN (SELECT order_id FROM warehouse.payments)"
HAPPENED = {
    "ordered": (200, _JUDGED),
    "in other currencies": (3, f"{_JUDGED} AND currency <> 'EUR'"),
    "edited": (3, f"{_MOVED} AND payment_id ~ '^(chx|rex)_'"),
    "cancelled and given back": (2, f"{_MOVED} AND payment_id ~ '^rec_'"),
    "refunded": (3, f"SELECT FROM warehouse.refunds WHERE refunded_at < {_OLD}"),
    "never paid": (1, f"{_JUDGED} AND status IN ('unpaid', 'cancelled') {_UNPAID}"),
}  # fmt: skip
"""How often each thing must have happened, at least, long enough ago."""


@pytest.fixture(scope="module")
def shop(
    stack: Endpoints, warehouse_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LivingShop]:
    folder = tmp_path_factory.mktemp("simulated")
    with living_shop(stack, warehouse_template, folder) as made:
        yield made


def test_the_simulated_shop_reconciles_to_nothing(shop: LivingShop) -> None:
    shop.answer()
    for name in TABLES:
        assert shop.check(name) == (True, {"differences": 0, "offenders": []})
        assert shop.rows(f"SELECT * FROM analytics_base.{name}") == []
    # That says something only of a shop in which everything has happened.
    for what, (at_least, sql) in HAPPENED.items():
        [(count,)] = shop.rows(f"SELECT count(*) FROM ({sql}) found")
        assert count >= at_least, what


def test_what_has_become_overdue_by_time_alone_is_asked_for_once(shop: LivingShop) -> None:
    shop.settle()
    for seconds, name in enumerate(TABLES):
        assert not shop.platform.tick(SENSOR).requests  # they are up to date
        with shop.platform.warehouse.transaction() as cursor:
            cursor.execute(
                f"INSERT INTO meta.waiting_comparisons SELECT '{name}', 'order', '', "
                f"order_id, placed_at + interval '{seconds}s' FROM ({_OLDEST}) oldest"
            )
        shop.answer()
    assert not shop.platform.tick(SENSOR).requests


def test_who_pays_for_whom_is_asked_for_once_when_it_has_changed(shop: LivingShop) -> None:
    shop.settle()
    for pays_for in ([], ["storefront"]):
        assert not shop.platform.tick(SENSOR).requests
        shop.reconfigure(pays_for=pays_for)
        shop.answer()
    assert not shop.platform.tick(SENSOR).requests


def test_a_charge_and_a_refund_that_are_a_cent_off_are_found_and_named(shop: LivingShop) -> None:
    [(payment, charged)] = shop.rows(
        "SELECT payment_id, order_id FROM warehouse.payments WHERE payment_id = "
        f"'ch_' || (SELECT min(order_id) FROM ({_JUDGED} AND status = 'fulfilled' "
        "AND currency = 'EUR') judged)"
    )
    [(refund, refunded, moment)] = shop.rows(
        "SELECT refund_id, order_id, version_at FROM warehouse.refunds "
        f"WHERE refunded_at < {_OLD} AND currency = 'EUR' ORDER BY refund_id LIMIT 1"
    )
    shop.storefront("UPDATE refunds SET tax = tax + 0.01 WHERE refund_id = %s", int(refund))
    for hour in shop.lower_payment(payment):
        shop.load(hour, hour, "payments")
    hour = floor_hour(moment.to_pydatetime())
    shop.load(hour, hour, "refunds")
    shop.answer()
    for name, order, off in zip(TABLES, (charged, refunded), (-10_000, -10_000), strict=True):
        passed, said = shop.check(name)
        assert not passed
        assert said["differences"] == said["amount_differs"] == 1
        [offender] = said["offenders"]
        assert offender.startswith(f"storefront {order}: amount_differs, expected ")
        assert offender.endswith(" micros of EUR")
        listed = f"SELECT order_id, difference_micros FROM analytics_base.{name}"
        assert shop.rows(listed) == [(order, off)]
