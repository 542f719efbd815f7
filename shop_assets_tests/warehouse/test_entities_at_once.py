"""What an entity asks for on behalf of another one misses no rows that come meanwhile."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any

import psycopg2

from shop_assets.assets.reconciliation import DECLARED, READS, compare
from shop_assets.entities import TABLES
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import ad_spend_daily
from shop_assets.warehouse.marts import look, replace_slices
from shop_assets_tests.reconciliation.books import COMMON
from shop_assets_tests.warehouse.loads import (
    DAY,
    HOUR,
    NINE,
    load_of,
    merge,
    table_of,
    wait_for_waiter,
)

MIDNIGHT = NINE.replace(hour=0)
AT = {"version_at": "2026-01-31 09:00", "deleted": False}
LATER = AT | {"version_at": "2026-01-31 10:00"}
MOMENT = 3
"""So many seconds what happens meanwhile is given, where it waits for what is held up."""


def held_up(
    url: str, entity: str, load: Callable[[], object], meanwhile: Callable[[], object]
) -> None:
    """`load` has asked for what it changes and waits to commit, while `meanwhile` happens."""
    gate = psycopg2.connect(url)
    with ThreadPoolExecutor(2) as pool:
        with gate, gate.cursor() as cursor:
            cursor.execute("SELECT FROM meta.mart_versions WHERE mart = %s FOR UPDATE", (entity,))
            late = pool.submit(load)
            wait_for_waiter(Warehouse(url))
            other = pool.submit(meanwhile)
            wait([other], MOMENT)
        gate.close()
        late.result()
        other.result()


def settle(warehouse: Warehouse) -> None:
    """Compute the day of the mart, if it is asked for."""
    seen = look(warehouse, "ad_spend_daily")
    if len(seen.requests):
        rows = ad_spend_daily(warehouse, MIDNIGHT, MIDNIGHT + DAY)
        load = load_of("marts/ad_spend_daily", MIDNIGHT, step=DAY)
        replace_slices(warehouse, TABLES["ad_spend_daily"], rows, load, seen)


def test_a_campaign_that_is_renamed_beside_a_load_of_its_spend_has_its_new_name(
    warehouse: Warehouse, url: str
) -> None:
    merge(warehouse, "campaigns", AT | {"name": "Winter"})

    def rename() -> None:
        merge(Warehouse(url), "campaigns", LATER | {"name": "Spring"})

    def spend() -> None:
        merge(warehouse, "ad_spend", AT | {"day": dt.date(2026, 1, 31), "spend_micros": 1})
        settle(warehouse)

    held_up(url, "campaigns", rename, spend)
    settle(warehouse)
    names = table_of(warehouse, "SELECT campaign_name FROM marts_base.ad_spend_daily")
    assert names == [("Spring",)]


def test_a_payout_that_fails_beside_a_load_of_what_is_in_it_is_compared_with_that(
    warehouse: Warehouse, url: str
) -> None:
    first, second = (
        COMMON["payouts"] | AT | {"amount_micros": 0, "payout_id": name, "created_at": at}
        for name, at in (("P", "2026-01-31 08:00"), ("Q", "2026-01-31 08:30"))
    )
    merge(warehouse, "payouts", first, second, start=NINE)
    merge(warehouse, "payout_transactions", start=NINE)
    compared(warehouse)

    def fail() -> None:
        merge(Warehouse(url), "payouts", second | LATER | {"status": "failed"}, start=NINE + HOUR)

    def pay_out() -> None:
        part = COMMON["payout_transactions"] | AT | {"payment_id": "t", "net_micros": 0}
        parts = [part | {"amount_micros": 0, "payout_id": name} for name in "PQ"]
        merge(warehouse, "payout_transactions", *parts, start=NINE + HOUR)
        compared(warehouse)

    held_up(url, "payouts", fail, pay_out)
    compared(warehouse)
    assert compared(warehouse, anew=True) == 0


def compared(warehouse: Warehouse, **how: Any) -> int:
    """Bring the differences of payouts up to date; how many have changed."""
    declared = [each for each in DECLARED if each.name == "payout_differences"]
    found = compare(warehouse, declared, READS["payout_differences"], [], dt.timedelta(0), **how)
    return found["payout_differences"].changed
