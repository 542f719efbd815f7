"""`examples/shopify_stripe`: both APIs through the command itself, to the true sums."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from decimal import Decimal
from typing import Any

import pytest

from shop_assets.demo.apis import Clock, Store, serving
from shop_assets.demo.apis.shopify import ShopifyServer
from shop_assets.demo.apis.stripe import StripeServer
from shop_assets.demo.sample_orders import SampleOrder, sample_orders
from shop_assets.demo.simulated import fill_shopify, fill_stripe, port_of, simulated
from shop_assets.partitions import floor_hour
from shop_assets.settings import load_settings
from shop_assets.settings.apis import ApiSource
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.conftest import REPOSITORY
from shop_assets_tests.end_to_end.commands import Command
from shop_assets_tests.warehouse.databases import copied, make_template

CONFIG = REPOSITORY / "examples" / "shopify_stripe" / "shop.yaml"
HOURS = 3
pytestmark = pytest.mark.xdist_group("shopify_stripe")
DIFFERENCES = ("charge_differences", "refund_differences", "payout_differences")


@pytest.fixture(scope="module")
def orders() -> list[SampleOrder]:
    until = floor_hour(dt.datetime.now(dt.UTC)) - dt.timedelta(hours=2)
    return sample_orders(60, until, span=dt.timedelta(hours=HOURS))


@pytest.fixture(scope="module")
def loaded(
    stack: Endpoints, orders: list[SampleOrder], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Warehouse]:
    """The warehouse after the example was loaded, from before the first order to after the last."""
    with ExitStack() as running:
        urls = {}
        for name, fill, server in (
            ("SHOPIFY_API_URL", fill_shopify, ShopifyServer),
            ("STRIPE_API_URL", fill_stripe, StripeServer),
        ):
            store = Store()
            fill(store, orders)
            urls[name] = running.enter_context(serving(server(store, Clock()).app))
        warehouse = running.enter_context(copied(stack, make_template(stack)))
        first = floor_hour(orders[0].placed_at) - dt.timedelta(hours=2)
        own = {
            "SHOP_POSTGRES_URL": warehouse,
            "SHOP_POSTGRES_READER_URL": warehouse,
            "SHOP_S3_URL": f"{stack.s3_url}/shopify_stripe_{uuid.uuid4().hex[:8]}",
            "SHOP_START": str(first.date() - dt.timedelta(days=1)),
            "SHOP_GRACE_HOURS": "0",
            "API_CALLS_PER_SECOND": "25",
        }
        last = first + dt.timedelta(hours=HOURS + 3)
        span = (f"{first:%Y-%m-%dT%H:%M}", f"{last:%Y-%m-%dT%H:%M}")
        home = tmp_path_factory.mktemp("shopify_stripe")
        command = Command(home, **(stack.environment() | own | urls))
        command.json("run", "--config", str(CONFIG), "--from", span[0], "--to", span[1])
        yield Warehouse(warehouse)


def one(warehouse: Warehouse, query: str) -> dict[str, Any]:
    (row,) = warehouse.read(query).to_dict(orient="records")
    return {str(name): value for name, value in row.items()}


@pytest.mark.parametrize(("name", "provider"), [("shop", "shopify"), ("payments", "stripe")])
def test_the_defaults_fit_the_simulations(name: str, provider: str) -> None:
    source = load_settings(CONFIG, {}).sources[name]
    assert isinstance(source, ApiSource)
    assert source.api_url == f"http://127.0.0.1:{port_of(provider)}"
    made = simulated(provider, objects=0)
    for option, secret in made.secrets.items():
        assert getattr(source, option).get_secret_value() == secret
    for option, value in made.options.items():
        assert getattr(source, option) == value


def test_the_marts_have_the_true_sales(loaded: Warehouse, orders: list[SampleOrder]) -> None:
    goods = sum(line.amount for order in orders for line in order.lines)
    back = sum(order.lines[0].amount for order in orders if order.refunded_at)
    assert back
    found = one(
        loaded,
        "SELECT sum(gross_sales)::text AS gross, sum(returns)::text AS back, "
        "sum(orders)::int AS orders FROM marts.sales_daily",
    )
    assert Decimal(found["gross"]) * 1_000_000 == goods
    assert abs(Decimal(found["back"])) * 1_000_000 == back
    assert found["orders"] == len(orders)


def test_every_charge_pays_for_an_order(loaded: Warehouse, orders: list[SampleOrder]) -> None:
    total = sum(order.total for order in orders)
    found = one(
        loaded,
        "SELECT sum(amount_micros)::bigint AS charged, count(*)::int AS charges "
        "FROM warehouse.charges JOIN warehouse.orders USING (order_id)",
    )
    assert found == {"charged": total, "charges": len(orders)}


@pytest.mark.parametrize("table", DIFFERENCES)
def test_reconciliation_finds_nothing(loaded: Warehouse, table: str) -> None:
    rows = loaded.read(f"SELECT * FROM analytics.{table}")
    assert rows.to_dict(orient="records") == []
