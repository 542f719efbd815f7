"""Web activity: a change hour's rows are replaced, and the funnel hours they touch asked for."""

from __future__ import annotations

from typing import Any

import pytest

from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.loads import HOUR, NINE, activity, settle_all, stale, table_of

VISITORS = "SELECT visitor_id, events FROM warehouse.web_activity ORDER BY 1"


def stretch(start: str, end: str, **more: Any) -> dict[str, Any]:
    return {"started_at": f"2026-01-31 {start}", "ended_at": f"2026-01-31 {end}"} | more


def test_the_rows_of_a_change_hour_are_replaced_and_no_others(warehouse: Warehouse) -> None:
    late = stretch("09:40", "09:41", visitor_id="late", change_hour=NINE + HOUR)
    activity(warehouse, late, start=NINE + HOUR)
    activity(warehouse, {"visitor_id": "a"}, {"visitor_id": "b"})
    activity(warehouse, {"visitor_id": "b", "events": 5})
    assert table_of(warehouse, VISITORS) == [("b", 5), ("late", 2)]
    activity(warehouse)
    assert table_of(warehouse, VISITORS) == [("late", 2)]


def test_rows_of_another_change_hour_are_refused(warehouse: Warehouse) -> None:
    with pytest.raises(ValueError, match="web_activity: 1 row lies outside"):
        activity(warehouse, {"change_hour": NINE + HOUR})


def test_the_same_activity_again_asks_for_nothing(warehouse: Warehouse) -> None:
    activity(warehouse, {})
    settle_all(warehouse)
    assert activity(warehouse, {}).changed == 0
    assert stale(warehouse, "funnel_hourly") == []


def test_activity_asks_for_the_hour_it_began_in(warehouse: Warehouse) -> None:
    activity(warehouse, stretch("23:50", "23:58"))
    assert stale(warehouse, "funnel_hourly") == ["01-31 23:00"]


def test_activity_that_went_asks_for_its_hour(warehouse: Warehouse) -> None:
    activity(warehouse, stretch("07:50", "07:58"))
    settle_all(warehouse)
    activity(warehouse)
    assert stale(warehouse, "funnel_hourly") == ["01-31 07:00"]


def test_late_activity_asks_for_the_hours_whose_sessions_it_changes(warehouse: Warehouse) -> None:
    known = [stretch("08:50", "08:58"), stretch("10:10", "10:20"), stretch("15:00", "15:01")]
    activity(warehouse, *known, stretch("08:50", "08:51", visitor_id="another"))
    settle_all(warehouse)
    # It joins two sessions to one, and so says more of the first one.
    steps = {"view_first": "2026-01-31 09:20", "view_last": "2026-01-31 09:20"}
    late = stretch("09:20", "09:45", change_hour=NINE + HOUR, **steps)
    activity(warehouse, late, start=NINE + HOUR)
    assert stale(warehouse, "funnel_hourly") == ["01-31 08:00", "01-31 10:00"]


def test_activity_of_two_months_stands_in_both(warehouse: Warehouse) -> None:
    february = {"started_at": "2026-02-01 00:01", "ended_at": "2026-02-01 00:02"}
    activity(warehouse, stretch("23:50", "23:58"), february)
    found = table_of(
        warehouse, "SELECT tableoid::regclass::text FROM warehouse.web_activity ORDER BY 1"
    )
    assert found == [("warehouse.web_activity_2026_01",), ("warehouse.web_activity_2026_02",)]
