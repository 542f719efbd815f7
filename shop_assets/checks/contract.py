"""Checks from the declared Pandera models: a whole frame against its table's contract."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pandera.errors
from dagster import AssetCheckSeverity, AssetCheckSpec, AssetKey

from shop_assets.checks.outcome import Outcome, timed
from shop_assets.entities import TableSpec
from shop_assets.entities.meeting import meets

CONTRACT = "contract"
_SAMPLE = 5


def contract_spec(asset: AssetKey, *, blocking: bool = True) -> AssetCheckSpec:
    """The check that an asset's rows meet its Pandera model."""
    return AssetCheckSpec(
        CONTRACT,
        asset=asset,
        blocking=blocking,
        description="Every row has the declared columns, types, keys and values.",
    )


@timed
def judge_contract(rows: pd.DataFrame, spec: TableSpec, keys: pd.Series | None) -> Outcome:
    """Whether rows meet the contract; never raises for what the rows hold.

    `keys`: the partition key of each row, or None for a table without partitions. A sample names
    the column, the check and the number of rows, and shows values of columns that name no person,
    without e-mail addresses. A fault of the frame itself (a column that is missing, or of another
    type) is one of all its partitions.
    """
    rows = rows.reset_index(drop=True)
    cases = _failures(rows, spec)
    if cases is None:
        return Outcome(CONTRACT, AssetCheckSeverity.ERROR, metadata={"rows": len(rows)})
    summary = (cases["column"].astype("str") + " " + cases["check"].astype("str")).value_counts()
    metadata: dict[str, Any] = {
        "rows": len(rows),
        "failures": len(cases),
        "failing": "; ".join(f"{failing}: {n}" for failing, n in summary.head(_SAMPLE).items()),
        "sample": _sample(cases, spec),
    }
    failed: dict[str, dict[str, Any]] = {}
    if keys is not None and cases["index"].notna().any():
        positions = cases["index"].dropna().astype("int64")
        failing = pd.Series(keys.iloc[positions.tolist()].to_numpy()).value_counts()
        failed = {str(key): {"failures": int(n)} for key, n in failing.items()}
    of_frame = bool(cases["index"].isna().any()) or not failed
    return Outcome(CONTRACT, AssetCheckSeverity.ERROR, failed, metadata, whole_failed=of_frame)


def _failures(rows: pd.DataFrame, spec: TableSpec) -> pd.DataFrame | None:
    """One row per failure (column, check, failure_case, index), or None where there is none."""
    found: list[pd.DataFrame] = []
    schema = spec.pandera
    if not meets(rows, schema):
        try:
            schema.validate(rows, lazy=True)
        except pandera.errors.SchemaErrors as error:
            found.append(error.failure_cases[["column", "check", "failure_case", "index"]])
    doubled = rows.columns[rows.columns.duplicated()].unique()
    if len(doubled):
        found.append(
            pd.DataFrame(
                {"column": doubled, "check": "stands once", "failure_case": None, "index": None}
            )
        )
    key = [k for k in spec.key if k in rows.columns]
    repeated = _repeated(rows[key]) if key else pd.Series(False, index=rows.index)
    if repeated.any():
        found.append(
            pd.DataFrame(
                {
                    "column": ", ".join(key),
                    "check": "unique key",
                    "failure_case": None,
                    "index": rows.index[repeated],
                }
            )
        )
    return pd.concat(found, ignore_index=True) if found else None


def _repeated(keys: pd.DataFrame) -> pd.Series:
    try:
        return keys.duplicated()
    except TypeError:
        # Lists and the like, which are no keys, but are no reason to stop either.
        return keys.astype("str").duplicated()


def _sample(cases: pd.DataFrame, spec: TableSpec) -> str:
    personal = {c.name for c in spec.columns if c.pii}
    shown = cases[~cases["column"].isin(personal)].head(_SAMPLE)
    return "; ".join(
        f"{column}={'(an e-mail address)' if '@' in str(value) else str(value)[:40]!r}"
        for column, value in zip(shown["column"], shown["failure_case"], strict=True)
    )
