"""What cleaning makes of a tombstone."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa

from shop_assets.transforms.clean import Cleaned
from shop_assets.transforms.extract import DELETED
from shop_assets_tests.transforms.raw_rows import HOUR, cleaned, ends, load, mapping, read

FIELDS: dict[str, Any] = {
    "order_id": "id",
    "placed_at": "at",
    "version_at": "changed",
    "deleted": {"column": "gone", "map": {"no": False}, "strict_map": True},
}
ROW = {"id": "A", "at": "2026-01-01T10:00", "changed": "2026-02-01T10:00", "gone": "no"}
MINUTE = dt.timedelta(minutes=1)


def raw(*rows: dict[str, Any]) -> pa.Table:
    """Raw rows, of which those with `_gone` are tombstones."""
    table = load(read(rows))
    return table.append_column(DELETED, pa.array([row.get("_gone") for row in rows]))


def versions(found: Cleaned) -> list[tuple[bool, dt.datetime]]:
    rows = found.published.sort_values("version_at")
    times = [moment.to_pydatetime() for moment in rows["version_at"]]
    return list(zip(rows["deleted"].tolist(), times, strict=True))


def test_it_is_a_deleted_version_from_its_time_on_whatever_the_mapping_says() -> None:
    table = raw(ROW | {"_at": 1}, ROW | {"_at": 9, "_position": "A gone", "_gone": True})
    changed = dt.datetime(2026, 2, 1, 9, tzinfo=dt.UTC)
    assert versions(cleaned(table, mapping(fields=FIELDS))) == [
        (False, changed),
        (True, HOUR + 9 * MINUTE),
    ]
    revived = {"name": "alive", "when": {"id": {"is": "A"}}, "set": {"deleted": False}}
    assert versions(cleaned(table, mapping(fields=FIELDS, rules=[revived])))[1][0]


def test_what_the_mapping_could_not_read_of_its_time_or_end_does_not_matter() -> None:
    table = raw(ROW | {"changed": "once", "gone": "?", "_at": 9, "_gone": True})
    assert versions(cleaned(table, mapping(fields=FIELDS))) == [(True, HOUR + 9 * MINUTE)]


def test_the_end_of_one_row_of_several_ends_nothing() -> None:
    table = raw(ROW | {"_at": 1}, ROW | {"_at": 9, "_position": "other", "_gone": True})
    found = cleaned(table, mapping(fields=FIELDS, grain="folded"))
    assert [deleted for deleted, _ in versions(found)] == [False]
    assert ends(found) == {"published": 1}
