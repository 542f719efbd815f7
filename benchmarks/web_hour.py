"""An hour of the simulated shop's web tracker: its file, and what the platform makes of it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from benchmarks.shop import configuration, plan_of
from shop_assets.demo import DemoTargets, tracker
from shop_assets.demo.world import World
from shop_assets.entities import ENTITIES
from shop_assets.settings import ShopSettings, load_settings
from shop_assets.sources import ReadRequest, Window, connect
from shop_assets.sources.reading import gather
from shop_assets.transforms.clean import StreamOrigin, clean
from shop_assets.transforms.extract import assemble

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

    def read(self) -> pa.Table:
        """The file's lines as raw rows: what the asset `raw/tracker__web_events` does."""
        connector = connect("tracker", self.settings.sources["tracker"], base=self.path.parent)
        try:
            found = gather(connector, ReadRequest("web_events", Window(*self.window)))
        finally:
            connector.close()
        raw = assemble(found.batches, self.window[0])
        return raw.append_column("_load_id", pa.repeat("benchmark", raw.num_rows))

    def clean(self, raw: pa.Table) -> pa.Table:
        """Raw rows as published web events: what the asset `clean/web_events` does."""
        source = self.settings.sources["tracker"]
        spec = ENTITIES["web_events"]
        origin = StreamOrigin("tracker", "web_events", source.timezone, self.settings.shop.currency)
        mapping = source.streams["web_events"].entities["web_events"]
        cleaned = clean(raw, spec, mapping, origin)
        hour = pa.field("_hour", pa.timestamp("us", "UTC"))
        return pa.Table.from_pandas(
            cleaned.published, schema=spec.arrow_schema.append(hour), preserve_index=False
        )


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
