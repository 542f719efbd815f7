"""What advertising cost."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.sales import per_order


def ad_spend_daily(ad_spend: pd.DataFrame, campaigns: pd.DataFrame) -> pd.DataFrame:
    """`ad_spend_daily` from current `ad_spend` and `campaigns`, without deleted ones."""
    spec = TABLES["ad_spend_daily"]
    rows = ad_spend[~ad_spend["deleted"].astype(bool)]
    names = campaigns[["source", "campaign_id", "name"]].rename(columns={"name": "campaign_name"})
    rows = rows.merge(names, on=["source", "campaign_id"], how="left", validate="many_to_one")
    rows["cost_per_click_micros"] = per_order(rows["spend_micros"], rows["clicks"])
    conformed = spec.conform(rows)
    return conformed.sort_values(list(spec.key), kind="stable", ignore_index=True)
