"""The simulated shop's storefront and payment provider, loaded by Dagster's own jobs."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import psycopg2
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
import yaml
from dagster import AssetKey, DagsterEventType, DagsterInstance

from shop_assets.automation import runs
from shop_assets.checks.report import SECONDS
from shop_assets.definitions import build_definitions
from shop_assets.demo import DemoPlan, DemoTargets, SimulatedShop
from shop_assets.partitions import HOUR
from shop_assets.settings import load_settings
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.automation.tiny_shop import TinyShop
from shop_assets_tests.demo.reading import without_apis
from shop_assets_tests.sweep.sql_shop import source_database
from shop_assets_tests.warehouse.databases import copied

PLAN = DemoPlan(
    dt.datetime(2024, 3, 3, 23, tzinfo=dt.UTC),
    orders_per_hour=10,
    seed=2,
    flash_sale=None,
    products=40,
)
TABLES = ("charge_differences", "refund_differences")
SENSOR = "analytics_on_change"
HOURS = 48
GRACE_HOURS = 9
"""Payments are delivered up to eight hours late."""
ORIGINS = {
    "orders": "storefront__orders",
    "order_items": "storefront__order_items",
    "refunds": "storefront__refunds",
    "payments": "payments__ledger",
}
"""The tables that are reconciled, and the stream of each."""


@dataclass
class LivingShop:
    """A simulated shop, and the platform that has loaded all of it."""

    life: SimulatedShop
    platform: TinyShop

    def load(self, first: dt.datetime, last: dt.datetime, *tables: str) -> None:
        """Load hours of some tables, from the sources to the warehouse."""
        chosen = [
            AssetKey(path)
            for table in tables
            for path in (["raw", ORIGINS[table]], ["clean", table], ["warehouse", table])
        ]
        assert self.platform.execute("hourly", runs.hour_range_tags(first, last), chosen)

    def answer(self) -> None:
        """Do what the sensor of analytics asks for: the differences of orders, nothing else."""
        [request] = self.platform.tick(SENSOR).requests
        assert request.asset_selection == [AssetKey(["analytics", name]) for name in TABLES]
        assert self.platform.answer(request, "analytics")

    def settle(self) -> None:
        """Do what the sensor asks for, if it does: then everything is compared."""
        for request in self.platform.tick(SENSOR).requests:
            assert self.platform.answer(request, "analytics")

    def check(self, name: str) -> tuple[bool, dict[str, Any]]:
        """The newest result of a table's check: whether it passed, and what it says."""
        for run in self.platform.instance.get_runs():
            for entry in self.platform.instance.all_logs(
                run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION
            ):
                assert entry.dagster_event is not None
                found = entry.dagster_event.asset_check_evaluation_data
                if found.asset_key.path[-1] == name and found.check_name != "contract":
                    said = {k: v.value for k, v in found.metadata.items() if k != SECONDS}
                    return found.passed, said
        raise AssertionError(f"nothing has checked {name}")

    def reconfigure(self, **source: Any) -> None:
        """Change what the shop says of its payment provider."""
        path = self.platform.settings.path
        declared = yaml.safe_load(path.read_text("utf-8"))
        declared["sources"]["payments"] |= source
        path.write_text(yaml.safe_dump(declared), "utf-8")
        settings = load_settings(path, self.life.targets.environment(PLAN))
        self.platform = replace(
            self.platform, settings=settings, definitions=build_definitions(settings)
        )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Rows of the warehouse."""
        frame = self.platform.warehouse.read(sql)
        return list(frame.itertuples(index=False, name=None))

    def storefront(self, sql: str, *values: Any) -> None:
        """Change the shop's own database."""
        connection = psycopg2.connect(self.life.targets.storefront_url)
        with connection, connection.cursor() as cursor:
            cursor.execute(sql, values)
            assert cursor.rowcount == 1
        connection.close()

    def lower_payment(self, payment_id: str) -> list[dt.datetime]:
        """Let a row of the provider's say a cent less; returns the hours of the files with it."""
        hours = []
        for path in sorted((self.life.targets.files_root / "payments").glob("*.parquet")):
            rows = pq.read_table(path)
            chosen = pc.equal(rows["id"], payment_id)
            if pc.any(chosen).as_py():
                lower = pc.if_else(chosen, pc.subtract(rows["amount"], 1), rows["amount"])
                place = rows.column_names.index("amount")
                pq.write_table(rows.set_column(place, "amount", lower), path)
                named = path.stem.removeprefix("ledger-")
                hours.append(dt.datetime.fromisoformat(f"{named}:00+00:00"))
        return hours


@contextmanager
def living_shop(stack: Endpoints, template: str, folder: Path) -> Iterator[LivingShop]:
    """A simulated shop after some days, loaded; runs are kept in memory."""
    with (
        pytest.MonkeyPatch.context() as environment,
        copied(stack, template) as url,
        source_database(stack) as storefront,
        source_database(stack) as wms,
        DagsterInstance.ephemeral() as instance,
    ):
        targets = DemoTargets(storefront, wms, folder / "files")
        places = {
            "SHOP_HOME": str(folder / "home"),
            "SHOP_S3_URL": f"{stack.s3_url}/{uuid.uuid4().hex}",
            "SHOP_POSTGRES_URL": url,
        }
        for name, value in {**stack.environment(), **places}.items():
            environment.setenv(name, value)
        for name, value in targets.environment(PLAN).items():
            environment.setenv(name, value)
        declared = without_apis()
        declared["sources"] = {n: declared["sources"][n] for n in ("storefront", "payments")}
        declared["reconciliation"] = {"grace_hours": GRACE_HOURS}
        path = folder / "shop.yaml"
        path.write_text(yaml.safe_dump(declared), "utf-8")
        settings = load_settings(path, targets.environment(PLAN))
        platform = TinyShop(
            folder,
            settings,
            build_definitions(settings),
            instance,
            Warehouse(url, zone=settings.shop.timezone),
            "",
        )
        with SimulatedShop.create(PLAN, targets) as life:
            end = PLAN.start + HOURS * HOUR
            life.live(end)
            shop = LivingShop(life, platform)
            shop.load(PLAN.start, end - HOUR, *ORIGINS)
            yield shop
