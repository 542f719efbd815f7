"""What the simulated shop says of itself is what the platform finds in its sources."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from itertools import pairwise

import pandas as pd
import pytest

from shop_assets.demo import DemoPlan, FlashSale, SimulatedShop, Truth
from shop_assets.demo.true_sales import METRICS
from shop_assets.demo.truth import compute_truth
from shop_assets.entities import ENTITIES
from shop_assets.transforms.ledger import sales_ledger
from shop_assets.transforms.sales import hour_sums, sales_hourly
from shop_assets.transforms.sessions import funnel_hourly, session_counts, web_activity
from shop_assets_tests.demo.conftest import HOURS, START, Targets
from shop_assets_tests.demo.reading import Platform, joined, read

END = START + dt.timedelta(hours=HOURS)
KEY = ["hour", "currency"]

# On one worker, so that one grown shop does for all.
pytestmark = [pytest.mark.xdist_group("grown_shop"), pytest.mark.no_cover]


@pytest.fixture(scope="session")
def platform(grown: SimulatedShop) -> Platform:
    """All sources of the grown shop, read once and after the fact."""
    return read(grown, [(START, END)])


@pytest.fixture(scope="session")
def truth(grown: SimulatedShop) -> Truth:
    return grown.truth()


def hourly_sales(platform: Platform) -> pd.DataFrame:
    found = platform.published
    ledger = sales_ledger(found["orders"], found["order_items"], found["refunds"])
    return plain(sales_hourly(hour_sums(ledger)))


def plain(hourly: pd.DataFrame) -> pd.DataFrame:
    rows = hourly.set_index(KEY)[list(METRICS)].astype("int64").sort_index()
    rows.index = pd.MultiIndex.from_tuples([(h.isoformat(), c) for h, c in rows.index], names=KEY)
    return rows


def test_sales_read_after_the_fact_are_the_final_truth_hour_by_hour(
    platform: Platform, truth: Truth
) -> None:
    assert sorted(truth.sales.index) == ["EUR", "JPY", "KWD"]
    pd.testing.assert_frame_equal(hourly_sales(platform), plain(truth.sales_hourly))


def test_sales_read_after_every_hour_are_the_lived_truth(targets: Targets) -> None:
    plan = DemoPlan(START, orders_per_hour=60, flash_sale=None)
    hours = [START + dt.timedelta(hours=h) for h in range(17)]
    with SimulatedShop.create(plan, targets()) as shop:
        readings = []
        for start, end in pairwise(hours):
            shop.live(end)
            readings.append(read(shop, [(start, end)]))
        lived, final = shop.truth(view="lived"), shop.truth()
    pd.testing.assert_frame_equal(hourly_sales(joined(readings)), plain(lived.sales_hourly))
    assert not lived.sales_hourly.equals(final.sales_hourly), "some orders are edited"
    pd.testing.assert_frame_equal(lived.sales, final.sales)
    counted = joined(readings).counts.groupby(["source", "stream"])["rows_read"].sum()
    assert counted.to_dict() == lived.stream_totals["delivered"].to_dict()


def test_web_sessions_are_the_true_ones(platform: Platform, truth: Truth) -> None:
    activity = web_activity(platform.published["web_events"])
    counts = session_counts(activity, (START, END))
    found = funnel_hourly(counts).drop(columns=["source", "conversion_rate"])
    found, expected = (f.set_index("hour").astype("int64") for f in (found, truth.funnel_hourly))
    assert expected["bot_sessions"].sum() > 50
    assert (expected["purchase_sessions"] < expected["converted_sessions"]).any()
    pd.testing.assert_frame_equal(found[expected.columns], expected, check_index_type=False)


def told_again(platform: Platform, entity: str) -> pd.Series:
    """Which of an entity's published rows an earlier hour has published already."""
    rows = platform.published[entity].sort_values("_hour", kind="stable")
    again: pd.Series = rows.duplicated([*ENTITIES[entity].key, "version_at"])
    return again.reindex(platform.published[entity].index)


def test_every_row_delivered_is_read_and_its_dirt_is_found(
    platform: Platform, truth: Truth
) -> None:
    found = platform.counts.groupby(["source", "stream"])[
        ["rows_read", "rows_quarantined", "rows_deduplicated"]
    ].sum()
    expected = truth.stream_totals
    assert found["rows_read"].to_dict() == expected["delivered"].to_dict()
    quarantined = expected["broken"] + expected["invalid"]
    assert found["rows_quarantined"].to_dict() == quarantined.to_dict()
    # A row that another hour has brought already is that hour's, too: the warehouse keeps one.
    removed = found["rows_deduplicated"].to_dict()
    removed["payments", "ledger"] += told_again(platform, "payments").sum()
    removed["tracker", "web_events"] += told_again(platform, "web_events").sum()
    assert removed == expected["duplicates"].to_dict()
    dirty = set(quarantined[quarantined > 0].index.get_level_values("stream"))
    assert dirty >= {"orders", "order_items", "stock_movements", "web_events", "contacts", "ledger"}


