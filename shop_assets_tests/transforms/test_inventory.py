from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.entities import TABLES
from shop_assets.transforms.inventory import inventory_hourly, stock_alerts
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import check, frame_of

START = pd.Timestamp("2024-05-01T10:00Z")
AS_OF = pd.Timestamp("2024-05-28T23:00Z")


def hours(count: int) -> pd.DatetimeIndex:
    return pd.date_range(START, periods=count, freq="h").as_unit("us")


def reading(minute: int, available: int, **changed: Any) -> dict[str, Any]:
    at = START + pd.Timedelta(minutes=minute)
    return {"measured_at": at, "version_at": at, "available": available} | changed


def movement(minute: int, quantity: int, key: str, **changed: Any) -> dict[str, Any]:
    at = START + pd.Timedelta(minutes=minute)
    return {"movement_id": key, "moved_at": at, "version_at": at, "quantity": quantity} | changed


def stock(levels: list[dict[str, Any]], moves: list[dict[str, Any]], count: int) -> pd.DataFrame:
    return check(
        "inventory_hourly",
        inventory_hourly(
            frame_of("inventory_levels", levels), frame_of("inventory_movements", moves),
            hours(count),
        ),
    )  # fmt: skip


def test_an_hour_without_a_reading_keeps_the_last_one() -> None:
    rows = stock([reading(-90, 9), reading(70, 4), reading(80, 3)], [], 4)
    assert rows["available"].tolist() == [9, 3, 3, 3]


def test_a_place_has_no_rows_before_its_first_reading() -> None:
    rows = stock([reading(70, 4)], [movement(5, -1, "m")], 3)
    assert rows["hour"].tolist() == list(hours(3)[1:])


def test_a_reading_at_the_full_hour_belongs_to_the_hour_it_begins() -> None:
    assert stock([reading(0, 9), reading(60, 4)], [], 2)["available"].tolist() == [9, 4]


def test_an_oversold_product_is_negative_and_out_of_stock() -> None:
    row = stock([reading(0, -2, committed=5, unavailable=1)], [], 1).iloc[0]
    assert (row["available"], row["on_hand"], row["is_stockout"]) == (-2, 4, True)


def test_what_came_and_what_left_are_summed_apart_and_deleted_rows_ignored() -> None:
    rows = stock(
        [reading(0, 9), reading(10, 1, deleted=True)],
        [movement(1, -2, "a"), movement(2, -3, "b"), movement(3, 7, "c"),
         movement(4, -9, "d", deleted=True), movement(60, -1, "e")],
        2,
    )  # fmt: skip
    assert rows["available"].tolist() == [9, 9]
    assert rows[["units_in", "units_out"]].to_numpy().tolist() == [[7, 5], [0, 1]]


def test_nothing_gives_nothing() -> None:
    assert stock([], [movement(0, -1, "a")], 2).empty
    assert stock([reading(0, 1)], [], 0).empty
    assert alert([], []) == []


