"""The sales ledger is held to its contract as it stands; of rows that meet it none is read."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pyarrow as pa
import pytest

from shop_assets.checks import ledger_contract
from shop_assets.checks.ledger_contract import judge_ledger
from shop_assets.entities import TABLES
from shop_assets.partitions import HOUR, hour_key
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.warehouse.databases import copied, make_template

NOON = dt.datetime(2026, 5, 4, 12, tzinfo=dt.UTC)
SALE = {
    "source": "shop",
    "order_id": "A",
    "item_id": "1",
    "kind": "sale",
    "event_id": "e",
    "happened_at": NOON.isoformat(),
    "ordered_at": NOON.isoformat(),
    "customer_id": None,
    "product_id": "p",
    "line_type": "article",
    "quantity": "1",
    "amount_micros": "5",
    "currency": "EUR",
    "is_test": "false",
}


@pytest.fixture(scope="module")
def unbound(stack: Endpoints) -> Iterator[Warehouse]:
    """A warehouse whose ledger would take rows without values that they must have."""
    with copied(stack, make_template(stack)) as url:
        found = Warehouse(url)
        found.ensure_months(TABLES["sales_ledger"], pa.array([NOON]))
        with found.transaction() as cursor:
            for name in ("quantity", "currency", "is_test"):
                cursor.execute(
                    f"ALTER TABLE warehouse.sales_ledger ALTER COLUMN {name} DROP NOT NULL"
                )
        yield found


@pytest.fixture
def warehouse(unbound: Warehouse) -> Warehouse:
    with unbound.transaction() as cursor:
        cursor.execute("TRUNCATE warehouse.sales_ledger")
    return unbound


def put(warehouse: Warehouse, *changed: dict[str, str | None]) -> None:
    with warehouse.transaction() as cursor:
        for n, change in enumerate(changed):
            row = {**SALE, "item_id": str(n), **change}
            values = ", ".join("NULL" if v is None else f"'{v}'" for v in row.values())
            cursor.execute(
                f"INSERT INTO warehouse.sales_ledger ({', '.join(row)}) VALUES ({values})"
            )


def test_rows_as_declared_pass_and_are_counted_without_being_read(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_contract, "ledger_rows", None)
    later = (NOON + HOUR).isoformat()
    put(
        warehouse,
        {},
        {"kind": "tax", "line_type": None},
        {"currency": "JPY"},
        {"happened_at": later},
    )
    found = judge_ledger(warehouse, NOON, NOON + HOUR)
    assert found.passed
    assert found.metadata == {"rows": 3}
    assert found.seconds > 0


def test_an_hour_without_rows_passes(warehouse: Warehouse) -> None:
    put(warehouse, {})
    found = judge_ledger(warehouse, NOON + HOUR, NOON + 2 * HOUR)
    assert found.passed
    assert found.metadata == {"rows": 0}


@pytest.mark.parametrize(
    ("column", "value", "failing"),
    [
        ("kind", "gift", "kind isin"),
        ("line_type", "odd", "line_type isin"),
        ("currency", "euro", "currency str_matches"),
        ("currency", None, "currency not_nullable"),
        ("quantity", None, "quantity not_nullable"),
        ("is_test", None, "is_test not_nullable"),
    ],
)
def test_a_row_that_is_not_as_declared_is_told_with_its_hour(
    warehouse: Warehouse, column: str, value: str | None, failing: str
) -> None:
    later = NOON + HOUR
    put(warehouse, {}, {"happened_at": later.isoformat(), column: value}, {column: SALE[column]})
    found = judge_ledger(warehouse, NOON, NOON + 2 * HOUR)
    assert found.failed == {hour_key(later): {"failures": 1}}
    assert not found.whole_failed
    assert found.metadata["rows"] == 3
    assert found.metadata["failing"].startswith(failing)
    assert judge_ledger(warehouse, NOON, later).passed
