"""What became of the rows that each source hour brought."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES


def data_quality_hourly(row_ledger: pd.DataFrame) -> pd.DataFrame:
    """`data_quality_hourly` from the ledger of rows (its columns but `accuracy`).

    accuracy = (published - repaired) / (read - deduplicated - folded); null without such rows.
    """
    spec = TABLES["data_quality_hourly"]
    counted = row_ledger["rows_read"] - row_ledger["rows_deduplicated"] - row_ledger["rows_folded"]
    good = row_ledger["rows_published"] - row_ledger["rows_repaired"]
    accuracy = good.astype("Float64") / counted.where(counted > 0).astype("Float64")
    conformed = spec.conform(row_ledger.assign(accuracy=accuracy))
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)
