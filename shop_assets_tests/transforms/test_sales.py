from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.entities import TABLES
from shop_assets.transforms import sales
from shop_assets.transforms.sales import added, day_sums, hour_sums, moved, product_sums
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import check, frame_of

KOLKATA = ZoneInfo("Asia/Kolkata")
LONDON, NEW_YORK, UTC = ZoneInfo("Europe/London"), ZoneInfo("America/New_York"), ZoneInfo("UTC")
NO_PRODUCTS = TABLES["products"].empty()
KINDS = ["orders", "new_customer_orders", "repeat_orders", "guest_orders"]


def entry(at: str, **changed: Any) -> dict[str, Any]:
    return {"happened_at": at, "ordered_at": at} | changed


def ledger(*rows: dict[str, Any]) -> pd.DataFrame:
    return frame_of("sales_ledger", rows)


def sales_hourly(rows: pd.DataFrame) -> pd.DataFrame:
    return sales.sales_hourly(hour_sums(rows))


def sales_daily(rows: pd.DataFrame, zone: ZoneInfo, new: int = 0, guests: int = 0) -> pd.DataFrame:
    """Of each day's orders so many are of new customers, and of guests."""
    sums = day_sums(rows, zone)
    return sales.sales_daily(sums.assign(new_customer_orders=new, guest_orders=guests))


def product_sales_daily(
    rows: pd.DataFrame, zone: ZoneInfo, products: pd.DataFrame = NO_PRODUCTS
) -> pd.DataFrame:
    return sales.product_sales_daily(product_sums(rows, zone), products, zone)


def test_an_hour_sums_what_happened_in_it() -> None:
    at = "2024-05-01T10:15"
    rows = check(
        "sales_hourly",
        sales_hourly(
            ledger(
                entry(at, quantity=3, amount_micros=30_000_000),
                entry(at, item_id="2", quantity=1, amount_micros=5_000_000),
                entry(at, kind="discount", quantity=0, amount_micros=4_000_000),
                entry(at, kind="return", quantity=1, amount_micros=9_000_000),
                entry(at, kind="cancellation", quantity=1, amount_micros=1_000_000),
                entry(at, kind="shipping", item_id="", quantity=0, amount_micros=3_000_000),
                entry(at, kind="tax", item_id="", quantity=0, amount_micros=2_000_000),
                entry(at, kind="adjustment", quantity=0, amount_micros=-7_000_000),
            )
        ),
    )
    assert len(rows) == 1
    row = rows.iloc[0]
    assert row["hour"] == pd.Timestamp("2024-05-01T10:00Z")
    figures = {name: row[name] for name in rows.columns if name.endswith("_micros")}
    assert {name: value / 1e6 for name, value in figures.items()} == {
        "gross_sales_micros": 35, "discounts_micros": 4, "returns_micros": 10,
        "net_sales_micros": 21, "shipping_micros": 3, "taxes_micros": 2,
        "total_sales_micros": 26, "adjustments_micros": -7,
    }  # fmt: skip
    assert (row["orders"], row["units_sold"], row["units_returned"]) == (1, 4, 2)


def test_test_orders_are_in_no_figure_and_nothing_gives_nothing() -> None:
    hidden = ledger(entry("2024-05-01T10:15", is_test=True))
    for rows in (hidden, ledger()):
        assert check("sales_hourly", sales_hourly(rows)).empty
        assert check("sales_daily", sales_daily(rows, LONDON)).empty
        assert check("product_sales_daily", product_sales_daily(rows, LONDON)).empty


def test_an_order_counts_once_in_the_hour_it_was_placed_not_where_it_was_edited() -> None:
    placed, edited = "2024-05-01T10:15", "2024-05-01T12:00"
    rows = sales_hourly(
        ledger(entry(placed), entry(placed, item_id="2"), entry(edited, ordered_at=placed))
    )
    assert rows["orders"].tolist() == [1, 0]


def test_the_same_order_id_in_two_sources_is_two_orders() -> None:
    at = "2024-05-01T10:15"
    assert sales_hourly(ledger(entry(at), entry(at, source="till")))["orders"].tolist() == [2]


def test_currencies_are_never_summed() -> None:
    at = "2024-05-01T10:15"
    rows = sales_hourly(ledger(entry(at), entry(at, order_id="B", currency="JPY")))
    assert rows["currency"].tolist() == ["GBP", "JPY"]
    assert rows["orders"].tolist() == [1, 1]


