"""What runs have changed in a mart, by the shop's days."""

from __future__ import annotations

import pytest

from shop_assets.warehouse.changes import changes
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.loads import DAY, NINE, publish


@pytest.mark.parametrize(
    ("zone", "days"),
    [
        ("UTC", ("2026-01-31", "2026-02-01")),
        ("Pacific/Kiritimati", ("2026-01-31", "2026-02-01")),
        ("Pacific/Pago_Pago", ("2026-01-30", "2026-01-31")),
    ],
)
def test_what_runs_have_changed_is_told_with_what_stood_before(
    url: str, zone: str, days: tuple[str, str]
) -> None:
    warehouse = Warehouse(url, zone=zone)
    publish(warehouse, {"gross_sales_micros": 5}, load_id="a:marts/sales_hourly")
    publish(warehouse, {"gross_sales_micros": 7}, load_id="b:marts/sales_hourly", epoch=2)
    following = {"hour": NINE + DAY, "gross_sales_micros": 9}
    publish(warehouse, following, start=NINE + DAY, load_id="c:marts/sales_hourly")
    found = [
        (change.day, change.before, change.after)
        for change in changes(warehouse, ["b", "c"])
        if change.figure == "gross_sales_micros"
    ]
    assert found == [(days[0], 5, 7), (days[1], 0, 9)]
