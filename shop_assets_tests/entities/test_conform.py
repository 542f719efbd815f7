"""Laid to its declaration, a frame has the declared columns and types, and is nobody else's."""

from __future__ import annotations

import pandas as pd

from shop_assets.entities import TABLES

SPEC = TABLES["sales_daily"]


def types(frame: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(dtype) for name, dtype in frame.dtypes.items()}


def test_columns_are_taken_in_order_with_their_types_and_missing_ones_are_null() -> None:
    given = pd.DataFrame(
        {"other": [1, 2], "orders": [3, 4], "currency": ["EUR", None]}, index=[7, 9]
    )
    found = SPEC.conform(given)
    assert list(found.columns) == SPEC.column_names
    assert types(found) == types(SPEC.empty())
    assert found.index.tolist() == [7, 9]
    assert found["orders"].tolist() == [3, 4]
    assert found["currency"].isna().tolist() == [False, True]
    assert found["gross_sales_micros"].isna().all()


def test_no_rows_have_their_types_too() -> None:
    assert types(SPEC.conform(pd.DataFrame())) == types(SPEC.empty())


def test_what_is_done_to_the_result_is_not_done_to_what_was_given() -> None:
    whole = SPEC.conform(pd.DataFrame({"orders": [3, 4]}))
    turned = whole[SPEC.column_names[::-1]]
    for given in (whole, turned):
        found = SPEC.conform(given)
        found.loc[0, "orders"] = 5
        found["currency"] = "EUR"
        assert given["orders"].tolist() == [3, 4]
        assert given["currency"].isna().all()
