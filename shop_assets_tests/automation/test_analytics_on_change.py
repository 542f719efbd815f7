from __future__ import annotations

import datetime as dt

import pytest
from dagster import AssetKey, DagsterRunStatus, RunRequest
from dagster._core.storage.tags import MAX_RETRIES_TAG, RESUME_RETRY_TAG

from shop_assets.automation.jobs import ANALYTICS, PRIORITY
from shop_assets.automation.on_change import ATTEMPTS, contents_of
from shop_assets.warehouse.marts import note_change
from shop_assets_tests.automation.tiny_shop import Tick, TinyShop
from shop_assets_tests.warehouse.loads import DAY, HOUR, NINE, publish


def change(shop: TinyShop, *marts: str) -> None:
    """Count a change of marts, as the load does that made it."""
    with shop.warehouse.transaction() as cursor:
        for mart in marts:
            note_change(cursor, mart)


def tick(shop: TinyShop) -> Tick:
    return shop.tick("analytics_on_change")


def asked(found: Tick) -> list[list[str]]:
    """The tables that each request of a tick is for."""
    assert all(
        key.path[0] == "analytics" for r in found.requests for key in r.asset_selection or []
    )
    return [[key.path[-1] for key in r.asset_selection or []] for r in found.requests]


def begin(
    shop: TinyShop, request: RunRequest, status: DagsterRunStatus = DagsterRunStatus.STARTED
) -> str:
    return shop.begin("analytics", dict(request.tags), status, request.asset_selection)


def test_analytics_are_asked_for_when_their_mart_has_changed_and_only_then(
    watched: TinyShop,
) -> None:
    assert tick(watched).requests == []
    change(watched, "sales_hourly")
    assert tick(watched).requests == []
    change(watched, "sales_daily")
    (request,) = tick(watched).requests
    assert request.asset_selection == [AssetKey(["analytics", "sales_summary"])]
    assert request.tags[PRIORITY] == ANALYTICS
    watched.end(begin(watched, request), DagsterRunStatus.SUCCESS)
    change(watched, "customer_orders")
    assert asked(tick(watched)) == [["customer_rfm"]]


@pytest.mark.parametrize(
    ("step", "changes", "hourly"),
    [
        ("sales_summary", "sales_daily", "sales_hourly"),
        ("customer_rfm", "customer_orders", "customer_orders"),
    ],
)
def test_a_day_without_orders_is_a_day_later_and_an_hour_without_is_not(
    watched: TinyShop, step: str, changes: str, hourly: str
) -> None:
    publish(watched.warehouse, mart=hourly)
    assert tick(watched).requests == [], "nothing was sold yet"
    change(watched, changes)
    (request,) = tick(watched).requests
    watched.end(begin(watched, request), DagsterRunStatus.SUCCESS)
    assert tick(watched).requests == []
    publish(watched.warehouse, mart=hourly, start=NINE + HOUR)
    assert tick(watched).requests == []
    publish(watched.warehouse, mart=hourly, start=NINE + DAY)
    assert asked(tick(watched)) == [[step]]


def test_what_is_ordered_anew_goes_by_the_products_too(watched: TinyShop) -> None:
    made = {"stock_alerts": ["stock_alerts"]}
    before = contents_of(watched.warehouse, watched.calendar, made, {})
    change(watched, "products")
    assert contents_of(watched.warehouse, watched.calendar, made, {}) != before


def test_what_changed_together_is_computed_by_one_run(watched: TinyShop) -> None:
    change(watched, "sales_daily", "customer_orders")
    found = tick(watched)
    assert asked(found) == [["customer_rfm", "sales_summary"]]
    # While it is under way nothing of it is asked for, whatever changes.
    run = begin(watched, found.requests[0], DagsterRunStatus.QUEUED)
    change(watched, "sales_daily", "customer_orders")
    assert tick(watched).requests == []
    watched.end(run, DagsterRunStatus.SUCCESS)
    assert asked(tick(watched)) == [["customer_rfm", "sales_summary"]]


def test_the_cursor_moves_only_after_success(watched: TinyShop) -> None:
    change(watched, "sales_daily")
    found = tick(watched)
    assert found.cursor is None
    run = begin(watched, found.requests[0])
    assert (waiting := tick(watched)).requests == []
    assert waiting.cursor is None
    watched.end(run, DagsterRunStatus.SUCCESS)
    done = tick(watched)
    assert done.requests == []
    assert done.cursor is not None
    assert tick(watched).requests == []
    # Without the cursor nothing is computed twice either.
    watched.cursors.clear()
    assert tick(watched).requests == []
    change(watched, "sales_daily")
    assert asked(tick(watched)) == [["sales_summary"]]


def fail(shop: TinyShop, times: int = 1) -> None:
    """Let what is asked for fail."""
    for _ in range(times):
        (request,) = tick(shop).requests
        shop.end(begin(shop, request), DagsterRunStatus.FAILURE)


def test_a_failed_run_is_tried_again_and_the_next_change_counts_anew(watched: TinyShop) -> None:
    for _ in range(2):
        change(watched, "sales_daily")
        fail(watched, ATTEMPTS)
        resting = tick(watched)
        assert resting.requests == []
        assert f"failed {ATTEMPTS} times" in (resting.skipped or "")
        assert resting.cursor is None


