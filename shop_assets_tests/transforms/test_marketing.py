from __future__ import annotations

import datetime as dt

import pandas as pd

from shop_assets.transforms.marketing import ad_spend_daily
from shop_assets_tests.transforms.frames import check, frame_of

DAY = dt.date(2024, 5, 1)


def test_spend_stands_on_the_platform_s_own_day_under_the_campaign_s_name() -> None:
    found = check(
        "ad_spend_daily",
        ad_spend_daily(
            frame_of(
                "ad_spend",
                [
                    {"day": DAY, "spend_micros": 5_000_001, "clicks": 2, "impressions": 90},
                    {"day": DAY, "campaign_id": "x", "spend_micros": 7},
                    {"day": DAY, "campaign_id": "gone", "spend_micros": 7, "deleted": True},
                ],
            ),
            frame_of("campaigns", [{"name": "Spring"}]),
        ),
    )
    assert found["campaign_id"].tolist() == ["k", "x"]
    assert found["campaign_name"].tolist()[0] == "Spring"
    assert pd.isna(found["campaign_name"].iloc[1])
    assert found["cost_per_click_micros"].tolist() == [2_500_001, pd.NA]
    assert found["day"].tolist() == [DAY, DAY]


def test_no_spend_gives_no_rows() -> None:
    nothing = frame_of("ad_spend", [])
    assert check("ad_spend_daily", ad_spend_daily(nothing, frame_of("campaigns", []))).empty