def test_every_true_row_is_published_and_no_other(platform: Platform, truth: Truth) -> None:
    found = {entity: len(platform.newest(entity)) for entity in platform.published}
    assert found == truth.entities


def test_late_rows_are_those_that_come_in_another_hour(platform: Platform, truth: Truth) -> None:
    rows = platform.published["web_events"]
    delay = rows["version_at"] - rows["occurred_at"]
    late = truth.stream_totals["late"]
    assert (delay >= pd.Timedelta(hours=1)).sum() == late["tracker", "web_events"] > 100
    assert delay.max() < pd.Timedelta(hours=20)
    money = platform.published["payments"]
    came_later = money["_hour"] > money["created_at"].dt.floor("h")
    first = ~told_again(platform, "payments")
    assert (came_later & first).sum() == late["payments", "ledger"] > 5


def test_payments_are_the_true_ones_and_pay_what_was_ordered(
    platform: Platform, truth: Truth
) -> None:
    money = platform.newest("payments")
    sums = money.groupby(["currency", "type"])[["amount_micros", "fee_micros"]].sum()
    expected = truth.payments.set_index(["currency", "type"])[["amount_micros", "fee_micros"]]
    pd.testing.assert_frame_equal(sums.astype("int64"), expected)

    orders = platform.newest("orders").set_index("order_id")
    orders = orders[orders["status"].eq("fulfilled") & ~orders["is_test"]]
    lines = platform.newest("order_items")
    lines = lines[~lines["deleted"]]
    worth = lines["quantity"] * lines["unit_price_micros"] - lines["discount_micros"]
    goods = worth.groupby(lines["order_id"]).sum().reindex(orders.index)
    total = goods - orders["discount_micros"] + orders["shipping_micros"] + orders["tax_micros"]
    refunds = platform.newest("refunds")
    back = refunds["amount_micros"] + refunds["shipping_micros"] + refunds["tax_micros"]
    total -= back.groupby(refunds["order_id"]).sum().reindex(orders.index).fillna(0)
    moved = money[money["type"].isin(["charge", "refund"])]
    paid = moved.groupby("order_id")["amount_micros"].sum().reindex(orders.index)
    # What a late row of the ledger tells of is known a few hours later.
    old = orders["version_at"] < END - pd.Timedelta(hours=9)
    assert old.sum() > 500
    assert (paid[old] - total[old]).abs().max() == 0


def test_stock_is_the_true_one_and_movements_add_up_to_it(platform: Platform, truth: Truth) -> None:
    levels = platform.published["inventory_levels"].sort_values("measured_at")
    key = ["product_id", "location_id"]
    newest = levels.drop_duplicates(key, keep="last").set_index(key).sort_index()
    figures = ["available", "committed", "unavailable"]
    expected = truth.stock.set_index(key).sort_index()
    assert (newest[figures].astype("int64") == expected[figures]).all(axis=None)
    assert (levels["available"] < 0).any(), "the flash sale sells more than there is"

    first = levels.drop_duplicates(key, keep="first").set_index(key)
    opening = first[figures].sum(axis=1).sum()
    moved = platform.published["inventory_movements"]
    in_first_minute = moved["moved_at"] < START + dt.timedelta(minutes=1)
    assert opening + moved.loc[~in_first_minute, "quantity"].sum() == expected[figures].sum(
        axis=None
    )


def test_a_small_shop_has_hours_without_a_reading_of_its_stock() -> None:
    """What stands on the shelves then is what was read last."""
    plan = DemoPlan(START, orders_per_hour=3, flash_sale=None)
    truth = compute_truth(plan, plan.hour_start(24), None, None, "final")
    read = truth.streams[truth.streams["stream"] == "stock_levels"].set_index("hour")["delivered"]
    assert len(read[read > 0]) < 24
    assert read.sum() == truth.entities["inventory_levels"]
    assert not truth.stock.empty


def test_ad_spend_is_the_last_restatement(platform: Platform, truth: Truth) -> None:
    key = ["day", "campaign_id"]
    figures = ["spend_micros", "impressions", "clicks"]
    newest = platform.newest("ad_spend").set_index(key)[figures].astype("int64").sort_index()
    expected = truth.ad_spend.set_index(key)[figures].astype("int64").sort_index()
    assert newest.reset_index()[figures].equals(expected.reset_index()[figures])
    versions = platform.published["ad_spend"].groupby(key)["spend_micros"].nunique()
    assert (versions > 3).any()


