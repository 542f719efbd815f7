"""What the platform makes of a simulated shop's sources: read, cleaned, and put together."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import yaml

from shop_assets.demo import SimulatedShop
from shop_assets.entities import ENTITIES
from shop_assets.settings import ShopSettings, load_settings
from shop_assets.sources import ReadRequest, Window, connect
from shop_assets.transforms.clean import Cleaned, StreamOrigin, clean, combine
from shop_assets.transforms.extract import assemble

CONFIGURATION = Path(__file__).parents[2] / "examples" / "demo" / "shop.yaml"


_LEDGER = Path(__file__).with_name("payments.yaml")


def without_apis() -> dict[str, Any]:
    """The example's configuration for a plan without APIs, whose payments come as files."""
    declared: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text("utf-8"))
    for name in ("shopify", "woocommerce"):
        del declared["sources"][name]
    declared["sources"] |= yaml.safe_load(_LEDGER.read_text("utf-8"))
    return declared


def settings_of(shop: SimulatedShop) -> ShopSettings:
    """The configuration with the shop's own addresses."""
    path = shop.targets.files_root / "shop.yaml"
    path.write_text(yaml.safe_dump(without_apis(), sort_keys=False), "utf-8")
    return load_settings(path, shop.targets.environment(shop.plan))


@dataclass
class Platform:
    """Everything read so far, by entity."""

    published: dict[str, pd.DataFrame]
    counts: pd.DataFrame
    quarantined: pd.DataFrame

    def newest(self, entity: str) -> pd.DataFrame:
        """The entity's rows in their newest versions."""
        rows = self.published[entity].sort_values("version_at", kind="stable")
        return rows.drop_duplicates(list(ENTITIES[entity].key), keep="last")


def read(shop: SimulatedShop, windows: Sequence[tuple[dt.datetime, dt.datetime]]) -> Platform:
    """Read all sources as they are now, for each of the windows."""
    settings = settings_of(shop)
    parts: dict[str, list[Cleaned]] = {name: [] for name in settings.entities}
    for source_name, source in settings.sources.items():
        connector = connect(source_name, source, base=CONFIGURATION.parent)
        for stream_name, stream in source.streams.items():
            for start, end in windows:
                request = ReadRequest(stream_name, Window(start, end))
                raw = assemble((batch.rows for batch in connector.read(request)), start)
                if raw.num_rows:
                    raw = raw.append_column("_load_id", pa.repeat("test", raw.num_rows))
                for entity, mapping in stream.entities.items():
                    origin = StreamOrigin(
                        source_name, stream_name, source.timezone, settings.shop.currency
                    )
                    parts[entity].append(clean(raw, ENTITIES[entity], mapping, origin))
        connector.close()
    cleaned = {name: combine(of_entity, ENTITIES[name]) for name, of_entity in parts.items()}
    return Platform(
        {name: of_entity.published for name, of_entity in cleaned.items()},
        pd.concat([c.counts for c in cleaned.values()], ignore_index=True),
        pd.concat([c.quarantined for c in cleaned.values()], ignore_index=True),
    )


def joined(platforms: Sequence[Platform]) -> Platform:
    """What several readings have brought."""
    return Platform(
        {
            name: pd.concat([p.published[name] for p in platforms if name in p.published])
            for name in platforms[-1].published
        },
        pd.concat([p.counts for p in platforms], ignore_index=True),
        pd.concat([p.quarantined for p in platforms], ignore_index=True),
    )