def test_a_late_return_stands_on_its_own_day_and_leaves_the_day_of_sale_alone() -> None:
    sold, back = "2024-05-01T10:15", "2024-05-09T10:15"
    rows = check(
        "sales_daily",
        sales_daily(ledger(entry(sold), entry(back, ordered_at=sold, kind="return")), LONDON),
    )
    assert rows["net_sales_micros"].tolist() == [10_000_000, -10_000_000]
    assert rows["orders"].tolist() == [1, 0]
    assert rows["aov_net_micros"].tolist() == [10_000_000, pd.NA]


def test_a_day_of_nothing_but_returns_is_still_a_day() -> None:
    back = entry("2024-05-09T10:15", ordered_at="2024-05-01T10:15", kind="return")
    rows = check("sales_daily", sales_daily(ledger(back), LONDON))
    assert rows["returns_micros"].tolist() == [10_000_000]
    assert rows["new_customer_orders"].tolist() == [0]


def test_what_is_neither_a_new_customer_s_nor_a_guest_s_is_a_repeated_order() -> None:
    orders = (entry("2024-05-01T10:15", order_id=str(n)) for n in range(7))
    found = check("sales_daily", sales_daily(ledger(*orders), LONDON, new=4, guests=2))
    assert found[KINDS].to_numpy().tolist() == [[7, 4, 1, 2]]


def test_the_average_order_is_rounded_half_up() -> None:
    at = "2024-05-01T10:15"
    rows = sales_daily(
        ledger(
            entry(at, amount_micros=2), entry(at, order_id="B", amount_micros=1),
            entry(at, kind="tax", item_id="", quantity=0, amount_micros=2),
        ),
        LONDON,
    )  # fmt: skip
    assert rows[["aov_net_micros", "aov_total_micros"]].to_numpy().tolist() == [[2, 3]]


@pytest.mark.parametrize(
    ("zone", "day", "start", "hours"),
    [
        (LONDON, dt.date(2024, 3, 31), "2024-03-31T00:00Z", 23),
        (LONDON, dt.date(2024, 10, 27), "2024-10-26T23:00Z", 25),
        (LONDON, dt.date(2024, 7, 1), "2024-06-30T23:00Z", 24),
        (NEW_YORK, dt.date(2024, 3, 10), "2024-03-10T05:00Z", 23),
        (NEW_YORK, dt.date(2024, 11, 3), "2024-11-03T04:00Z", 25),
        (LONDON, dt.date(1969, 12, 31), "1969-12-30T23:00Z", 24),
    ],
)
def test_a_day_is_the_shop_s_even_when_its_clock_changes(
    zone: ZoneInfo, day: dt.date, start: str, hours: int
) -> None:
    begin = pd.Timestamp(start)
    end = begin + pd.Timedelta(hours=hours)
    moments = [begin + pd.Timedelta(hours=h) for h in range(hours)]
    around = [begin - pd.Timedelta(microseconds=1), *moments, end - pd.Timedelta(microseconds=1)]
    rows = ledger(*(entry(str(m), order_id=str(i)) for i, m in enumerate([*around, end])))
    found = check("sales_daily", sales_daily(rows, zone)).set_index("day")["units_sold"]
    one = dt.timedelta(days=1)
    assert found.to_dict() == {day - one: 1, day: hours + 1, day + one: 1}


def test_products_carry_their_kind_of_line_and_a_line_without_product_is_blank() -> None:
    at = "2024-05-01T10:15"
    rows = check(
        "product_sales_daily",
        product_sales_daily(
            ledger(
                entry(at),
                entry(at, item_id="2", product_id=None, line_type="manual"),
                entry(at, order_id="B", kind="discount", quantity=0, amount_micros=1_000_000),
            ),
            LONDON,
        ),
    )
    assert rows[["product_id", "line_type"]].to_numpy().tolist() == [
        ["", "manual"],
        ["p1", "article"],
    ]
    assert rows["net_sales_micros"].tolist() == [10_000_000, 9_000_000]
    assert rows["orders"].tolist() == [1, 1]


def test_a_refund_of_no_line_stands_under_no_product_so_that_products_sum_to_the_day() -> None:
    at = "2024-05-01T10:15"
    whole = entry(at, kind="return", item_id="", product_id=None, line_type=None)
    rows = ledger(entry(at, amount_micros=30_000_000), whole)
    day = sales_daily(rows, LONDON)
    products = check("product_sales_daily", product_sales_daily(rows, LONDON))
    assert day["net_sales_micros"].tolist() == [20_000_000]
    assert products[["product_id", "line_type"]].to_numpy().tolist() == [
        ["", "manual"],
        ["p1", "article"],
    ]
    assert products["net_sales_micros"].tolist() == [-10_000_000, 30_000_000]


