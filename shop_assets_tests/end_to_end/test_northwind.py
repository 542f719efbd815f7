"""The real Northwind database, from its own tables to the daily sales, as the example maps it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from dagster import AssetKey, DagsterInstance

from shop_assets.automation import runs
from shop_assets.cli.run import expect_sources
from shop_assets.cli.shop import Shop
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.conftest import REPOSITORY
from shop_assets_tests.sweep.sql_shop import source_database
from shop_assets_tests.warehouse.databases import copied, make_template

pytestmark = [pytest.mark.xdist_group("northwind"), pytest.mark.no_cover]

CONFIG = REPOSITORY / "examples" / "northwind" / "shop.yaml"
HOUR = dt.datetime(1998, 5, 6, 20, tzinfo=dt.UTC)
FIRST, LAST = dt.date(1996, 7, 4), dt.date(1998, 5, 6)


@pytest.fixture(scope="module")
def northwind(stack: Endpoints, real_data: Path) -> Iterator[str]:
    """A database with the dump in it."""
    with source_database(stack) as url:
        connection = psycopg2.connect(url)
        with connection, connection.cursor() as cursor:
            cursor.execute((real_data / "northwind" / "northwind.sql").read_text("utf-8"))
        connection.close()
        yield url


@pytest.fixture(scope="module")
def shop(
    stack: Endpoints, northwind: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """The example, loaded by the jobs themselves: one hour, and the mart of all its days."""
    with pytest.MonkeyPatch.context() as environment, copied(stack, make_template(stack)) as url:
        own = {
            "SHOP_HOME": str(tmp_path_factory.mktemp("northwind")),
            "SHOP_POSTGRES_URL": url,
            "SHOP_S3_URL": f"{stack.s3_url}/northwind",
            "NORTHWIND_URL": northwind,
        }
        for name, value in (stack.environment() | own).items():
            environment.setenv(name, value)
        shop = Shop.open(CONFIG, start=False)
        expect_sources(shop)
        made = shop.definitions()
        nodes = made.resolve_asset_graph().asset_nodes
        loaded = [n.key for n in nodes if n.group_name in ("raw", "clean", "warehouse")]
        mart = [AssetKey(["marts", "sales_daily"])]
        hours, days = runs.hour_range_tags(HOUR, HOUR), runs.day_range_tags(FIRST, LAST)
        with DagsterInstance.ephemeral() as instance:
            for job, assets, tags in (("hourly", loaded, hours), ("daily_marts", mart, days)):
                done = made.resolve_job_def(job).execute_in_process(
                    instance=instance, asset_selection=assets, tags=tags
                )
                assert done.success
        yield shop


def test_the_example_is_short() -> None:
    assert len(CONFIG.read_text("utf-8").splitlines()) <= 40


def test_every_row_is_read_and_published(shop: Shop) -> None:
    rows = shop.warehouse.read(
        "SELECT entity, sum(rows_read)::int r, sum(rows_published)::int p "
        "FROM meta.row_ledger GROUP BY 1"
    )
    assert {row.entity: (row.r, row.p) for row in rows.itertuples()} == {
        "customers": (91, 91),
        "products": (77, 77),
        "orders": (830, 830),
        "order_items": (2155, 2155),
    }


def test_sales_after_discounts_are_those_of_its_tables_to_the_cent(shop: Shop) -> None:
    rows = shop.warehouse.read(
        "SELECT sum(gross_sales)::text g, sum(discounts)::text d, count(*) n FROM marts.sales_daily"
    )
    gross, discounts = Decimal(rows["g"][0]), Decimal(rows["d"][0])
    assert round(gross - discounts, 2) == Decimal("1265793.04")
    assert round(discounts, 2) == Decimal("88665.55")
