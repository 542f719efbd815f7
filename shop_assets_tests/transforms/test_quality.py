from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.quality import data_quality_hourly
from shop_assets_tests.transforms.frames import check, frame_of

COUNTS = ["rows_read", "rows_published", "rows_repaired", "rows_quarantined",
          "rows_deduplicated", "rows_folded"]  # fmt: skip


def ledger_of_rows(*counts: tuple[int, ...]) -> pd.DataFrame:
    rows = [
        {"hour": "2024-05-01T10:00", "source": "shop", "stream": str(i), "entity": "orders"}
        | dict(zip(COUNTS, values, strict=True))
        for i, values in enumerate(counts)
    ]
    return frame_of("data_quality_hourly", rows).drop(columns="accuracy")


def test_accuracy_is_what_was_published_as_it_came_of_what_came_once() -> None:
    found = check("data_quality_hourly", data_quality_hourly(ledger_of_rows((10, 6, 1, 2, 1, 1))))
    assert found["accuracy"].tolist() == [5 / 8]


def test_accuracy_is_null_not_zero_where_nothing_new_came() -> None:
    rows = ledger_of_rows((0, 0, 0, 0, 0, 0), (4, 0, 0, 0, 4, 0), (4, 0, 0, 4, 0, 0))
    found = check("data_quality_hourly", data_quality_hourly(rows))
    assert found["accuracy"].tolist() == [pd.NA, pd.NA, 0.0]


def test_no_rows_give_no_rows() -> None:
    empty = TABLES["data_quality_hourly"].empty().drop(columns="accuracy")
    assert check("data_quality_hourly", data_quality_hourly(empty)).empty
