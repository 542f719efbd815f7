"""Who has not ordered yet is a prospect, from when they are there until they are segmented."""

from __future__ import annotations

import datetime as dt
from typing import Any

import psycopg2

from shop_assets.entities import TABLES
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.marts import replace_all
from shop_assets_tests.transforms.frames import frame_of
from shop_assets_tests.warehouse.loads import table_of

TODAY = dt.date(2026, 1, 31)
VIEW = "SELECT source, customer_id, currency, segment FROM analytics.customer_rfm ORDER BY 1, 2, 3"
BOUGHT = {
    "as_of": TODAY, "last_order_day": TODAY, "recency_days": 0, "frequency": 1,
    "monetary_micros": 5_500_000, "r_score": 5, "f_score": 3, "m_score": 3, "segment": "ACTIVE",
}  # fmt: skip


def know(warehouse: Warehouse, *customers: tuple[str, str, bool]) -> None:
    with warehouse.transaction() as cursor:
        for source, customer, deleted in customers:
            cursor.execute(
                "INSERT INTO warehouse.customers (source, customer_id, version_at, deleted) "
                "VALUES ($1, $2, now(), $3)",
                parameters=(source, customer, deleted),
            )


def segment(warehouse: Warehouse, *bought: tuple[str, str, str]) -> None:
    rows: list[dict[str, Any]] = [
        {"source": source, "customer_id": customer, "currency": currency} | BOUGHT
        for source, customer, currency in bought
    ]
    replace_all(warehouse, TABLES["customer_rfm"], frame_of("customer_rfm", rows))


def test_prospects_are_the_customers_who_are_there_and_have_not_ordered(
    warehouse: Warehouse,
) -> None:
    know(
        warehouse, *((s, c, c == "gone") for s in ("app", "shop") for c in ("buyer", "gone", "new"))
    )
    segment(warehouse, ("shop", "buyer", "EUR"), ("shop", "buyer", "GBP"), ("shop", "guest", "EUR"))
    assert table_of(warehouse, VIEW) == [
        ("app", "buyer", "XXX", "PROSPECTS"),
        ("app", "new", "XXX", "PROSPECTS"),
        ("shop", "buyer", "EUR", "ACTIVE"),
        ("shop", "buyer", "GBP", "ACTIVE"),
        ("shop", "guest", "EUR", "ACTIVE"),
        ("shop", "new", "XXX", "PROSPECTS"),
    ]


def test_a_prospect_has_no_scores_and_the_day_of_the_segments(
    warehouse: Warehouse, url: str
) -> None:
    know(warehouse, ("shop", "new", False))
    segment(warehouse, ("shop", "buyer", "EUR"))
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT * FROM analytics.customer_rfm ORDER BY customer_id")
        names = [column.name for column in cursor.description or ()]
        buyer, new = (dict(zip(names, row, strict=True)) for row in cursor.fetchall())
    connection.close()
    assert float(buyer["monetary"]) == 5.5
    assert {name: value for name, value in new.items() if value is not None} == {
        "source": "shop", "customer_id": "new", "currency": "XXX", "as_of": TODAY, "frequency": 0,
        "monetary": 0, "segment": "PROSPECTS",
    }  # fmt: skip


def test_before_anybody_has_ordered_all_are_prospects(warehouse: Warehouse) -> None:
    know(warehouse, ("shop", "new", False))
    assert table_of(warehouse, VIEW) == [("shop", "new", "XXX", "PROSPECTS")]
    assert table_of(warehouse, "SELECT as_of IS NULL FROM analytics.customer_rfm") == [(False,)]


def test_what_an_older_release_wrote_of_prospects_is_shown_once_until_it_goes(
    warehouse: Warehouse,
) -> None:
    know(warehouse, ("shop", "new", False))
    with warehouse.transaction() as cursor:
        cursor.execute(
            "INSERT INTO analytics_base.customer_rfm (source, customer_id, currency, as_of, "
            "frequency, monetary_micros, segment) "
            f"VALUES ('shop', 'new', 'XXX', '{TODAY}', 0, 0, 'PROSPECTS')"
        )
    for _ in range(2):
        assert table_of(warehouse, VIEW) == [("shop", "new", "XXX", "PROSPECTS")]
        segment(warehouse)
