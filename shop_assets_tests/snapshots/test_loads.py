"""Tables without a time of change: what is new, changed or gone reaches the ledger, and no more."""

from __future__ import annotations

import datetime as dt

import pytest

from shop_assets_tests.sweep.sql_shop import SqlShop

SOLD = dt.datetime(2024, 3, 31, 9, 15, tzinfo=dt.UTC)
FIRST = SOLD.replace(minute=0)
HOUR = dt.timedelta(hours=1)


def sell(web: SqlShop, first: int, last: int) -> None:
    numbers = f"generate_series({first}, {last}) n"
    web.run(
        f"INSERT INTO orders SELECT n, '{SOLD}', 'paid', 0 FROM {numbers}",
        f"INSERT INTO order_items SELECT n, 1, '{SOLD}', 1, 10 FROM {numbers}",
    )


def hours(web: SqlShop, stream: str = "order_items") -> list[tuple[int, int, bool]]:
    """The hour (counted from the first), order and end of each raw row, by its time."""
    return [
        (int((row["_hour"] - FIRST) / HOUR), row["order_id"], bool(row.get("_deleted")))
        for row in web.raw(stream)
    ]


@pytest.mark.no_cover
def test_only_what_is_new_changed_or_gone_reaches_raw(web: SqlShop) -> None:
    sell(web, 1, 11)
    assert web.load(FIRST)
    assert web.load(FIRST + HOUR)
    assert hours(web) == [(0, n, False) for n in range(1, 12)]
    web.run("UPDATE order_items SET quantity = 3 WHERE order_id = 2")
    sell(web, 12, 12)
    assert web.load(FIRST + 2 * HOUR)
    assert sorted(hours(web)[11:]) == [(2, 2, False), (2, 12, False)]
    [changed] = [row for row in web.raw("order_items")[11:] if row["order_id"] == 2]
    assert changed["_change_time"] == FIRST + 3 * HOUR - dt.timedelta(seconds=1)
    assert sum(web.net_sales().values()) == 14_000

    web.run("DELETE FROM order_items WHERE order_id = 3", "DELETE FROM orders WHERE order_id = 3")
    assert web.load(FIRST + 3 * HOUR)
    assert hours(web)[13:] == [(3, 3, True)]
    assert sum(web.net_sales().values()) == 13_000
    assert web.check("raw/web__order_items", "plausible_deletions")[0]

    # Each hour loaded again, in any order, says the same.
    before = web.net_sales()
    for back in (2, 0, 3):
        assert web.load(FIRST + back * HOUR)
    assert web.net_sales() == before
    rows = {(hour, order, gone) for hour, order, gone in hours(web)}
    assert len(rows) == 14

    # It is there again in the same hour: later than its end.
    sell(web, 3, 3)
    assert web.load(FIRST + 3 * HOUR)
    assert sum(web.net_sales().values()) == 14_000
    assert web.load(FIRST + 3 * HOUR)
    assert sum(web.net_sales().values()) == 14_000


def test_what_an_old_hour_finds_changed_is_left_to_the_next_new_one(web: SqlShop) -> None:
    sell(web, 1, 4)
    assert web.load(FIRST)
    assert web.load(FIRST + 5 * HOUR)
    web.run("UPDATE order_items SET quantity = 2 WHERE order_id = 1")
    assert web.load(FIRST + 5 * HOUR)
    web.run("UPDATE order_items SET quantity = 5 WHERE order_id = 1")
    web.run("DELETE FROM order_items WHERE order_id = 1 AND quantity = 0")
    assert web.load(FIRST)
    assert sum(web.net_sales().values()) == 5000
    assert web.load(FIRST + 6 * HOUR)
    assert sum(web.net_sales().values()) == 8000


def test_an_emptied_table_is_an_alarm_and_no_mass_deletion(web: SqlShop) -> None:
    sell(web, 1, 4)
    assert web.load(FIRST)
    web.run("DELETE FROM order_items WHERE order_id > 1")
    sell(web, 5, 5)
    assert web.load(FIRST + HOUR)
    passed, said = web.check("raw/web__order_items", "plausible_deletions")
    assert (passed, said["gone"], said["known"]) == (False, 3, 4)
    # What is new came all the same.
    assert sum(web.net_sales().values()) == 5000
    assert web.check("raw/web__orders", "plausible_deletions")[0]


def test_a_daily_snapshot_is_taken_once_a_day(web: SqlShop) -> None:
    web.reconfigure(
        "        key: [order_id]\n", "        key: [order_id]\n        snapshot: daily\n"
    )
    sell(web, 1, 2)
    midnight = dt.datetime(2024, 3, 31, 22, tzinfo=dt.UTC)  # in Berlin, in summer
    assert web.load(midnight - 3 * HOUR, midnight - HOUR)
    assert hours(web, "orders") == []
    assert web.load(midnight, midnight + 3 * HOUR)
    assert [hour for hour, _, _ in hours(web, "orders")] == [13, 13]
    assert [hour for hour, _, _ in hours(web)] == [12, 12]
