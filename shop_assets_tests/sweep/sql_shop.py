"""A shop whose orders stand in a PostgreSQL database that a test changes as it likes."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg2
from dagster import AssetKey, DagsterEventType
from psycopg2 import sql

from shop_assets.automation import runs
from shop_assets.checks.report import SECONDS
from shop_assets.definitions import build_definitions
from shop_assets.servers import endpoints, open_lake
from shop_assets.settings import load_settings
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets_tests.automation.opened import opened_shop
from shop_assets_tests.automation.tiny_shop import TinyShop
from shop_assets_tests.warehouse.databases import OWNER, PASSWORD, admin_url

CONFIG = """
shop: {name: Tiny, timezone: Europe/Berlin, currency: EUR, start: 2024-01-01}
sources:
  web:
    connector: sql
    url: URL
    streams:
      orders:
        table: orders
        cursor: updated_at
        key: [order_id]
        sweep: daily
        sweep_limit: 0.5
        entities:
          orders:
            fields:
              order_id: order_id
              placed_at: placed_at
              status: status
              shipping_micros: {column: shipping, money: major}
              version_at: updated_at
              deleted: {value: false}
      order_items:
        table: order_items
        cursor: updated_at
        key: [order_id, line]
        sweep: daily
        sweep_limit: 0.5
        entities:
          order_items:
            fields:
              order_id: order_id
              item_id: line
              placed_at: placed_at
              quantity: quantity
              unit_price_micros: {column: price, money: major}
"""
TABLES = """
    CREATE TABLE orders (order_id int PRIMARY KEY, placed_at timestamptz, status text,
        shipping numeric DEFAULT 0, updated_at timestamptz);
    CREATE TABLE order_items (order_id int, line int, placed_at timestamptz, quantity int,
        price numeric, updated_at timestamptz, PRIMARY KEY (order_id, line))
