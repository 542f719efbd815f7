"""After a load, what its rows touched elsewhere is computed: by few runs, and none for nothing."""

from __future__ import annotations

import datetime as dt

from shop_assets.automation.jobs import RANGE_END, RANGE_START
from shop_assets.backfill import Backfill
from shop_assets.partitions import HOUR, hour_key
from shop_assets_tests.automation.tiny_shop import TinyShop, line

FIRST = dt.datetime(2024, 1, 10, tzinfo=dt.UTC)
HOURS = 40
Runs = list[tuple[set[str], str, str]]


def load(shop: TinyShop, *hours: dt.datetime) -> Runs:
    """Load hours; what the runs of hourly marts alone computed, and of which hours."""
    runner = Backfill(shop.definitions, shop.instance, shop.calendar, shop.warehouse)
    found: Runs = []

    def note(run_id: str, _: object) -> None:
        run = shop.instance.get_run_by_id(run_id)
        assert run is not None
        if run.job_name == "hourly_marts":
            assets = {key.path[-1] for key in run.asset_selection or ()}
            found.append((assets, run.tags[RANGE_START], run.tags[RANGE_END]))

    runner.load(hours, lambda *_: None, on_run=note)
    return found


def mart(shop: TinyShop) -> list[list[object]]:
    rows = shop.warehouse.read(
        "SELECT order_id, ordered_hour, net_sales_micros, order_number "
        "FROM marts_base.customer_orders ORDER BY 1"
    )
    return [list(row) for row in rows.astype(object).to_numpy()]


def test_late_corrections_move_their_orders_and_not_the_hours_between(shop: TinyShop) -> None:
    hours = [FIRST + n * HOUR for n in range(HOURS)]
    shop.deliver("first", *(line(f"o{n:02}", hour) for n, hour in enumerate(hours)))
    assert load(shop, *hours) == []
    # Lines that are one more have come for two orders of long ago, and one order came late.
    after = FIRST + HOURS * HOUR
    shop.deliver(
        "second",
        line("o03", hours[3], after, n=2), line("o30", hours[30], after, n=2),
        line("late", hours[37], after),
    )  # fmt: skip
    runs = load(shop, after)
    assert sorted(runs, key=str) == sorted(
        [
            ({"customer_orders"}, hour_key(hours[3]), hour_key(hours[37])),
            ({"sales_hourly"}, hour_key(hours[37]), hour_key(hours[37])),
        ],
        key=str,
    )
    assert shop.stale() == set()
    rows = shop.warehouse.read("SELECT rows_written AS n FROM meta.loads WHERE slice_start = $1 "
                               "AND asset = 'marts/customer_orders' ORDER BY committed_at DESC",
                               (hours[3],))  # fmt: skip
    assert rows["n"].iloc[0] == 3
    found = mart(shop)
    assert shop.execute("hourly_marts", {RANGE_START: hour_key(FIRST), RANGE_END: hour_key(after)})
    assert mart(shop) == found
    assert len(found) == HOURS + 1
