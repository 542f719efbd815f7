"""What tables are taken for, by the names of their columns."""

from __future__ import annotations

import pytest

from shop_assets.entities import ENTITIES
from shop_assets.onboarding.proposals import propose
from shop_assets.onboarding.usual_names import FIELDS, STATUSES, TABLES
from shop_assets.sources.sql_tables import ColumnKind, Table, TableColumn
from shop_assets_tests.connect.conftest import Run


def table(name: str, key: tuple[str, ...] = ("id",), **columns: ColumnKind) -> Table:
    return Table(name, tuple(TableColumn(n, kind) for n, kind in columns.items()), key)


def test_usual_names_are_of_entities_and_fields_that_there_are() -> None:
    assert set(FIELDS) == set(TABLES)
    for entity, fields in FIELDS.items():
        assert set(fields) <= set(ENTITIES[entity].column_names), entity
        assert set(ENTITIES[entity].key) - {"source"} <= set(fields), entity
    known = ENTITIES["orders"].pandera.columns["status"].checks[0].statistics["allowed_values"]
    assert set(STATUSES.values()) <= set(known)


@pytest.mark.parametrize(
    ("name", "entity"),
    [
        ("orders", "orders"),
        ("SalesOrder", "orders"),
        ("tbl_order", "orders"),
        ("OrderItems", "order_items"),
        ("Order Details", "order_items"),
        ("categories", None),
        ("wp_users", "customers"),
        ("inventories", "inventory_levels"),
        ("address", None),
    ],
)
def test_a_table_is_known_by_its_name_however_it_is_written(name: str, entity: str | None) -> None:
    assert propose(table(name, id="int")).entity == entity


def test_only_a_time_is_a_cursor() -> None:
    assert propose(table("orders", id="int", updated_at="time")).cursor == "updated_at"
    assert propose(table("orders", id="int", UpdatedAt="time")).cursor == "UpdatedAt"
    assert propose(table("orders", id="int", updated_at="int")).cursor is None
    assert propose(table("orders", id="int", created_at="time")).cursor is None


def test_a_table_with_neither_cursor_nor_key_cannot_be_read() -> None:
    assert not propose(table("orders", (), id="int", created_at="time")).readable
    assert propose(table("orders", (), id="int", updated_at="time")).readable


def test_lines_without_an_id_are_named_by_the_rest_of_their_key() -> None:
    lines = table("order_lines", ("order_no", "part", "colour"), order_no="int", part="text")
    assert propose(lines).fields["item_id"].origin == {"concat": ["part", "colour"]}


def test_whole_numbers_of_money_are_in_doubt_and_cents_are_not() -> None:
    found = propose(table("products", id="int", price="int", cost_cents="int")).fields
    assert found["price_micros"].origin == {"column": "price", "money": "major"}
    assert "cents" in found["price_micros"].why
    assert found["cost_micros"].origin == {"column": "cost_cents", "money": "minor"}
    assert not found["cost_micros"].why


def test_a_zone_is_proposed_from_the_surroundings(command: Run, tmp_path: object) -> None:
    said = command("init", "-c", f"{tmp_path}/shop.yaml", typed="Lamps\n", TZ="Asia/Tokyo").output
    assert "its days begin [Asia/Tokyo]" in said
    said = command("init", "-c", f"{tmp_path}/shop.yaml", typed="Lamps\n", TZ="Mars/North").output
    assert "Mars" not in said
