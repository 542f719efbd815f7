"""Rows that vanish from a source are taken back in the hour in which that is found."""

from __future__ import annotations

import datetime as dt

from shop_assets_tests.sweep.sql_shop import SqlShop

SPRING = dt.datetime(2024, 3, 31, 9, 15, tzinfo=dt.UTC)
HOUR = SPRING.replace(minute=0)


def test_an_order_deleted_months_later_is_taken_back_in_the_hour_of_discovery(
    web: SqlShop,
) -> None:
    web.sell(1, 4, SPRING)
    assert web.load(HOUR)
    web.run("DELETE FROM orders WHERE order_id = 2", "DELETE FROM order_items WHERE order_id = 2")
    assert web.sweep()
    found = web.said("raw/web__orders__deletions")
    assert found == {
        **found,
        "keys_known": 4,
        "deletions": 1,
        "keys_not_loaded": 0,
        "keys_read": 3,
    }
    discovery = web.an_hour_passes()
    web.restart()
    assert web.load(discovery)
    assert web.net_sales() == {"2024-03-31 09": 4000, f"{discovery:%Y-%m-%d %H}": -1000}

    [tombstone] = [row for row in web.raw("orders") if row["_deleted"]]
    assert (tombstone["order_id"], tombstone["status"]) == (2, "paid")
    assert tombstone["updated_at"] == SPRING
    assert tombstone["_hour"] == discovery <= tombstone["_change_time"]
    rows = web.shop.warehouse.read(
        "SELECT order_id, version_at FROM warehouse.orders WHERE deleted"
    )
    assert rows["order_id"].tolist() == ["2"]
    assert rows["version_at"].iloc[0] == tombstone["_change_time"]

    # Loaded once more, and from raw alone, it says the same.
    before = web.shop.warehouse.read("SELECT * FROM warehouse.sales_ledger ORDER BY 1, 2, 3")
    assert web.load(discovery)
    assert web.load(HOUR)
    after = web.shop.warehouse.read("SELECT * FROM warehouse.sales_ledger ORDER BY 1, 2, 3")
    assert after.equals(before)

    # A second sweep finds nothing more.
    assert web.sweep()
    again = web.said("raw/web__orders__deletions")
    assert (again["deletions"], again["keys_known"], again["ranges_read"]) == (0, 3, 0)


def test_a_row_that_comes_back_counts_again_and_can_vanish_again(web: SqlShop) -> None:
    web.sell(1, 4, SPRING)
    assert web.load(HOUR)
    web.run("DELETE FROM orders WHERE order_id = 3", "DELETE FROM order_items WHERE order_id = 3")
    assert web.sweep()
    discovery = web.an_hour_passes()
    back = discovery + dt.timedelta(minutes=59, seconds=59, microseconds=999_999)
    web.sell(3, 3, back)
    assert web.load(discovery)
    assert sum(web.net_sales().values()) == 4000
    assert web.sweep()
    assert web.said("raw/web__orders__deletions")["deletions"] == 0
    web.run("DELETE FROM orders WHERE order_id = 3", "DELETE FROM order_items WHERE order_id = 3")
    assert web.sweep()
    assert web.said("raw/web__orders__deletions")["deletions"] == 1


def test_an_emptied_table_is_an_alarm_and_no_mass_deletion(web: SqlShop) -> None:
    web.sell(1, 4, SPRING)
    assert web.load(HOUR)
    web.run("DELETE FROM orders WHERE order_id > 1")
    assert not web.sweep()
    # The lines, swept in the same run, are not held back.
    assert web.said("raw/web__order_items__deletions")["deletions"] == 0
    passed, said = web.check("raw/web__orders__deletions", "plausible_deletions")
    assert (passed, said["gone"], said["known"]) == (False, 3, 4)
    assert web.failures()["raw__web__orders__deletions"].endswith(
        "web: 3 of 4 rows of orders are gone at once, expected at most 50% (sweep_limit of stream "
        "orders); none was taken for deleted"
    )
    assert web.shop.warehouse.read("SELECT * FROM meta.source_deletions").empty
    # What was restored was never gone.
    web.run(
        f"INSERT INTO orders SELECT n, '{SPRING}', 'paid', 0, '{SPRING}' "
        "FROM generate_series(2, 4) n"
    )
    assert web.sweep()
    assert web.said("raw/web__orders__deletions")["deletions"] == 0


def test_it_is_looked_for_once_a_day_and_not_with_each_hour(web: SqlShop) -> None:
    made = web.shop.definitions
    daily = made.resolve_schedule_def("every_day")
    assert (daily.job_name, daily.cron_schedule, daily.execution_timezone) == (
        "sweep",
        "40 3 * * *",
        "Europe/Berlin",
    )
    sweeps = {"raw/web__orders__deletions", "raw/web__order_items__deletions"}
    for job, has in (("sweep", sweeps), ("hourly", set())):
        selected = made.resolve_job_def(job).asset_layer.selected_asset_keys
        assert {key.to_user_string() for key in selected} & sweeps == has
    web.reconfigure("        sweep: daily\n", "")
    assert not web.shop.definitions.get_repository_def().has_job("sweep")
