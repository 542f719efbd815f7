"""The hour's run reads what the hour is about, however much is loaded already."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from shop_assets_tests.flatness.conftest import Watched
from shop_assets_tests.flatness.watching import Scan, Statement

pytestmark = [pytest.mark.xdist_group("flatness"), pytest.mark.no_cover]

FEW = 1_500
"""Rows that are read as fast as looked up: a table, or a month, of some pages."""

OF_NO_HISTORY = {
    "meta.stale_slices": "what is asked for and not yet computed",
    "meta.stale_orders": "what is asked for and not yet computed",
    "meta.complete": "one row for each set of tables",
    "meta.created": "one row",
    "meta.mart_versions": "one row for each mart",
    "warehouse.products": "the catalogue",
    "warehouse.campaigns": "the platforms' campaigns",
    "warehouse.campaigns_versions": "the platforms' campaigns",
}
"""Tables that do not grow by the hour, and what they hold."""

IN_EVERY_MONTH = {
    ("load web_activity", "warehouse.web_activity"): (
        "an hour may have told of visits of any month: one look into each month's index"
    ),
}


def statements(watched: Watched) -> Iterator[tuple[str, Statement]]:
    return ((step, found) for step, told in watched.steps.items() for found in told)


def described(step: str, statement: Statement, scan: Scan) -> str:
    sql = " ".join(statement.sql.split())
    return f"{step}: {scan.kind} of {scan.relation}, {scan.rows:.0f} rows: {sql[:160]}"


def test_what_is_watched_is_the_whole_hour(long: Watched) -> None:
    read = {scan.table for _, statement in statements(long) for scan in statement.scans}
    assert read >= {
        *("warehouse.sales_ledger", "warehouse.orders_versions", "warehouse.refunds_versions"),
        *("warehouse.web_activity", "warehouse.inventory_levels_versions", "warehouse.ad_spend"),
        *("meta.slices", "meta.row_ledger", "meta.source_keys", "meta.source_checkpoints"),
        *("meta.sold_orders", "meta.source_deletions", "meta.loads"),
        *("warehouse.charges_versions", "warehouse.payments_versions"),
        *("warehouse.payment_refunds_versions", "warehouse.payout_transactions_versions"),
        *("analytics_base.charge_differences", "meta.stale_comparisons"),
    }
    assert len(long.steps) > 25
    assert sum(len(told) for told in long.steps.values()) > 400


def test_no_table_that_grows_is_read_from_end_to_end(long: Watched) -> None:
    scanned = [
        described(step, statement, scan)
        for step, statement in statements(long)
        for scan in statement.scans
        if scan.kind == "Seq Scan"
        and scan.table not in OF_NO_HISTORY
        and long.sizes[scan.relation] > FEW
    ]
    assert scanned == []


def test_no_index_is_read_from_end_to_end(long: Watched) -> None:
    unbound = [
        described(step, statement, scan)
        for step, statement in statements(long)
        for scan in statement.scans
        if scan.kind != "Seq Scan" and not scan.bound and scan.rows > scan.loops
    ]
    assert unbound == []


@pytest.mark.parametrize("measure", ["rows", "months"])
def test_an_hour_reads_no_more_after_a_year_than_after_two_months(
    short: Watched, long: Watched, measure: str
) -> None:
    more = []
    assert list(short.steps) == list(long.steps)
    for step, told in long.steps.items():
        assert len(told) == len(short.steps[step]), step
        for before, now in zip(short.steps[step], told, strict=True):
            had, has = totals(before, measure), totals(now, measure)
            more += [
                f"{step}: {table}: {had[table]:.0f} -> {has[table]:.0f} {measure}: {now.sql[:160]}"
                for table in has
                if has[table] > had[table]
                and not (measure == "months" and (step, table) in IN_EVERY_MONTH)
            ]
    assert more == []


def totals(statement: Statement, measure: str) -> Counter[str]:
    """Rows read of each table, or how many of its months were entered."""
    if measure == "months":
        return Counter(table for table, _ in {(s.table, s.relation) for s in statement.scans})
    rows: Counter[str] = Counter()
    for scan in statement.scans:
        rows[scan.table] += round(scan.rows)
    return rows
