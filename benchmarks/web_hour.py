"""An hour of the simulated shop's web tracker: its file, and what the platform makes of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.shop import configuration, plan_of
from shop_assets.assets.clean import cleaned_rows
from shop_assets.demo import DemoTargets, tracker
from shop_assets.demo.world import World
from shop_assets.entities import ENTITIES
from shop_assets.io_managers.delta import CleanedRows
from shop_assets.settings import ShopSettings, load_settings
from shop_assets.sources import ReadRequest, Window, connect
from shop_assets.sources.reading import gather
from shop_assets.spool import Spool
from shop_assets.transforms.extract import placed
from shop_assets.transforms.parts import Parts

HOUR = dt.timedelta(hours=1)
_START = dt.datetime(2026, 11, 2, 10, tzinfo=dt.UTC)


@dataclass(frozen=True)
class WebHour:
    """The file of one hour at `path`, beside the settings that read it."""

    settings: ShopSettings
    path: Path

    @property
    def window(self) -> tuple[dt.datetime, dt.datetime]:
        """The hour in which the file's events were received."""
        return _START + HOUR, _START + 2 * HOUR

    def read(self) -> Parts:
        """The file's lines as raw rows: what the asset `raw/tracker__web_events` does."""
        spool = Spool()
        connector = connect("tracker", self.settings.sources["tracker"], base=self.path.parent)
        try:
            request = ReadRequest("web_events", Window(*self.window))
            gather(connector, request, lambda batch: placed(batch.rows, self.window[0]), spool)
        finally:
            connector.close()
        return spool.parts().map(
            lambda part: part.append_column("_load_id", pa.repeat("benchmark", part.num_rows))
        )

    def clean(self, raw: Parts) -> CleanedRows:
        """Raw rows as published web events: what the asset `clean/web_events` does."""
        origin = ("tracker", "web_events")
        made, contract = cleaned_rows(self.settings, ENTITIES["web_events"], {origin: raw}, 1)
        if not contract.passed:
            raise ValueError(f"the cleaned rows break their contract: {contract.failed}")
        return made


def rows_in(parts: Parts) -> int:
    """How many rows there are."""
    return sum(part.num_rows for part in parts.each())


def web_hour(orders: int, folder: Path) -> WebHour:
    """The second hour of a shop with so many orders an hour, its file written to `folder`."""
    plan = plan_of(_START, orders, at_hour=1)
    world = World(plan)
    web = folder / "sources" / "web"
    web.mkdir(parents=True, exist_ok=True)
    path = web / (_START + HOUR).strftime(tracker.NAME)
    path.write_bytes(tracker.encode(world.catalogue, world.tracker_hour(1)))
    config = folder / "shop.yaml"
    config.write_text(configuration(), "utf-8")
    # Only the files are read here; the databases are named because the configuration asks for them.
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    targets = DemoTargets(nowhere, nowhere, folder / "sources")
    return WebHour(load_settings(config, targets.environment(plan)), path)
