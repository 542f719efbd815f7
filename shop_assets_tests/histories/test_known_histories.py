"""Histories that went wrong once, or would without one of the safeguards, step by step."""

from __future__ import annotations

import pytest

from shop_assets.partitions import HOUR
from shop_assets_tests.histories.comparison import Bench
from shop_assets_tests.histories.machine import Histories
from shop_assets_tests.histories.pipeline import finish

pytestmark = pytest.mark.no_cover


@pytest.fixture
def history(bench: Bench) -> Histories:
    """A history that is played by hand; `teardown` compares it with its rebuild."""
    Histories.bench = bench
    return Histories()


def test_an_hour_may_be_read_before_the_one_before_it_is_read_again(history: Histories) -> None:
    history.begin(about="sales", season="spring")
    history.hour_nears_its_end()
    history.customer_orders("c1", [("p1", 1, 10)], 0, 0, "EUR", slow=True)
    history.time_passes(minutes=60)
    # Its overlap brings the order to the later hour; then the earlier hour has it too.
    history.hours_are_loaded(back=0, hours=1, layer="raw")
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.teardown()


@pytest.mark.parametrize("change", ["remove", "gift", "price", "quantity", "product"])
def test_what_a_line_became_is_what_the_shop_has_sold(history: Histories, change: str) -> None:
    history.begin(about="sales", season="spring")
    history.hours_are_loaded(back=0, hours=4, layer="raw")
    history.line_changes(0, change, silent=False, slow=False)
    history.time_passes(minutes=60)
    history.teardown()


@pytest.mark.parametrize("change", ["delete", "test"])
def test_an_order_that_counts_no_more_is_not_in_what_the_shop_has_sold(
    history: Histories, change: str
) -> None:
    history.begin(about="sales", season="spring")
    history.hours_are_loaded(back=0, hours=4, layer="raw")
    history.order_changes(0, change, slow=False)
    history.time_passes(minutes=60)
    history.teardown()


def test_an_event_that_two_hours_bring_is_one_in_whichever_order(history: Histories) -> None:
    history.begin(about="web", season="spring")
    history.visitor_comes("v1", 3, 0, 1, slow=False)
    history.time_passes(minutes=60)
    history.hours_are_loaded(back=0, hours=1, layer="raw")
    history.hours_are_loaded(back=2, hours=2, layer="raw")
    history.teardown()


def test_a_row_of_two_hours_that_a_rule_takes_out_leaves_both(history: Histories) -> None:
    history.begin(about="sales", season="spring")
    history.hour_nears_its_end()
    history.customer_orders("c1", [("p3", 1, 10)], 0, 0, "EUR", slow=False)
    history.time_passes(minutes=60)
    history.hours_are_loaded(back=0, hours=2, layer="raw")
    history.hours_are_loaded(back=0, hours=1, layer="raw")
    history.configuration_changes("no p3", at_once=True)
    history.configuration_changes("no p3", at_once=False)
    history.hours_are_loaded(back=0, hours=1, layer="clean")
    history.teardown()


def test_what_a_run_has_cleaned_before_another_read_more_is_not_published_after_it(
    history: Histories,
) -> None:
    history.begin(about="sales", season="spring")
    history.run_is_held(back=1, hours=1, layer="raw", steps=5)
    history.shop.now -= HOUR
    history.line_changes(0, "price", silent=False, slow=False)
    history.time_passes(minutes=60)
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.held_run_goes_on(0, steps=100)
    history.teardown()


@pytest.mark.parametrize(
    "steps",
    [
        pytest.param(5, id="orders cleaned"),
        pytest.param(7, id="lines cleaned"),
        pytest.param(11, id="clean lines read"),
        pytest.param(13, id="the ledger's orders read"),
        pytest.param(15, id="sales_hourly computed"),
    ],
)
def test_a_run_that_is_overtaken_between_reading_and_writing_undoes_nothing(
    history: Histories, steps: int
) -> None:
    history.begin(about="sales", season="autumn")
    history.run_is_held(back=1, hours=1, layer="raw", steps=steps)
    history.shop.now -= HOUR
    history.line_changes(0, "price", silent=False, slow=False)
    history.refund_is_made(1, "part", 0, slow=False)
    history.time_passes(minutes=60)
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.configuration_changes("p2 costs nine", at_once=True)
    history.held_run_goes_on(0, steps=100)
    history.teardown()


