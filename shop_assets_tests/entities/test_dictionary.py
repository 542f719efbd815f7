"""docs/data-dictionary.md says what the registry declares."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shop_assets.entities import TABLES, TableSpec
from shop_assets.entities.dictionary import dictionary, main
from shop_assets_tests.conftest import REPOSITORY

PAGE = REPOSITORY / "docs" / "data-dictionary.md"


def test_the_page_has_every_table_as_the_registry_does(tmp_path: Path) -> None:
    main(tmp_path / "page.md")
    assert PAGE.read_text("utf-8") == (tmp_path / "page.md").read_text("utf-8"), "run `make docs`"


@pytest.mark.parametrize("spec", TABLES.values(), ids=lambda spec: spec.name)
def test_a_table_is_described_with_its_columns(spec: TableSpec) -> None:
    [section] = re.findall(rf"^### {spec.name}\n(.*?)(?=^##|\Z)", dictionary(), re.M | re.S)
    assert spec.description in section
    assert f"Layer: {spec.layer}; key: `{spec.key[0]}`" in section
    assert f"event time: `{spec.time}`" in section or spec.time is None
    lines = [line for line in section.splitlines() if line.startswith("| `")]
    rows = [[cell.strip() for cell in line.split(" | ")] for line in lines]
    assert [row[0].strip("| `") for row in rows] == spec.column_names
    for row, column in zip(rows, spec.columns, strict=True):
        assert row[1] == column.postgres
        assert (row[2] == "yes", row[3] == "key", row[4] == "**PII**") == (
            column.nullable,
            column.key,
            column.pii,
        )
        assert row[5].strip("| ") == column.description
        assert column.description


def test_every_person_s_name_and_address_is_marked_as_personal() -> None:
    for spec in TABLES.values():
        for column in spec.columns:
            if column.name == "email":
                assert column.pii, f"{spec.name}.{column.name}"
    assert dictionary().count("**PII** |") == 5
