"""Analytics: lists and figures made of the marts, fired by a sensor when those have changed."""

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pandas as pd
from dagster import AssetExecutionContext, AssetKey, AssetsDefinition, MaterializeResult, asset

from shop_assets.assets.columns import table_metadata
from shop_assets.assets.marts import mart_key
from shop_assets.assets.steps import RETRIES, step
from shop_assets.assets.warehouse import warehouse_key
from shop_assets.checks.contract import contract_spec, judge_contract
from shop_assets.checks.report import report_whole
from shop_assets.entities import TABLES
from shop_assets.io_managers.postgres import TableRows
from shop_assets.partitions import Calendar
from shop_assets.resources import CacheResource, WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.transforms.inventory import stock_alerts
from shop_assets.transforms.rfm import customer_rfm, sales_summary
from shop_assets.warehouse import ddl
from shop_assets.warehouse.connection import Readable, Warehouse
from shop_assets.warehouse.customer_totals import read_totals
from shop_assets.warehouse.stock import stock_demand

CACHE_SECONDS = 24 * 3600
_DEMAND = dt.timedelta(days=28)

READS = {
    "sales_summary": ("sales_daily",),
    "stock_alerts": ("inventory_hourly",),
    "customer_rfm": ("customer_orders",),
}
"""The marts whose change fires each analytics asset."""
READS_TOO = {"stock_alerts": ("products",)}
"""Tables of the warehouse that it reads besides, where the shop has them, and that fire it too."""
OF_THE_DAY = {"sales_summary": "sales_hourly", "customer_rfm": "customer_orders"}
OF_THE_HOUR = {"stock_alerts": "inventory_hourly"}
"""The mart whose newest hour, or the shop's day of it, each is of. In each it is made anew."""


def analytics_key(name: str) -> AssetKey:
    """The asset of an analytics table."""
    return AssetKey(["analytics", name])


def analytics_assets(
    settings: ShopSettings, calendar: Calendar, marts: set[str], tables: set[str]
) -> list[AssetsDefinition]:
    """The analytics of a shop that has these `marts` and warehouse `tables`."""
    made = {
        "sales_summary": _sales_summary,
        "stock_alerts": _stock_alerts,
        "customer_rfm": _customer_rfm,
    }
    return [
        make(settings, calendar, tables) for name, make in made.items() if set(READS[name]) <= marts
    ]


def _analytics_asset(
    settings: ShopSettings, name: str, *, deps: list[AssetKey], kinds: set[str]
) -> Callable[[Callable[..., Any]], AssetsDefinition]:
    spec = TABLES[name]
    key = analytics_key(name)
    return asset(
        key=key,
        deps=deps,
        io_manager_key="postgres",
        retry_policy=RETRIES,
        group_name="analytics",
        kinds=kinds,
        owners=[settings.shop.owner],
        tags={"layer": "analytics"},
        description=spec.description,
        metadata=table_metadata(spec, f"analytics.{name}"),
        check_specs=[contract_spec(key)],
    )


def _result(name: str, rows: pd.DataFrame, **metadata: Any) -> MaterializeResult[TableRows]:
    spec = TABLES[name]
    outcome = judge_contract(rows, spec, None)
    return MaterializeResult(
        value=TableRows(rows),
        metadata={"dagster/row_count": len(rows), **metadata},
        check_results=report_whole(analytics_key(name), outcome),
    )


def _read(warehouse: Readable, name: str, where: str = "", *parameters: object) -> pd.DataFrame:
    spec = TABLES[name]
    sql = f"SELECT {ddl.column_list(spec)} FROM {ddl.physical(spec)} {where}"
    return spec.conform(warehouse.read(sql, parameters))


def newest_hour(warehouse: Warehouse, mart: str) -> dt.datetime | None:
    """The newest hour of a mart that was ever written, with rows or without."""
    frame = warehouse.read(
        "SELECT max(slice) AS newest FROM meta.slices WHERE asset = $1", (f"marts/{mart}",)
    )
    newest = frame["newest"].iloc[0]
    return None if pd.isna(newest) else newest.to_pydatetime()


