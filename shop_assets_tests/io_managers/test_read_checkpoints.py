"""A read's checkpoint is kept with the rows that it brought, and with nothing less."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pyarrow as pa
import pytest

from shop_assets.io_managers.delta import RawRows, ReadUntil
from shop_assets.stack.endpoints import Endpoints
from shop_assets.transforms.parts import Parts
from shop_assets.warehouse import checkpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.io_managers.runs import key_of, run, writer
from shop_assets_tests.warehouse.loads import HOUR

HOURS = pa.timestamp("us", "UTC")


def brings(checkpoint: dict[str, Any] | None, *, rows: int = 1) -> Any:
    """An asset whose read of the hour ended so."""

    def make(hours: list[dt.datetime]) -> RawRows:
        columns = {"id": list(range(rows)), "_hour": pa.array(hours[:1] * rows, HOURS)}
        read = ReadUntil("shop", "orders", hours[-1] + HOUR, checkpoint)
        return RawRows(Parts.of(pa.table(columns)), read=None if checkpoint is None else read)

    return writer("shop__orders", make, layer="raw", manager="raw_lake")


def before(warehouse: Warehouse, hour: int, stream: str = "orders") -> Any:
    start = dt.datetime(2026, 1, 31, hour, tzinfo=dt.UTC)
    return checkpoints.before(warehouse, "shop", stream, start)


def test_the_next_window_has_the_checkpoint_of_the_newest_before_it(warehouse: Warehouse) -> None:
    assert before(warehouse, 10) is None
    run(brings({"n": 8}), key_of(8))
    run(brings({"n": 9}), key_of(9))
    assert [before(warehouse, hour) for hour in (8, 9, 10, 15)] == [
        None,
        {"n": 8},
        {"n": 9},
        {"n": 9},
    ]
    assert before(warehouse, 10, "refunds") is None


def test_a_window_that_is_read_again_has_the_checkpoint_of_the_last_read(
    warehouse: Warehouse,
) -> None:
    run(brings({"n": 1}), key_of(9))
    run(brings({"n": 2}), key_of(9))
    assert before(warehouse, 10) == {"n": 2}


def test_a_read_without_rows_leaves_its_checkpoint_too(warehouse: Warehouse) -> None:
    run(brings({"n": 1}, rows=0), key_of(9))
    assert before(warehouse, 10) == {"n": 1}


def test_rows_that_were_not_written_leave_no_checkpoint(
    warehouse: Warehouse, shop: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(brings({"n": 1}), key_of(8))
    monkeypatch.setenv("SHOP_S3_URL", "s3://no-such-bucket/x")
    with pytest.raises(Exception, match=r"(?i)bucket"):
        run(brings({"n": 2}), key_of(9))
    monkeypatch.setenv("SHOP_S3_URL", shop.s3_url)
    assert before(warehouse, 10) == {"n": 1}
    run(brings({"n": 3}), key_of(9))
    assert before(warehouse, 10) == {"n": 3}