def test_what_fails_again_and_again_is_asked_for_ever_more_seldom(watched: TinyShop) -> None:
    change(watched, "sales_daily")
    fail(watched, ATTEMPTS)
    for minutes in (10, 20, 40, 80, 160, 320, 360, 360):
        watched.age_runs(dt.timedelta(minutes=minutes - 1))
        assert tick(watched).requests == []
        watched.age_runs(dt.timedelta(minutes=2))
        fail(watched)
    watched.age_runs(dt.timedelta(days=30))
    (request,) = tick(watched).requests
    watched.end(begin(watched, request), DagsterRunStatus.SUCCESS)
    assert tick(watched).requests == []
    assert tick(watched).cursor is not None


def test_however_often_something_has_failed_it_is_found_once_it_is_mended(
    watched: TinyShop,
) -> None:
    change(watched, "sales_daily")
    (request,) = tick(watched).requests
    for _ in range(70):
        begin(watched, request, DagsterRunStatus.FAILURE)
    watched.age_runs(dt.timedelta(hours=7))
    assert asked(tick(watched)) == [["sales_summary"]]


def test_of_what_failed_together_each_is_tried_by_itself(watched: TinyShop) -> None:
    change(watched, "sales_daily", "customer_orders")
    (request,) = tick(watched).requests
    watched.end(begin(watched, request), DagsterRunStatus.FAILURE)
    again = tick(watched)
    assert asked(again) == [["customer_rfm"], ["sales_summary"]]
    customers, sales = (begin(watched, request) for request in again.requests)
    watched.end(customers, DagsterRunStatus.SUCCESS)
    watched.end(sales, DagsterRunStatus.FAILURE)
    assert asked(tick(watched)) == [["sales_summary"]]
    # What changes since is not held back by what fails for good, nor in its next version.
    change(watched, "sales_daily", "customer_orders")
    again = tick(watched)
    assert asked(again) == [["customer_rfm"], ["sales_summary"]]
    for request in again.requests:
        watched.end(begin(watched, request), DagsterRunStatus.SUCCESS)
    change(watched, "sales_daily", "customer_orders")
    assert asked(tick(watched)) == [["customer_rfm", "sales_summary"]]


def test_dagster_tries_none_again_with_the_tags_of_all_its_steps(watched: TinyShop) -> None:
    change(watched, "sales_daily", "customer_orders")
    (request,) = tick(watched).requests
    assert request.tags[MAX_RETRIES_TAG] == "0"


def test_a_run_that_was_canceled_is_asked_for_again_as_it_was(watched: TinyShop) -> None:
    change(watched, "sales_daily", "customer_orders")
    (request,) = tick(watched).requests
    watched.end(begin(watched, request), DagsterRunStatus.CANCELED)
    assert asked(tick(watched)) == [["customer_rfm", "sales_summary"]]


def test_one_step_that_somebody_ran_again_does_not_stand_for_the_others(watched: TinyShop) -> None:
    change(watched, "sales_daily", "customer_orders")
    (request,) = tick(watched).requests
    watched.end(begin(watched, request), DagsterRunStatus.FAILURE)
    one = watched.begin("analytics", dict(request.tags), steps=["analytics__customer_rfm"])
    watched.end(one, DagsterRunStatus.SUCCESS)
    assert asked(tick(watched)) == [["sales_summary"]]
    resumed = watched.begin(
        "analytics",
        {**request.tags, RESUME_RETRY_TAG: "true"},
        steps=["analytics__sales_summary"],
    )
    watched.end(resumed, DagsterRunStatus.SUCCESS)
    assert asked(tick(watched)) == []


def test_what_somebody_materializes_is_waited_for(watched: TinyShop) -> None:
    change(watched, "sales_daily", "customer_orders")
    run = watched.begin("__ASSET_JOB", {}, assets=[AssetKey(["analytics", "sales_summary"])])
    assert asked(tick(watched)) == [["customer_rfm"]]
    watched.end(run, DagsterRunStatus.SUCCESS)
    assert asked(tick(watched)) == [["customer_rfm", "sales_summary"]]


@pytest.mark.parametrize("cursor", ["edited by hand", "[]", "null"])
def test_a_cursor_that_is_none_stops_nothing(watched: TinyShop, cursor: str) -> None:
    watched.cursors["analytics_on_change"] = cursor
    change(watched, "sales_daily")
    assert asked(tick(watched)) == [["sales_summary"]]


def test_analytics_are_computed_by_one_run_at_a_time(watched: TinyShop) -> None:
    change(watched, "sales_daily")
    (request,) = tick(watched).requests
    first = begin(watched, request, DagsterRunStatus.QUEUED)
    change(watched, "sales_daily", "customer_orders")
    # A run that read the mart before the change must not write after the one that read it since.
    assert asked(tick(watched)) == [["customer_rfm"]]
    watched.end(first, DagsterRunStatus.SUCCESS)
    assert asked(tick(watched)) == [["customer_rfm", "sales_summary"]]
    all_of_them = watched.begin("analytics", {})
    assert tick(watched).requests == []
    watched.end(all_of_them, DagsterRunStatus.SUCCESS)
    assert asked(tick(watched)) == [["customer_rfm", "sales_summary"]]


def test_a_warehouse_restored_from_a_backup_is_not_taken_for_what_was_computed_before(
    watched: TinyShop,
) -> None:
    for _ in range(2):
        change(watched, "sales_daily")
        (request,) = tick(watched).requests
        watched.end(begin(watched, request), DagsterRunStatus.SUCCESS)
        tick(watched)
    with watched.warehouse.transaction() as cursor:
        cursor.execute("UPDATE meta.mart_versions SET version = 1")
    change(watched, "sales_daily")
    assert asked(tick(watched)) == [["sales_summary"]]
