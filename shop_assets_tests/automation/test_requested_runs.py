"""What sensors and schedule ask for, executed as the daemon would."""

from __future__ import annotations

import datetime as dt
import random

from dagster import AssetKey, DagsterRunStatus, DefaultSensorStatus, RunsFilter

from shop_assets.partitions import HOUR, day_key, hour_key
from shop_assets_tests.automation.tiny_shop import TinyShop, line, newest_due_hour


def day(shop: TinyShop, moment: dt.datetime) -> str:
    return day_key(shop.calendar.day_of(moment))


def test_after_a_gap_and_late_rows_the_requested_runs_bring_everything_up_to_date(
    shop: TinyShop,
) -> None:
    due = newest_due_hour()
    sold, corrected, older = due - 10 * HOUR, due - 3 * HOUR, due - 11 * HOUR
    shop.deliver("first", line("A", sold), line("B", sold, item=2))
    assert shop.answer(shop.scheduled(sold + HOUR + dt.timedelta(minutes=2)), "hourly")
    assert shop.hourly_sales() == {hour_key(sold): 2000}
    assert shop.stale() == {(m, day(shop, sold)) for m in ("sales_daily", "product_sales_daily")}

    # The daemon is down for nine hours. Then a correction and a late order have come.
    shop.deliver("second", line("A", sold, corrected, n=3), line("C", older, corrected))
    (request,) = shop.tick("missing_hours").requests
    assert shop.answer(request, "hourly")
    assert shop.tick("missing_hours").requests == []
    touched = {day(shop, moment) for moment in (sold, corrected, older)}
    assert shop.stale() == {
        ("sales_hourly", hour_key(older)),
        ("customer_orders", hour_key(older)),
        ("customer_orders", hour_key(sold)),
        *((mart, d) for mart in ("sales_daily", "product_sales_daily") for d in touched),
    }
    hours, orders, days = shop.tick("stale_marts").requests
    assert all(shop.answer(request) for request in (hours, orders, days))
    assert shop.stale() == set()
    assert shop.tick("stale_marts").requests == []
    found = shop.hourly_sales()
    assert found == {hour_key(sold): 2000, hour_key(corrected): 2000, hour_key(older): 1000}
    daily = shop.warehouse.read(
        "SELECT sum(net_sales_micros)::bigint AS n FROM marts_base.sales_daily"
    )
    assert int(daily["n"].iloc[0]) == 50_000_000

    # Now the marts have changed, and so the analytics are due, once.
    (request,) = shop.tick("analytics_on_change").requests
    assert request.asset_selection == [
        AssetKey(["analytics", name]) for name in ("customer_rfm", "sales_summary")
    ]
    assert shop.answer(request, "analytics")
    settled = shop.tick("analytics_on_change")
    assert settled.requests == []
    assert settled.cursor is not None
    assert len(shop.warehouse.read("SELECT 1 FROM analytics_base.sales_summary")) > 0


def test_a_schema_that_broke_stops_what_is_downstream_and_says_so_in_one_sentence(
    shop: TinyShop,
) -> None:
    due = newest_due_hour()
    header = "order,item,sold,sku,n,amount,changed"
    shop.deliver("first", line("A", due), header=header)
    assert not shop.load(due)
    assert written(shop) == set()
    assert "column price, which order_items.unit_price_micros needs, is not there" in last_error(
        shop
    )
    assert failed_steps(shop) == {"clean__order_items"}


def test_a_blocking_check_that_fails_stops_what_is_downstream(shop: TinyShop) -> None:
    due = newest_due_hour()
    shop.deliver("first", line("A", due))
    with shop.warehouse.transaction() as cursor:
        # A fault of the server's: the ledger of rows says more than was published.
        cursor.execute(
            "CREATE FUNCTION meta.lie() RETURNS trigger LANGUAGE plpgsql AS "
            "$$BEGIN NEW.rows_published := NEW.rows_published + 1; RETURN NEW; END$$"
        )
        cursor.execute(
            "CREATE TRIGGER lie BEFORE INSERT ON meta.row_ledger "
            "FOR EACH ROW EXECUTE FUNCTION meta.lie()"
        )
    assert not shop.load(due)
    assert "warehouse/sales_ledger" not in written(shop)
    assert "marts/sales_hourly" not in written(shop)
    assert shop.hourly_sales() == {}


def test_values_at_the_limits_of_what_cleaning_publishes_are_loaded_and_computed(
    shop: TinyShop,
) -> None:
    due = newest_due_hour()
    chance = random.Random(7)
    at = due.isoformat()

    def identity() -> str:
        return "".join(chr(chance.randrange(0x20000, 0x2A000)) for _ in range(255))

    rows = [
        f"{identity()},{identity()},{at},{identity()},1,10.00,{at}",
        f"A,1,{at},p,1,100000000000,{at}",
        f"A,2,{at},p,-1,100000000000,{at}",
        f"B,1,{at},p,999999999999999,0.0001,{at}",
        f"C,1,1900-01-02T00:00:00Z,p,1,1,{at}",
        f"D,1,2199-12-30T00:00:00Z,p,1,1,{at}",
        f"E,1,9999-12-31,p,1,1,{at}",
        f"F,1,0001-01-01,p,1,1,{at}",
        f"G,1,{at},p,999999999999999,99999999999,{at}",
        f"{'x' * 3000},1,{at},p,1,1,{at}",
        f"now,1,now,p,1,1,{at}",
    ]
    shop.deliver("odd", *rows)
    assert shop.load(due)
    counts = shop.warehouse.read("SELECT rows_read r, rows_published p FROM meta.row_ledger")
    assert counts.to_numpy().tolist() == [[11, 6]]
    for request in shop.tick("stale_marts").requests:
        assert shop.answer(request), request


def test_every_sensor_runs_without_being_switched_on(watched: TinyShop) -> None:
    names = {sensor.name: sensor for sensor in watched.definitions.sensors or []}
    assert set(names) == {"missing_hours", "stale_marts", "analytics_on_change"}
    assert {sensor.default_status for sensor in names.values()} == {DefaultSensorStatus.RUNNING}


def written(shop: TinyShop) -> set[str]:
    """The assets of which any slice was published."""
    return set(shop.warehouse.read("SELECT DISTINCT asset FROM meta.slices")["asset"])


def last_error(shop: TinyShop) -> str:
    (run,) = shop.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    errors = [
        entry.dagster_event.step_failure_data.error
        for entry in shop.instance.all_logs(run.run_id)
        if entry.dagster_event is not None and entry.dagster_event.is_step_failure
    ]
    return " ".join(str(error) for error in errors)


def failed_steps(shop: TinyShop) -> set[str | None]:
    (run,) = shop.instance.get_runs(RunsFilter(statuses=[DagsterRunStatus.FAILURE]))
    return {
        entry.step_key
        for entry in shop.instance.all_logs(run.run_id)
        if entry.dagster_event is not None and entry.dagster_event.is_step_failure
    }