def test_a_product_has_the_category_of_each_day_and_before_its_first_that() -> None:
    versions = [
        {"version_at": "2024-05-02T10:00", "category": "Garden"},
        {"version_at": "2024-05-04T22:59", "category": "Home"},
        {"version_at": "2024-05-05T23:00", "category": "Toys"},
        {"version_at": "2024-05-01T10:00", "category": "Other", "product_id": "p2"},
    ]
    known = frame_of("products", [{"source": "shop"} | version for version in versions])
    days = [f"2024-05-{day:02}T12:00" for day in range(1, 8)]
    rows = ledger(*(entry(day, order_id=day) for day in days), entry(days[0], product_id="p3"))
    found = check("product_sales_daily", product_sales_daily(rows, LONDON, known))
    by_day = found[found["product_id"] == "p1"].set_index("day")["category"]
    # A day in London is over at 23:00 UTC, and then, to the second, "Toys" is the next day's.
    assert by_day.tolist() == ["Garden", "Garden", "Garden", "Home", "Home", "Toys", "Toys"]
    assert found.loc[found["product_id"] == "p3", "category"].isna().all()


kinds = st.sampled_from(
    ["sale", "sale", "discount", "return", "cancellation", "shipping", "tax", "adjustment"]
)


entries_of = st.lists(
    st.builds(
        entry,
        st.integers(0, 96 * 4).map(
            lambda q: str(pd.Timestamp("2024-10-25T22:00Z") + pd.Timedelta(minutes=15 * q))
        ),
        order_id=st.sampled_from("ABC"), item_id=st.sampled_from("12"), kind=kinds,
        amount_micros=st.integers(-(10**15), 10**15), quantity=st.integers(-5, 5),
        currency=st.sampled_from(["GBP", "JPY"]), is_test=st.sampled_from([False, False, True]),
        product_id=st.sampled_from(["p", None]),
        line_type=st.sampled_from(["article", "shipping"]),
    ),
    max_size=25,
)  # fmt: skip


@examples(60)
@given(entries_of, st.sampled_from([LONDON, NEW_YORK, UTC]))
def test_hours_sum_to_days_and_products_to_both(rows: list[dict[str, Any]], zone: ZoneInfo) -> None:
    entries = ledger(*rows)
    hours = check("sales_hourly", sales_hourly(entries))
    days = check("sales_daily", sales_daily(entries, zone))
    products = check("product_sales_daily", product_sales_daily(entries, zone))
    local = hours.assign(day=hours["hour"].dt.tz_convert(zone).dt.date)
    shared = [
        c for c in hours.columns
        if c not in ("hour", "currency", "orders")
    ]  # fmt: skip
    by_hours = local.groupby(["day", "currency"])[shared].sum()
    by_days = days.astype({"day": "object"}).set_index(["day", "currency"])[shared]
    assert by_hours.to_dict() == by_days.to_dict()
    figures = ["gross_sales_micros", "discounts_micros", "returns_micros", "net_sales_micros",
               "units_sold", "units_returned"]  # fmt: skip
    assert products[figures].sum().tolist() == days[figures].sum().tolist()
    assert (days["net_sales_micros"] + days["shipping_micros"] + days["taxes_micros"]).equals(
        days["total_sales_micros"]
    )


SUMS: dict[str, tuple[tuple[str, ...], Callable[[pd.DataFrame], pd.DataFrame]]] = {
    "hours": (sales.HOURS, hour_sums),
    "days": (sales.DAYS, lambda rows: day_sums(rows, KOLKATA)),
    "products": (sales.PRODUCTS, lambda rows: product_sums(rows, KOLKATA)),
}


def plain(sums: pd.DataFrame, key: tuple[str, ...]) -> dict[Any, list[int]]:
    return sums.set_index(list(key)).T.to_dict("list")


@examples(20)
@given(entries_of)
def test_sums_of_parts_that_share_no_order_add_up_to_the_whole(rows: list[dict[str, Any]]) -> None:
    entries = ledger(*rows)
    parts = [entries[entries["order_id"].isin(list(names))] for names in ("A", "BC", "none")]
    for key, make in SUMS.values():
        summed = added([make(part) for part in parts], key)
        assert plain(summed, key) == plain(make(entries), key)


@examples(30)
@given(entries_of, entries_of)
def test_what_moved_brings_the_sums_before_to_those_after(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> None:
    changed = moved(ledger(*after), ledger(*before))
    for key, make in SUMS.values():
        found = added([make(ledger(*before)), make(changed)], key)
        assert plain(found[found["ledger_rows"] != 0], key) == plain(make(ledger(*after)), key)
        nothing = found.loc[found["ledger_rows"] == 0].drop(columns=list(key))
        assert not nothing.to_numpy().any()
