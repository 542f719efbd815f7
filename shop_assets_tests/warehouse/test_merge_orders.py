"""Whatever is loaded after whatever, versions and current rows are what was told last."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from shop_assets.entities import TABLES
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.merge import merge_entity
from shop_assets_tests.warehouse.loads import HOUR, NINE, load_of, rows, table_of

HOURS = 4
KEYS = {"orders": "order_id", "customers": "customer_id"}
TIMES = {"orders": "placed_at", "customers": "created_at"}
TOLD = {"orders": "customer_id", "customers": "country"}
COLUMNS = ["key", "version_at", "hour", "time", "told"]


def published(random: np.random.Generator, number: int) -> pd.DataFrame:
    """What the hours publish: of few keys, some versions twice; columns `COLUMNS`."""
    count = int(random.integers(0, 12))
    hour = [NINE + int(h) * HOUR for h in random.integers(0, HOURS, count)]
    texts = [f"{number} {k}" if k % 3 else None for k in range(count)]
    return pd.DataFrame(
        {
            "key": [f"k{k}" for k in random.integers(0, 5, count)],
            "version_at": [
                NINE + dt.timedelta(minutes=int(m)) for m in random.integers(0, 3, count)
            ],
            "hour": hour,
            # In either of two months.
            "time": [NINE + dt.timedelta(hours=int(h)) for h in random.choice([0, 20], count)],
            "told": texts,
        }
    )


def load(warehouse: Warehouse, table: str, told: pd.DataFrame, first: int, count: int) -> int:
    given: list[dict[str, Any]] = [
        {KEYS[table]: key, "version_at": version, TIMES[table]: time, TOLD[table]: text}
        for key, version, _, time, text in told.itertuples(index=False)
    ]
    frame = rows(table, *given)
    frame["_hour"] = pd.Series(list(told["hour"]), dtype="datetime64[us, UTC]")
    declared = load_of(f"warehouse/{table}", NINE + first * HOUR, count=count)
    return merge_entity(warehouse, TABLES[table], frame, declared).changed


@pytest.mark.parametrize("table", KEYS)
@pytest.mark.parametrize("seed", range(6))
def test_versions_and_current_rows_are_of_what_was_told_last(
    warehouse: Warehouse, table: str, seed: int
) -> None:
    random = np.random.default_rng(seed)
    expected = pd.DataFrame(columns=COLUMNS)
    names = f"{KEYS[table]}, version_at::text, change_hour::text, {TIMES[table]}::text"
    for number in range(8):
        first = int(random.integers(0, HOURS))
        count = int(random.integers(1, HOURS - first + 1))
        span = [NINE + h * HOUR for h in range(first, first + count)]
        # Most of what was published is published again.
        stays = expected[random.random(len(expected)) < 0.7]
        told = pd.concat([stays, published(random, number)])
        told = told[told["hour"].isin(span)].reset_index(drop=True)
        load(warehouse, table, told, first, count)
        assert load(warehouse, table, told, first, count) == 0
        kept = told.drop_duplicates(["key", "version_at", "hour"], keep="last")
        expected = pd.concat([expected[~expected["hour"].isin(span)], kept])
        versions = f"SELECT {names}, {TOLD[table]} FROM warehouse.{table}_versions"
        assert texts(expected, COLUMNS) == stored(warehouse, versions)
        newest = expected.sort_values(["version_at", "hour"]).drop_duplicates("key", keep="last")
        newest = newest.assign(time=newest["key"].map(expected.groupby("key")["time"].min()))
        current = f"SELECT {KEYS[table]}, {TIMES[table]}::text, {TOLD[table]}"
        current += f" FROM warehouse.{table}"
        assert texts(newest, ["key", "time", "told"]) == stored(warehouse, current)


def stored(warehouse: Warehouse, sql: str) -> list[str]:
    return sorted(map(str, table_of(warehouse, sql)))


def texts(frame: pd.DataFrame, columns: list[str]) -> list[str]:
    """The rows as the database shows them, in order."""
    shown = frame[columns].astype(object)
    for name in {"version_at", "hour", "time"}.intersection(columns):
        shown[name] = [f"{moment:%Y-%m-%d %H:%M:%S}+00" for moment in shown[name]]
    return sorted(str(tuple(row)) for row in shown.where(shown.notna(), None).to_numpy())
