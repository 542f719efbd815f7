from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pandas as pd

from shop_assets.transforms import sessions
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import funnel_hourly
from shop_assets_tests.warehouse.loads import HOUR, NINE, activity

MINUTE = dt.timedelta(minutes=1)
HOURS = 34
"""More than a session's steps count for, into the next month."""


def restless(chance: random.Random) -> list[dict[str, Any]]:
    """Stretches of a few visitors, within hours, that often go on after a pause of half an hour."""
    found = []
    for source, visitor in (("web", "a"), ("web", "b"), ("app", "a"), ("web", "restless")):
        at = NINE + chance.randrange(60) * MINUTE
        while at < NINE + HOURS * HOUR:
            last = at + chance.randrange(60 - at.minute) * MINUTE
            chosen = chance.sample(["view", "product", "purchase"], 2)
            steps = {f"{step}_{end}": time for step in chosen
                     for end, time in (("first", at), ("last", last))}  # fmt: skip
            found.append({"source": source, "visitor_id": visitor, "started_at": at,
                          "ended_at": last, "is_bot": chance.random() < 0.1} | steps)  # fmt: skip
            pauses = [10, 29] if visitor == "restless" else [1, 29, 30, 31, 90, 400]
            at = last + chance.choice(pauses) * MINUTE
    return found


def test_the_funnel_is_made_of_what_it_needs_as_if_of_everything(warehouse: Warehouse) -> None:
    activity(warehouse, *restless(random.Random(5)))
    everything = warehouse.read("SELECT * FROM warehouse.web_activity")
    began = 0
    for first in range(-1, HOURS + 1):
        for hours in (1, 5):
            start = NINE + first * HOUR
            made = funnel_hourly(warehouse, start, start + hours * HOUR)
            expected = sessions.funnel_hourly(everything, start, start + hours * HOUR)
            pd.testing.assert_frame_equal(made, expected)
            began += int(made["sessions"].sum())
    assert began > 100