def newest_day(warehouse: Warehouse, calendar: Calendar, mart: str) -> dt.date:
    """The shop's day of the newest hour of a mart; before any, the shop's first.

    "Today" is the data's, not the wall clock's: a shop's history loaded today has its own. Hours
    tell it, and no daily mart does: its days are computed where something has changed in them, and
    tomorrow is one of its partitions.
    """
    newest = newest_hour(warehouse, mart)
    return calendar.start if newest is None else calendar.day_of(newest)


def moment_of(warehouse: Warehouse, calendar: Calendar, name: str) -> dt.date | None:
    """The day, or hour, that a table of analytics would be of if it were made now."""
    if name in OF_THE_HOUR:
        return newest_hour(warehouse, OF_THE_HOUR[name])
    return newest_day(warehouse, calendar, OF_THE_DAY[name])


def _sales_summary(
    settings: ShopSettings, calendar: Calendar, tables: set[str]
) -> AssetsDefinition:
    @_analytics_asset(
        settings,
        "sales_summary",
        deps=[mart_key("sales_daily")],
        kinds={"postgres", "redis"},
    )
    @step
    def summary(
        context: AssetExecutionContext, warehouse: WarehouseResource, cache: CacheResource
    ) -> MaterializeResult[TableRows]:
        store = warehouse.open()
        today = newest_day(store, calendar, OF_THE_DAY["sales_summary"])
        daily = _read(
            store,
            "sales_daily",
            "WHERE day > $1::text::date - 28 AND day <= $1::text::date",
            today.isoformat(),
        )
        rows = sales_summary(daily, today)
        cached = cache.put(
            f"shop:{settings.shop.name}:sales_summary",
            json.dumps(json.loads(rows.to_json(orient="records", date_format="iso"))),
            CACHE_SECONDS,
        )
        return _result("sales_summary", rows, today=str(today), cached=cached)

    return summary


def _stock_alerts(settings: ShopSettings, calendar: Calendar, tables: set[str]) -> AssetsDefinition:
    upstream = [mart_key("inventory_hourly")]
    if "products" in tables:
        upstream.append(warehouse_key("products"))

    @_analytics_asset(
        settings,
        "stock_alerts",
        deps=upstream,
        kinds={"postgres"},
    )
    @step
    def alerts(
        context: AssetExecutionContext, warehouse: WarehouseResource
    ) -> MaterializeResult[TableRows]:
        store = warehouse.open()
        as_of = newest_hour(store, OF_THE_HOUR["stock_alerts"])
        if as_of is None:
            return _result("stock_alerts", TABLES["stock_alerts"].empty())
        with store.snapshot() as state:
            inventory = _read(state, "inventory_hourly", "WHERE hour = $1", as_of)
            demand = stock_demand(state, as_of - _DEMAND, as_of)
            products = _read(state, "products")
        rows = stock_alerts(inventory, demand, products, as_of)
        out = int((rows["severity"] == "out_of_stock").sum())
        return _result("stock_alerts", rows, out_of_stock=out, low=len(rows) - out)

    return alerts


def _customer_rfm(settings: ShopSettings, calendar: Calendar, tables: set[str]) -> AssetsDefinition:
    upstream = [mart_key("customer_orders")]
    if "customers" in tables:
        # Not read here: the view shows who of them has not ordered yet.
        upstream.append(warehouse_key("customers"))

    @_analytics_asset(
        settings,
        "customer_rfm",
        deps=upstream,
        kinds={"postgres", "pandas"},
    )
    @step
    def segments(
        context: AssetExecutionContext, warehouse: WarehouseResource
    ) -> MaterializeResult[TableRows]:
        store = warehouse.open()
        today = newest_day(store, calendar, OF_THE_DAY["customer_rfm"])
        rows = customer_rfm(read_totals(store), today, settings.shop.zone)
        sizes = rows["segment"].value_counts()
        return _result(
            "customer_rfm", rows, **{str(segment): int(n) for segment, n in sizes.items()}
        )

    return segments