def test_a_stock_mart_that_was_computed_before_a_late_reading_is_computed_again(
    history: Histories,
) -> None:
    history.begin(about="stock", season="spring")
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.time_passes(minutes=110)
    # Hour 22 knows the reading of hour 20 only, and is not written yet.
    history.run_is_held(back=1, hours=1, layer="raw", steps=5)
    history.stock_is_read("p1", "l1", 0, 90, deleted=False)
    history.hours_are_loaded(back=0, hours=1, layer="raw")
    history.held_run_goes_on(0, steps=100)
    history.teardown()


def test_what_is_seen_late_comes_with_the_next_hour(history: Histories) -> None:
    history.begin(about="sales", season="spring")
    history.hour_nears_its_end()
    history.customer_orders("c1", [("p1", 1, 10)], 0, 0, "EUR", slow=True)
    history.time_passes(minutes=5)
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.time_passes(minutes=60)
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.teardown()
    orders = history.bench.holding()["orders"]
    assert len(orders) == 3


def test_an_old_version_that_a_later_hour_brings_again_is_not_current(history: Histories) -> None:
    history.begin(about="advertising", season="autumn")
    history.description_changes("campaigns", 0, "plain", deleted=False)
    history.advertising_costs("k1", 0, 2, "EUR", deleted=False)
    history.description_changes("campaigns", 0, "other", deleted=False)
    history.time_passes(minutes=60)
    history.delivery_comes_again(0, "campaigns", late=True)
    history.due_hours_are_loaded(singly=True, backwards=True)
    history.teardown()


def test_a_request_that_comes_while_a_mart_is_computed_is_not_settled(history: Histories) -> None:
    history.begin(about="sales", season="spring")
    history.hours_are_loaded(back=1, hours=1, layer="raw")
    history.line_changes(0, "price", silent=True, slow=False)
    # It has read the ledger and is about to write `sales_hourly`.
    history.run_is_held(back=1, hours=1, layer="raw", steps=15)
    history.line_changes(1, "price", silent=True, slow=False)
    run = history.platform.run(history.first, history.first + HOUR, shop=history.shop, marts=False)
    finish(run)
    history.held_run_goes_on(0, steps=100)
    history.teardown()


def test_a_line_that_a_rule_took_out_leaves_the_ledger_though_the_run_was_killed(
    history: Histories,
) -> None:
    history.begin(about="sales", season="spring")
    history.line_changes(0, "product", silent=False, slow=False)
    history.due_hours_are_loaded(singly=True, backwards=False)
    history.configuration_changes("no p3", at_once=False)
    # Killed once the lines are loaded; the hour then has no row left that names the order.
    history.run_is_killed(back=0, hours=1, layer="clean", steps=4)
    history.hours_are_loaded(back=0, hours=1, layer="warehouse")
    history.unclean.clear()
    history.broken.clear()
    history.teardown()


def test_runs_of_the_same_hours_at_once_leave_what_one_would(history: Histories) -> None:
    history.begin(about="sales", season="spring")
    for which in range(3):
        history.line_changes(which, "price", silent=which == 1, slow=False)
        history.two_runs_at_once(back=0, hours=2, other=0, layer="raw")
    history.teardown()


def test_stock_that_was_read_before_the_first_hour_counts_in_all_hours_since(
    history: Histories,
) -> None:
    history.begin(about="stock", season="spring")
    history.stock_is_read("p2", "l1", 1, 24 * 60, deleted=False)
    history.hours_are_loaded(back=0, hours=4, layer="raw")
    history.teardown()
