"""Rows judged in parts and settled some at a time are what they are when cleaned as a whole."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.entities import ENTITIES
from shop_assets.repeated_keys import RepeatedKeys
from shop_assets.transforms.clean import COUNTS, Cleaned, clean, combine, settle, summed
from shop_assets.transforms.judge import judge, judged_schema, map_rows, numbers_repeats
from shop_assets.warehouse.connection import to_frame
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.raw_rows import ORIGIN, attempts, load, mapping, read

SPEC = ENTITIES["customers"]
FIELDS = {"customer_id": "id", "country": "land", "created_at": "at", "email": "mail"}
ORIGINS = [ORIGIN, dataclasses.replace(ORIGIN, stream="beside")]
RULES = [
    {"name": "nobody", "when": {"id": {"is": "nobody"}}, "quarantine": "no one"},
    {"name": "home", "when": {"land": {"missing": True}}, "set": {"country": "DE"}, "repair": True},
]

row = st.fixed_dictionaries(
    {
        "id": st.sampled_from(["a", "b", "c", "ä", "nobody", None]),
        "land": st.sampled_from(["FR", "BE", None]),
        "at": st.sampled_from(["2026-05-02T00:00Z", "2026-05-03T00:00Z", "soon", None]),
        "mail": st.sampled_from(["x@example.org", None]),
        "_at": st.sampled_from([0, 0, 5, 70]),
        "_error": st.sampled_from([None, None, None, None, "cut"]),
    }
)
KINDS = pa.schema([(name, pa.string()) for name in ("id", "land", "at", "mail")])


def in_parts(raws: list[pa.Table], declared: Any, size: int, rows: int) -> Cleaned:
    """Streams' rows cleaned with so many in a part, and settled apart from so many on."""
    gathered = RepeatedKeys(len(raws), SPEC.key, rows)
    for number, raw in enumerate(raws):
        for first in range(0, raw.num_rows, size):
            mapped = map_rows(raw.slice(first, size), SPEC, declared, ORIGINS[number])
            judged = judge(mapped, SPEC, declared)
            table = pa.Table.from_pandas(judged, judged_schema(SPEC), preserve_index=False)
            gathered.add(number, table)
    found = [
        combine(
            [
                settle(to_frame(table), SPEC, declared, origin)
                for table, origin in zip(tables, ORIGINS, strict=False)
            ],
            SPEC,
        )
        for tables in gathered
    ]
    return Cleaned(
        pd.concat([each.published for each in found], ignore_index=True),
        pd.concat([each.quarantined for each in found], ignore_index=True),
        summed([each.counts for each in found]),
    )


def ordered(frame: pd.DataFrame) -> list[str]:
    return sorted(map(str, frame.astype("str").to_dict("records")))


@examples(12)
@given(
    st.lists(st.lists(row, min_size=1, max_size=7), min_size=1, max_size=3),
    st.integers(1, 6),
    st.integers(1, 12),
    st.sampled_from(["row", "folded"]),
    st.lists(row, max_size=7),
)
def test_parts_change_nothing(
    delivered: list[list[dict[str, Any]]],
    size: int,
    rows: int,
    grain: str,
    beside: list[dict[str, Any]],
) -> None:
    grained = {"grain": "folded"} if grain == "folded" else {}
    declared = mapping(fields=FIELDS, rules=RULES, **grained)
    loads = [
        load(read(each, delivery=f"d{n % 2}", schema=KINDS), attempt=n)
        for n, each in enumerate(delivered)
    ]
    raw = attempts(*loads, loads[0])
    raws = [raw, load(read(beside, schema=KINDS))] if beside else [raw]
    streams = zip(raws, ORIGINS, strict=False)
    whole = combine([clean(each, SPEC, declared, origin) for each, origin in streams], SPEC)
    found = in_parts(raws, declared, size, rows)
    assert ordered(found.published) == ordered(whole.published)
    assert ordered(found.quarantined) == ordered(whole.quarantined)
    by = ["hour", "source", "stream", "entity"]
    pd.testing.assert_frame_equal(
        found.counts.sort_values(by, ignore_index=True),
        whole.counts.sort_values(by, ignore_index=True),
    )
    assert list(found.counts.columns) == [*by, *COUNTS]


@pytest.mark.parametrize(("repeats", "numbered"), [("keep", True), ("merge", False)])
def test_only_rows_that_are_numbered_must_be_judged_together(repeats: str, numbered: bool) -> None:
    item = {"item_id": {"fingerprint": ["id"], "repeats": repeats}}
    assert numbers_repeats(mapping(fields=item)) is numbered