@examples(50)
@given(
    st.lists(
        st.tuples(st.sampled_from("pq"), st.sampled_from("LM"), st.integers(-90, 400),
                  st.integers(-3, 9)),
        max_size=12, unique_by=lambda r: r[:3],
    ),
    st.lists(st.tuples(st.sampled_from("pq"), st.integers(0, 299), st.integers(-5, 5)), max_size=9),
)  # fmt: skip
def test_each_hour_shows_what_was_last_read_by_its_end(
    read: list[tuple[str, str, int, int]], moved: list[tuple[str, int, int]]
) -> None:
    rows = stock(
        [reading(m, a, product_id=p, location_id=place) for p, place, m, a in read],
        [movement(m, q, str(i), product_id=p) for i, (p, m, q) in enumerate(moved)],
        5,
    )
    expected = {}
    for hour in range(5):
        for p, place in {(p, place) for p, place, _, _ in read}:
            known = [(m, a) for q, x, m, a in read if (q, x) == (p, place) and m < 60 * hour + 60]
            mine = [n for q, m, n in moved if q == p and place == "L" and m // 60 == hour]
            if known:
                expected[hour, p, place] = (
                    max(known)[1],
                    sum(n for n in mine if n > 0),
                    -sum(n for n in mine if n < 0),
                )
    found = {
        ((h - START) // pd.Timedelta(hours=1), p, place): (a, i, o)
        for h, p, place, a, i, o in rows[
            ["hour", "product_id", "location_id", "available", "units_in", "units_out"]
        ].itertuples(index=False)
    }
    assert found == expected


def demand_of(inventory: pd.DataFrame) -> pd.DataFrame:
    """The hours with stock and the units that left in them, by place."""
    place = ["source", "product_id", "location_id"]
    there = inventory[~inventory["is_stockout"].astype(bool)]
    named = {"hours": ("hour", "count"), "units": ("units_out", "sum")}
    return there.groupby(place, as_index=False).agg(**named).astype({"hours": "Int64"})


def alert(
    available: list[int], out: list[int], lead: int | None = None
) -> list[tuple[str, float | None, float | None, int]]:
    """Alerts of a product with these hours up to AS_OF."""
    rows = [
        {
            "hour": AS_OF - pd.Timedelta(hours=len(available) - 1 - i), "source": "wms",
            "product_id": "p1", "location_id": "L", "available": a, "committed": 0,
            "unavailable": 0, "on_hand": a, "units_in": 0, "units_out": o, "is_stockout": a <= 0,
        }
        for i, (a, o) in enumerate(zip(available, out, strict=True))
    ]  # fmt: skip
    products = frame_of("products", [{"lead_time_days": lead}])
    inventory = frame_of("inventory_hourly", rows)
    newest = inventory[inventory["hour"] == AS_OF]
    found = check("stock_alerts", stock_alerts(newest, demand_of(inventory), products, AS_OF))
    return [
        (s, None if pd.isna(d) else float(d), None if pd.isna(c) else float(c), int(t))
        for s, d, c, t in found[
            ["severity", "daily_units", "days_of_cover", "lead_time_days"]
        ].itertuples(index=False)
    ]


def test_a_product_that_will_not_last_its_lead_time_is_low() -> None:
    day = [100] * 24
    assert alert(day, [1] * 24, lead=5) == [("low", 24.0, 100 / 24, 5)]
    assert alert(day, [1] * 24, lead=4) == []
    assert alert(day, [1] * 24) == [("low", 24.0, 100 / 24, 7)]


def test_hours_out_of_stock_do_not_count_as_hours_without_demand() -> None:
    in_stock_half_the_day = [0] * 12 + [100] * 12
    found = alert(in_stock_half_the_day, [0] * 12 + [1] * 12, lead=5)
    assert found == [("low", 24.0, 100 / 24, 5)]


def test_what_has_run_out_is_out_of_stock_whatever_its_demand() -> None:
    assert alert([0, 0], [0, 0]) == [("out_of_stock", None, None, 7)]
    assert alert([5, -1], [0, 0]) == [("out_of_stock", 0.0, None, 7)]


def test_what_does_not_sell_does_not_run_out() -> None:
    assert alert([1, 1], [0, 0]) == []


def test_a_day_of_ten_thousand_products_takes_seconds() -> None:
    places = 10_000
    ids = np.arange(places).astype(str)
    at = pd.Series(START + pd.to_timedelta(np.arange(places) % 3600, unit="s")).dt.as_unit("us")
    levels = TABLES["inventory_levels"].conform(
        pd.DataFrame(
            {"source": "wms", "product_id": ids, "location_id": "L", "measured_at": at,
             "available": 5, "committed": 0, "unavailable": 0, "version_at": at, "deleted": False}
        )
    )  # fmt: skip
    started = perf_counter()
    rows = inventory_hourly(levels, TABLES["inventory_movements"].empty(), hours(24))
    assert perf_counter() - started < 20
    assert len(rows) == 24 * places
