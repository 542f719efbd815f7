"""A shop of one CSV folder, on databases of its own, whose sensors and jobs a test runs itself."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import psycopg2
from dagster import (
    AssetKey,
    DagsterEvent,
    DagsterEventType,
    DagsterInstance,
    DagsterRunStatus,
    Definitions,
    RepositoryDefinition,
    RunRequest,
    build_schedule_context,
    build_sensor_context,
)
from dagster._core.definitions.sensor_definition import SensorExecutionData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test

from shop_assets import partitions
from shop_assets.automation import runs
from shop_assets.automation.jobs import RANGE_END, RANGE_START
from shop_assets.partitions import HOUR, Calendar, floor_hour
from shop_assets.resources import WarehouseResource
from shop_assets.settings import ShopSettings
from shop_assets.warehouse.connection import Warehouse

CONFIG = """
shop: {{name: Tiny, timezone: Europe/Berlin, currency: EUR, start: {start}}}
sources:
  till:
    connector: files
    url: till
    streams:
      lines:
        files: "*.csv"
        format: csv
        time: {{column: changed}}
        entities:
          order_items:
            fields:
              order_id: order
              item_id: item
              placed_at: sold
              product_id: sku
              quantity: n
              unit_price_micros: {{column: price, money: major}}
"""
_HEADER = "order,item,sold,sku,n,price,changed"
DAGSTER = """
run_storage:
  module: shop_assets.dagster_storage
  class: PooledPostgresRunStorage
  config: {{postgres_url: "{url}"}}
schedule_storage:
  module: dagster_postgres.schedule_storage
  class: PostgresScheduleStorage
  config: {{postgres_url: "{url}"}}
event_log_storage:
  module: shop_assets.dagster_storage
  class: BatchingPostgresEventLogStorage
  config: {{postgres_url: "{url}"}}
