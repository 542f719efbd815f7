"""Two runs compute one hour of a mart at once, and the one that publishes last has read earlier."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from dagster import DagsterEventType

from shop_assets.assets import marts
from shop_assets.checks.outcome import Outcome
from shop_assets.entities import TABLES
from shop_assets.partition_span import Span
from shop_assets.partitions import HOUR, hour_key
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets.warehouse.marts import look, replace_slices
from shop_assets.warehouse.order_requests import Orders
from shop_assets_tests.automation.tiny_shop import TinyShop, line, newest_due_hour
from shop_assets_tests.warehouse.loads import ledger, load_of, merge

MART = "sales_hourly"


def test_a_mart_that_another_run_has_answered_meanwhile_is_read_again(
    shop: TinyShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    due = newest_due_hour()
    shop.deliver("first", line("A", due))
    read: list[list[int]] = []

    def computed(
        store: Warehouse,
        declared: marts.MartDeclaration,
        span: Span,
        orders: Orders | None,
        last_day: dt.datetime | None,
    ) -> tuple[pd.DataFrame, list[Outcome]]:
        made = compute(store, declared, span, orders, last_day)
        if declared.name == MART:
            read.append(made[0]["units_sold"].tolist())
            if len(read) == 1:
                another_run(store, due)
        return made

    def another_run(store: Warehouse, hour: dt.datetime) -> None:
        at = {"source": "till", "order_id": "B", "placed_at": hour, "version_at": hour}
        told = {"start": hour - HOUR, "epoch": slices.begin(store)}
        merge(store, "order_items", at | {"currency": "EUR"}, **told)
        ledger(store, "B", source="till", **told)
        seen = look(store, MART, hour, hour + HOUR)
        rows = MARTS[MART](store, hour, hour + HOUR)
        # It had begun before.
        replace_slices(store, TABLES[MART], rows, load_of(f"marts/{MART}", hour, epoch=1), seen)

    compute = marts.computed
    monkeypatch.setattr(marts, "computed", computed)
    assert shop.load(due)
    assert read == [[1], [2]]
    assert (MART, hour_key(due)) not in shop.stale()
    assert shop.hourly_sales() == {hour_key(due): 2000}
    (run,) = shop.instance.get_runs()
    (again,) = shop.instance.all_logs(run.run_id, DagsterEventType.STEP_UP_FOR_RETRY)
    assert again.step_key == f"marts__{MART}"