def test_hours_sum_to_days_and_days_to_all(truth: Truth) -> None:
    daily = truth.sales_daily.groupby("currency")[list(METRICS)].sum()
    pd.testing.assert_frame_equal(daily, truth.sales[list(METRICS)])
    kinds = truth.sales_daily[["new_customer_orders", "repeat_orders", "guest_orders"]]
    assert (kinds.sum(axis=1) == truth.sales_daily["orders"]).all()
    assert (kinds.sum() > 100).all()
    assert truth.sales_daily["day"].min() == dt.date(2026, 11, 3)


def test_truth_of_a_span_is_that_part_of_the_whole(grown: SimulatedShop, truth: Truth) -> None:
    cut = START + dt.timedelta(hours=24)
    before, after = grown.truth(end=cut), grown.truth(cut)
    for name in ("sales_hourly", "sales_daily", "funnel_hourly", "streams"):
        parts = pd.concat([getattr(before, name), getattr(after, name)])
        whole = getattr(truth, name)
        by = [c for c in ("day", "hour", "source", "stream", "currency") if c in whole.columns]
        left, right = (f.sort_values(by).reset_index(drop=True) for f in (parts, whole))
        pd.testing.assert_frame_equal(left, right)


@pytest.mark.parametrize(
    ("day", "hours"), [(dt.date(2026, 10, 25), 25), (dt.date(2026, 3, 29), 23)]
)
def test_the_days_on_which_clocks_change_have_all_their_hours(
    targets: Targets, day: dt.date, hours: int
) -> None:
    midnight = dt.datetime.combine(day, dt.time(), tzinfo=dt.UTC)
    start = midnight - dt.timedelta(hours=2 if hours == 25 else 1)
    plan = replace(DemoPlan(start, orders_per_hour=30), flash_sale=None)
    with SimulatedShop.create(plan, targets()) as shop:
        shop.live(start + dt.timedelta(hours=hours + 1))
        daily, hourly = shop.truth().sales_daily, shop.truth().sales_hourly
        platform = read(shop, [(start, start + dt.timedelta(hours=hours + 1))])
    of_day = daily[daily["day"] == day].set_index("currency")["orders"]
    inside = hourly[hourly["hour"] < start + dt.timedelta(hours=hours)]
    assert inside["hour"].nunique() == hours
    pd.testing.assert_series_equal(
        inside.groupby("currency")["orders"].sum(), of_day, check_names=False
    )
    assert sorted(daily["day"].unique()) == [day, day + dt.timedelta(days=1)]
    pd.testing.assert_frame_equal(hourly_sales(platform), plain(hourly))


def test_the_flash_sale_brings_ten_times_the_orders() -> None:
    usual = DemoPlan(START, flash_sale=None)
    busy = DemoPlan(START, flash_sale=FlashSale(43, 3, 10.0))
    factor = [busy.demand(h) / usual.demand(h) for h in range(42, 47)]
    assert factor == pytest.approx([1, 10, 10, 10, 1])


def test_the_flash_sale_is_seen_in_the_sources(truth: Truth) -> None:
    orders = truth.sales_hourly.groupby("hour")["orders"].sum()
    in_sale = orders[orders.index.isin([START + dt.timedelta(hours=h) for h in (20, 21)])]
    day_after = orders[orders.index.isin([START + dt.timedelta(hours=h) for h in (44, 45)])]
    assert len(in_sale) == len(day_after) == 2
    assert 8 < in_sale.mean() / day_after.mean() < 12


def test_the_dirt_of_the_default_shop_leaves_its_accuracy_above_the_goal() -> None:
    plan = DemoPlan(START)
    truth = compute_truth(plan, plan.hour_start(48), None, None, "final")
    totals = truth.stream_totals
    dirt = totals["broken"] + totals["invalid"]
    counted = totals["delivered"] - totals["duplicates"]
    assert (dirt > 0).sum() >= 6
    assert 1 - dirt.sum() / counted.sum() > 0.995
    large = counted > 3000
    assert (1 - dirt[large] / counted[large] > 0.995).all()


def test_a_recent_shop_opened_at_its_midnight_some_days_ago() -> None:
    now = dt.datetime(2026, 3, 31, 22, 30, tzinfo=dt.UTC)  # half past midnight of April 1
    assert DemoPlan.recent(now).start == dt.datetime(2026, 3, 28, 23, tzinfo=dt.UTC)
    assert DemoPlan.recent(now, 1, orders_per_hour=5).orders_per_hour == 5


def test_a_week_without_a_sale_has_the_orders_that_the_plan_says() -> None:
    plan = DemoPlan(START, orders_per_hour=500, flash_sale=None)
    orders = sum(plan.counts(hour)[0] for hour in range(168))
    assert orders / 168 == pytest.approx(500, rel=0.02)
