"""Stretches of activity, made of some visitors' events at a time."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa
import pytest

from shop_assets.assets.warehouse import activity_rows
from shop_assets.entities import ENTITIES, TABLES
from shop_assets.spool import Buckets
from shop_assets.transforms.clean import cleaned_schema
from shop_assets.transforms.parts import Parts, gathered
from shop_assets.transforms.sessions import web_activity
from shop_assets_tests.transforms.test_sessions import Event, events


def test_visitors_that_come_in_several_parts_have_the_same_stretches(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[Event] = [
        (f"v{n % 7}", n * 13 % 200, "view", n % 7 == 3, n * 13 % 200 // 60) for n in range(90)
    ]
    frame = events(seen)
    table = pa.Table.from_pandas(
        frame, schema=cleaned_schema(ENTITIES["web_events"]), preserve_index=False
    )
    monkeypatch.setattr(Buckets.__init__, "__defaults__", (20, 10**9))
    found = activity_rows(Parts(table.schema, lambda: gathered([table], 8)))
    pd.testing.assert_frame_equal(found, web_activity(frame))
    assert len(found) > 7


def test_no_events_are_no_stretches() -> None:
    schema = cleaned_schema(ENTITIES["web_events"])
    found = activity_rows(Parts.of(schema.empty_table()))
    pd.testing.assert_frame_equal(found, TABLES["web_activity"].empty())