telemetry: {{enabled: false}}
"""


@dataclass
class Tick:
    """What one evaluation of a sensor gave."""

    requests: Sequence[RunRequest]
    skipped: str | None
    cursor: str | None

    @property
    def spans(self) -> list[tuple[str, str, str]]:
        """Job, first and last partition of each request, in the order in which they were made."""
        return [
            (
                request.job_name or "",
                request.tags[RANGE_START],
                request.tags[RANGE_END],
            )
            for request in self.requests
        ]


@dataclass
class TinyShop:
    """One shop with everything that a test does to it. `cursors`: of its sensors, by name."""

    folder: Path
    settings: ShopSettings
    definitions: Definitions
    instance: DagsterInstance
    warehouse: Warehouse
    dagster_url: str
    cursors: dict[str, str | None] = field(default_factory=dict)

    @cached_property
    def repository(self) -> RepositoryDefinition:
        return self.definitions.get_repository_def()

    @property
    def calendar(self) -> Calendar:
        return Calendar(self.settings.shop.start, self.settings.shop.zone)

    def deliver(self, name: str, *lines: str, header: str = _HEADER) -> None:
        """Put a file there; its lines' columns are `_HEADER`'s."""
        till = self.folder / "till"
        till.mkdir(exist_ok=True)
        (till / f"{name}.csv").write_text("\n".join([header, *lines, ""]), "utf-8")

    def load(self, first: dt.datetime, last: dt.datetime | None = None) -> bool:
        """Load hours from source to the hourly marts, as the schedule would; whether it worked."""
        return self.execute("hourly", runs.hour_range_tags(first, last or first))

    def execute(
        self, job: str, tags: dict[str, str], selection: Sequence[Any] | None = None
    ) -> bool:
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance,
            tags=tags,
            asset_selection=selection,
            raise_on_error=False,
        )
        return result.success

    def answer(self, request: RunRequest, job: str | None = None) -> bool:
        """Run what was requested, in this process; whether it succeeded."""
        name = request.job_name or job
        assert name is not None
        tags = dict(request.tags)
        if request.partition_key is not None:
            tags["dagster/partition"] = request.partition_key
        return self.execute(name, tags, request.asset_selection)

    def begin(
        self,
        job: str,
        tags: Mapping[str, str],
        status: DagsterRunStatus = DagsterRunStatus.STARTED,
        assets: Sequence[AssetKey] | None = None,
        steps: Sequence[str] | None = None,
    ) -> str:
        """A run (of all of the job's assets and steps, or some) that nobody executes; its id."""
        place = RemoteRepositoryOrigin(
            RegisteredCodeLocationOrigin("shop_assets"), "__repository__"
        )
        run = create_run_for_test(
            self.instance,
            job_name=job,
            tags=dict(tags),
            status=status,
            asset_selection=None if assets is None else frozenset(assets),
            step_keys_to_execute=steps,
            remote_job_origin=RemoteJobOrigin(place, job),
        )
        return str(run.run_id)

    def end(self, run_id: str, status: DagsterRunStatus) -> None:
        """Let a run end that was begun."""
        run = self.instance.get_run_by_id(run_id)
        assert run is not None
        if status == DagsterRunStatus.FAILURE:
            self.instance.report_run_failed(run)
        elif status == DagsterRunStatus.CANCELED:
            self.instance.report_run_canceled(run)
        else:
            assert status == DagsterRunStatus.SUCCESS
            self.instance.report_engine_event("done", run)
            self.instance.handle_run_event(
                run_id, DagsterEvent(DagsterEventType.RUN_SUCCESS.value, run.job_name)
            )

    def forget(self) -> None:
        """Drop every run, and what is known of slices."""
        connection = psycopg2.connect(self.dagster_url)
        with connection, connection.cursor() as cursor:
            cursor.execute("TRUNCATE runs CASCADE")
        connection.close()
        with self.warehouse.transaction() as cursor:
            cursor.execute(
                "TRUNCATE meta.slices, meta.complete, meta.stale_slices, meta.mart_versions"
            )
        self.cursors.clear()

    def age_runs(self, by: dt.timedelta) -> None:
        """Move all runs into the past."""
        connection = psycopg2.connect(self.dagster_url)
        with connection, connection.cursor() as cursor:
            cursor.execute("UPDATE runs SET update_timestamp = update_timestamp - %s", (by,))
        connection.close()

    def tick(self, name: str) -> Tick:
        """Evaluate a sensor as its daemon does, in a process that knows nothing but its cursor."""
        sensor = self.definitions.resolve_sensor_def(name)
        with build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(name),
            resources={"warehouse": WarehouseResource(zone=self.settings.shop.timezone)},
            sensor_name=name,
        ) as context:
            found: SensorExecutionData = sensor.evaluate_tick(context)
        self.cursors[name] = found.cursor
        return Tick(found.run_requests or [], found.skip_message, found.cursor)

    def scheduled(self, moment: dt.datetime) -> RunRequest:
        """What the hourly schedule asks for at a moment."""
        schedule = self.definitions.resolve_schedule_def("every_hour")
        context = build_schedule_context(
            instance=self.instance,
            scheduled_execution_time=moment,
            repository_def=self.repository,
        )
        (request,) = schedule.evaluate_tick(context).run_requests or []
        return request

    def stale(self) -> set[tuple[str, str]]:
        """The slices that are asked for: mart, and its partition's key."""
        frame = self.warehouse.read("SELECT mart, slice FROM meta.stale_slices")
        return {
            (
                mart,
                partitions.day_key(slice_.date())
                if mart.endswith("_daily")
                else partitions.hour_key(slice_.to_pydatetime()),
            )
            for mart, slice_ in zip(frame["mart"], frame["slice"], strict=True)
        }

    def local(self, moment: dt.datetime) -> dt.datetime:
        """The moment on the shop's own clock, whose date is its day."""
        return moment.astimezone(self.settings.shop.zone)

    def hourly_sales(self) -> dict[str, int]:
        """Net sales in cents by hour."""
        frame = self.warehouse.read("SELECT hour, net_sales_micros FROM marts_base.sales_hourly")
        return {
            partitions.hour_key(hour.to_pydatetime()): int(n) // 10_000
            for hour, n in zip(frame["hour"], frame["net_sales_micros"], strict=True)
        }


def newest_due_hour() -> dt.datetime:
    """The newest hour that is missing if it is not loaded: ended ten minutes ago or earlier."""
    return floor_hour(dt.datetime.now(dt.UTC) - dt.timedelta(minutes=10)) - HOUR


def line(
    order: str, sold: dt.datetime, changed: dt.datetime | None = None, *, n: int = 1, item: int = 1
) -> str:
    """A line of a till's file: one article of 10 EUR, sold at a time, known at another."""
    known = changed or sold
    return f"{order},{item},{sold.isoformat()},p,{n},10.00,{known.isoformat()}"