"""


@dataclass
class SqlShop:
    """The shop, and its source database's URL."""

    shop: TinyShop
    url: str

    def run(self, *statements: str) -> None:
        """Change the source."""
        connection = psycopg2.connect(self.url)
        with connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)
        connection.close()

    def sell(self, first: int, last: int, at: dt.datetime) -> None:
        """Put orders of one line of 10 EUR there, each placed and last changed at a time."""
        self.run(
            f"INSERT INTO orders (order_id, placed_at, status, updated_at) SELECT n, '{at}', "
            f"'paid', '{at}' FROM generate_series({first}, {last}) n",
            f"INSERT INTO order_items SELECT n, 1, '{at}', 1, 10, '{at}' "
            f"FROM generate_series({first}, {last}) n",
        )

    def load(
        self,
        first: dt.datetime,
        last: dt.datetime | None = None,
        layers: Collection[str] = ("raw", "clean", "warehouse"),
    ) -> bool:
        """Load hours from the source to the warehouse, without marts; whether it worked."""
        assets = self.shop.definitions.resolve_asset_graph().asset_nodes
        loaded = [
            node.key
            for node in assets
            if node.group_name in layers and node.partitions_def is not None
        ]
        tags = runs.hour_range_tags(first, last or first)
        return self.shop.execute("hourly", tags, loaded)

    def reconfigure(self, old: str, new: str) -> None:
        """Change `shop.yaml`, and start again with it."""
        path = self.shop.settings.path
        text = path.read_text("utf-8")
        assert old in text
        path.write_text(text.replace(old, new), "utf-8")
        self.restart()

    def restart(self) -> None:
        """Go on with a code location that remembers nothing."""
        self.shop.settings = load_settings(self.shop.settings.path, {})
        self.shop.definitions = build_definitions(self.shop.settings)

    def check(self, asset: str, check: str) -> tuple[bool, dict[str, Any]]:
        """An asset's newest result of a check: whether it passed, and what it says."""
        return self.checks(asset, check)[-1]

    def checks(self, asset: str, check: str) -> list[tuple[bool, dict[str, Any]]]:
        """An asset's results of a check, the oldest first, without those of single partitions."""
        found = []
        for run in reversed(self.shop.instance.get_runs()):
            of_run: Any = None
            for entry in self.shop.instance.all_logs(
                run.run_id, of_type=DagsterEventType.ASSET_CHECK_EVALUATION
            ):
                assert entry.dagster_event is not None
                each = entry.dagster_event.asset_check_evaluation_data
                ours = each.check_name == check and each.asset_key.to_user_string() == asset
                # Dagster's own says it of a range; those of its partitions stand beside it.
                if ours and (of_run is None or of_run.partition is not None):
                    of_run = each
            if of_run is not None:
                said = {k: v.value for k, v in of_run.metadata.items() if k != SECONDS}
                found.append((of_run.passed, said))
        return found

    def failures(self) -> dict[str, str]:
        """The steps of the newest run that failed, and what each said."""
        [run] = self.shop.instance.get_runs(limit=1)
        logs = self.shop.instance.all_logs(run.run_id, of_type=DagsterEventType.STEP_FAILURE)
        found = {}
        for entry in logs:
            event = entry.dagster_event
            assert event is not None
            assert event.step_failure_data.error is not None
            found[str(event.step_key)] = event.step_failure_data.error.message.strip()
        return found

    def sweep(self) -> bool:
        """Look for what has vanished; whether it worked."""
        return self.shop.execute("sweep", {})

    def said(self, asset: str) -> dict[str, Any]:
        """The metadata of an asset's newest materialization."""
        event = self.shop.instance.get_latest_materialization_event(AssetKey(asset.split("/")))
        assert event is not None
        assert event.asset_materialization is not None
        return {k: v.value for k, v in event.asset_materialization.metadata.items()}

    def an_hour_passes(self) -> dt.datetime:
        """Let what was found now have been found in the hour before; that hour, which is over."""
        with self.shop.warehouse.transaction() as cursor:
            cursor.execute(
                "UPDATE meta.source_deletions SET hour = hour - interval '1 hour', "
                "gone_at = gone_at - interval '1 hour'"
            )
        frame = self.shop.warehouse.read("SELECT max(hour) AS hour FROM meta.source_deletions")
        hour: dt.datetime = frame["hour"].iloc[0].to_pydatetime()
        return hour

    def raw(self, stream: str) -> list[dict[str, Any]]:
        """All of a stream's raw rows, the oldest first."""
        lake = open_lake(endpoints())
        start, end = (dt.datetime(year, 1, 1, tzinfo=dt.UTC) for year in (2000, 2100))
        table = lake.read(f"raw/web__{stream}", start, end)
        rows: list[dict[str, Any]] = [] if table is None else table.to_pylist()
        return sorted(rows, key=lambda row: (row["_change_time"], row["_extracted_at"]))

    def net_sales(self) -> dict[str, int]:
        """Net sales in cents by hour, as the ledger says."""
        frame = self.shop.warehouse.read(
            "SELECT date_trunc('hour', happened_at) AS hour, "
            "(sum(amount_micros) / 10000)::bigint AS cents FROM warehouse.sales_ledger "
            "GROUP BY 1 HAVING sum(amount_micros) <> 0"
        )
        return {
            f"{hour:%Y-%m-%d %H}": int(n)
            for hour, n in zip(frame["hour"], frame["cents"], strict=True)
        }


@contextmanager
def sql_shop(stack: Endpoints, template: str, folder: Path) -> Iterator[SqlShop]:
    """A shop that nothing has been loaded of, and its empty database; runs are kept in memory."""
    with (
        source_database(stack) as source,
        opened_shop(stack, template, folder, CONFIG.replace("URL", source)) as shop,
    ):
        web = SqlShop(shop, source)
        web.run(TABLES)
        yield web


@contextmanager
def source_database(stack: Endpoints) -> Iterator[str]:
    """The URL of an empty database for a source."""
    url = create_database(
        admin_url(stack), f"source_{uuid.uuid4().hex[:12]}", owner=OWNER, password=PASSWORD
    )
    try:
        yield url
    finally:
        admin = psycopg2.connect(admin_url(stack))
        admin.autocommit = True
        with admin.cursor() as cursor:
            database = sql.Identifier(urlsplit(url).path[1:])
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
        admin.close()
