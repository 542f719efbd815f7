"""The contract of the sales ledger as it stands in the warehouse, of which few rows are read."""

from __future__ import annotations

import datetime as dt

from dagster import AssetCheckSeverity

from shop_assets.checks.cleaning import hour_keys
from shop_assets.checks.contract import CONTRACT, judge_contract
from shop_assets.checks.outcome import Outcome, timed
from shop_assets.entities import TABLES
from shop_assets.entities.meeting import meets
from shop_assets.warehouse.connection import Readable
from shop_assets.warehouse.stored_ledger import ledger_kinds, ledger_rows

_SPEC = TABLES["sales_ledger"]
_JUDGED = [name for name, column in _SPEC.pandera.columns.items() if column.checks]
_SCHEMA = _SPEC.pandera.select_columns(_JUDGED)


@timed
def judge_ledger(warehouse: Readable, start: dt.datetime, end: dt.datetime) -> Outcome:
    """Whether the ledger's rows that happened in `[start, end)` meet its contract.

    Their types, and that a key stands once, are the table's own doing. For the rest the server is
    asked which values stand together in the columns that have checks, and whether anything is null
    that must not be. Only where that is not as declared are the rows themselves read, for Pandera
    to say what is wrong with which.
    """
    kinds = ledger_kinds(warehouse, start, end, _JUDGED)
    values = kinds[_JUDGED].astype({name: _SPEC.column(name).pandas for name in _JUDGED})
    if not kinds["lacking"].any() and meets(values, _SCHEMA):
        metadata = {"rows": int(kinds["rows"].sum())}
        return Outcome(CONTRACT, AssetCheckSeverity.ERROR, metadata=metadata)
    rows = ledger_rows(warehouse, start, end)
    return judge_contract(rows, _SPEC, hour_keys(rows["happened_at"]))
