"""Two years of a real shop's exports are read whole, at their times, by one set of names."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pyarrow.compute as pc
import pytest

from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets_tests.sources.reading import files, utc

DATA = (
    Path(os.environ.get("SHOP_REAL_DATA", Path(__file__).parents[3] / "shared" / "data"))
    / "online_retail"
)

pytestmark = pytest.mark.skipif(
    not DATA.is_dir(), reason="the real data is not here; SHOP_REAL_DATA says where it is"
)


def test_every_row_of_two_years_is_read_at_its_time_in_london() -> None:
    source = files(
        DATA,
        "invoices_*.csv.gz",
        time={"column": "InvoiceDate"},
        timezone="Europe/London",
        rename={"InvoiceNo": "Invoice", "UnitPrice": "Price", "CustomerID": "Customer ID"},
    )
    window = Window(utc("2009-12-01T00:00"), utc("2011-12-10T00:00"))
    counts: Counter[str] = Counter()
    names = set()
    broken = 0
    for batch in source.read(ReadRequest("rows", window)):
        names.add(tuple(batch.rows.column_names))
        broken += batch.rows.num_rows - batch.rows["_error"].null_count
        [delivery] = batch.rows["_delivery"].unique().to_pylist()
        counts[delivery] += batch.rows.num_rows
    assert counts == {
        "invoices_2009-12_2010-12.csv.gz": 525_461,
        "invoices_2010-12_2011-12.csv.gz": 541_909,
    }
    assert broken == 0
    [columns] = names
    assert columns[:8] == (
        "Invoice",
        "StockCode",
        "Description",
        "Quantity",
        "InvoiceDate",
        "Price",
        "Customer ID",
        "Country",
    )
    overlap = Window(utc("2010-12-01T00:00"), utc("2010-12-09T20:02"))
    rows = [batch.rows for batch in source.read(ReadRequest("rows", overlap))]
    of_first = [r for r in rows if r["_delivery"][0].as_py().startswith("invoices_2009")]
    assert sum(r.num_rows for r in of_first) == 22_523
    summer = Window(utc("2011-07-01T00:00"), utc("2011-07-02T00:00"))
    [july] = [batch.rows for batch in source.read(ReadRequest("rows", summer))]
    first = july.sort_by("_change_time").slice(0, 1).to_pylist()[0]
    assert first["InvoiceDate"] == "2011-07-01 08:16:00"
    assert first["_change_time"] == utc("2011-07-01T07:16")
    assert pc.max(july["_change_time"]).as_py() < summer.end
