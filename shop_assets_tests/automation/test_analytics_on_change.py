from __future__ import annotations

from dagster import AssetKey, DagsterRunStatus

from shop_assets.automation.jobs import ANALYTICS, PRIORITY
from shop_assets.automation.sensors import ATTEMPTS
from shop_assets.warehouse.marts import note_change
from shop_assets_tests.automation.tiny_shop import Tick, TinyShop

SENSOR = "sales_summary_on_change"


def change(shop: TinyShop, mart: str) -> None:
    """Count a change of a mart, as the load does that made it."""
    with shop.warehouse.transaction() as cursor:
        note_change(cursor, mart)


def begin(shop: TinyShop, tick: Tick, status: DagsterRunStatus = DagsterRunStatus.STARTED) -> str:
    (request,) = tick.requests
    return shop.begin("analytics", dict(request.tags), status)


def test_analytics_are_asked_for_when_their_mart_has_changed_and_only_then(
    watched: TinyShop,
) -> None:
    assert watched.tick(SENSOR).requests == []
    change(watched, "sales_hourly")
    change(watched, "customer_orders")
    assert watched.tick(SENSOR).requests == []
    assert len(watched.tick("customer_rfm_on_change").requests) == 1
    change(watched, "sales_daily")
    (request,) = watched.tick(SENSOR).requests
    assert request.asset_selection == [AssetKey(["analytics", "sales_summary"])]
    assert request.tags[PRIORITY] == ANALYTICS


def test_the_cursor_moves_only_after_success(watched: TinyShop) -> None:
    change(watched, "sales_daily")
    tick = watched.tick(SENSOR)
    assert tick.cursor is None
    run = begin(watched, tick)
    assert (waiting := watched.tick(SENSOR)).requests == []
    assert waiting.cursor is None
    watched.end(run, DagsterRunStatus.SUCCESS)
    done = watched.tick(SENSOR)
    assert done.requests == []
    assert done.cursor is not None
    assert watched.tick(SENSOR).requests == []
    # Without the cursor nothing is computed twice either.
    watched.cursors.clear()
    assert watched.tick(SENSOR).requests == []
    change(watched, "sales_daily")
    assert len(watched.tick(SENSOR).requests) == 1


def test_a_failed_run_is_tried_again_and_the_next_change_counts_anew(watched: TinyShop) -> None:
    for _ in range(2):
        change(watched, "sales_daily")
        keys = set()
        for _ in range(ATTEMPTS):
            tick = watched.tick(SENSOR)
            keys.add(tick.requests[0].run_key)
            watched.end(begin(watched, tick), DagsterRunStatus.FAILURE)
        assert len(keys) == ATTEMPTS
        given_up = watched.tick(SENSOR)
        assert given_up.requests == []
        assert f"failed {ATTEMPTS} times" in (given_up.skipped or "")
        assert given_up.cursor is None


def test_analytics_are_computed_by_one_run_at_a_time(watched: TinyShop) -> None:
    change(watched, "sales_daily")
    first = begin(watched, watched.tick(SENSOR), DagsterRunStatus.QUEUED)
    change(watched, "sales_daily")
    change(watched, "customer_orders")
    # A run that read the mart before the change must not write after the one that read it since.
    assert watched.tick(SENSOR).requests == []
    assert len(watched.tick("customer_rfm_on_change").requests) == 1
    watched.end(first, DagsterRunStatus.SUCCESS)
    second = watched.tick(SENSOR)
    assert len(second.requests) == 1
    all_of_them = watched.begin("analytics", {})
    assert watched.tick(SENSOR).requests == []
    assert watched.tick("customer_rfm_on_change").requests == []
    watched.end(all_of_them, DagsterRunStatus.SUCCESS)
    assert len(watched.tick(SENSOR).requests) == 1


def test_a_warehouse_restored_from_a_backup_is_not_taken_for_what_was_computed_before(
    watched: TinyShop,
) -> None:
    for _ in range(2):
        change(watched, "sales_daily")
        watched.end(begin(watched, watched.tick(SENSOR)), DagsterRunStatus.SUCCESS)
        watched.tick(SENSOR)
    with watched.warehouse.transaction() as cursor:
        cursor.execute("UPDATE meta.mart_versions SET version = 1")
    change(watched, "sales_daily")
    assert len(watched.tick(SENSOR).requests) == 1
