"""Exports of Google Ads, loaded in any order: the newest one counts of each campaign and day.

Through raw, clean, the warehouse and its mart, against what a rebuild from all files gives.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pyarrow as pa
import pytest

from shop_assets.assets.clean import cleaned_rows
from shop_assets.entities import ENTITIES, TABLES
from shop_assets.io_managers.delta import write_cleaned
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.partitions import DAY, HOUR
from shop_assets.settings import ShopSettings, load_settings
from shop_assets.sources import ReadRequest, Window, connect
from shop_assets.stack.endpoints import Endpoints
from shop_assets.transforms.extract import assemble
from shop_assets.transforms.parts import Parts
from shop_assets.warehouse import slices
from shop_assets.warehouse.connection import to_frame
from shop_assets.warehouse.mart_inputs import MARTS
from shop_assets.warehouse.marts import look, replace_slices, stale_slices
from shop_assets.warehouse.merge import merge_entity
from shop_assets.warehouse.slices import Load
from shop_assets_tests.histories.comparison import Bench
from shop_assets_tests.histories.lake import MemoryLake
from shop_assets_tests.sources.vendor_files import Line, as_csv, google_rows
from shop_assets_tests.warehouse.databases import copied, make_template

pytestmark = pytest.mark.no_cover

CONFIG = """
shop: {name: Ads, timezone: Europe/Berlin, currency: EUR, start: 2026-11-01}
sources:
  google:
    connector: files
    url: google
    streams:
      report:
        preset: google_ads
        files: "*.csv"
        time: {name: "%Y-%m-%dT%H.csv", covers: hour}
        restates: {day: Day, key: [Campaign ID], figures: [Cost, Impr., Clicks], reach: 3}
"""
REACH = 3
FIRST = dt.datetime(2026, 11, 10, 5, tzinfo=dt.UTC)
RAW = "raw/google__report"
Export = tuple[dt.datetime, list[Line]]
Spend = dict[tuple[str, dt.date], int]


@pytest.fixture(scope="module")
def bench(stack: Endpoints) -> Iterator[Bench]:
    with copied(stack, make_template(stack)) as url:
        found = Bench(url)
        yield found
        found.close()


@dataclass
class Platform:
    """A shop's folder of exports, its lake and its warehouse."""

    bench: Bench
    settings: ShopSettings
    lake: MemoryLake = field(default_factory=MemoryLake)
    loads: int = 0

    def put(self, export: Export) -> None:
        folder = self.settings.path.parent / "google"
        folder.mkdir(exist_ok=True)
        name = f"{export[0]:%Y-%m-%dT%H}.csv"
        (folder / name).write_bytes(as_csv(google_rows(export[1])))

    def load(self, start: dt.datetime, end: dt.datetime) -> None:
        """Load the hours `[start, end)`, as a code location that remembers nothing does."""
        self.loads += 1
        source = connect("google", self.settings.sources["google"], base=self.settings.path.parent)
        batches = [b.rows for b in source.read(ReadRequest("report", Window(start, end)))]
        table = assemble(batches, start)
        stamp = pa.scalar(FIRST + self.loads * DAY, pa.timestamp("us", "UTC"))
        for name, value in (("_load_id", pa.scalar(str(self.loads))), ("_extracted_at", stamp)):
            table = table.append_column(name, pa.repeat(value, table.num_rows))
        self.lake.append(RAW, table, load_id=str(self.loads))
        self.reload(start, end)

    def reload(self, start: dt.datetime, end: dt.datetime) -> None:
        """Make the hours anew from raw."""
        self.loads += 1
        warehouse, lake = self.bench.warehouse, cast("DeltaStore", self.lake)
        for entity in ("campaigns", "ad_spend"):
            spec, epoch = ENTITIES[entity], slices.begin(warehouse)
            raw = self.lake.read(RAW, start, end)
            assert raw is not None
            rows_of = {("google", "report"): Parts.of(raw)}
            made, _ = cleaned_rows(self.settings, spec, rows_of, epoch)
            assert not made.counts["rows_quarantined"].any()
            attempt = f"{self.loads}:{entity}"
            write_cleaned(lake, warehouse, entity, made, (start, end), f"{attempt}:clean")
            rows = self.lake.read(f"clean/{entity}", start, end)
            assert rows is not None
            load = Load(f"{attempt}:load", f"warehouse/{entity}", start, end, HOUR, epoch)
            merge_entity(warehouse, spec, to_frame(rows), load)
        for moment in stale_slices(warehouse, "ad_spend_daily")["slice"]:
            self._compute(moment.to_pydatetime())

    def _compute(self, day: dt.datetime) -> None:
        warehouse, mart = self.bench.warehouse, "ad_spend_daily"
        epoch, seen = slices.begin(warehouse), look(warehouse, mart, day, day + DAY)
        zone = self.settings.shop.zone
        start, end = (
            dt.datetime.combine(moment.date(), dt.time(), zone).astimezone(dt.UTC)
            for moment in (day, day + DAY)
        )
        rows = MARTS[mart](warehouse, start, end)
        load = Load(f"{self.loads}:{day}", f"marts/{mart}", day, day + DAY, DAY, epoch)
        replace_slices(warehouse, TABLES[mart], rows, load, seen)

    def spend(self) -> Spend:
        """What the mart says that each campaign has cost on each day."""
        rows = self.bench.warehouse.read(
            "SELECT campaign_id, day, spend_micros FROM marts_base.ad_spend_daily"
        )
        return {
            (campaign, day): micros
            for campaign, day, micros in rows.itertuples(index=False, name=None)
        }

    def holding(self) -> dict[str, list[str]]:
        """All rows: current ones, those of the mart, and each version that was ever told."""
        found = {
            table: rows
            for table, rows in self.bench.holding().items()
            if table in ("ad_spend", "campaigns", "ad_spend_daily")
        }
        for entity in ("ad_spend", "campaigns"):
            columns = ", ".join(ENTITIES[entity].column_names)
            versions = self.bench.warehouse.read(
                f"SELECT DISTINCT ({columns})::text AS told FROM warehouse.{entity}_versions"
            )
            found[f"{entity} versions"] = sorted(versions["told"])
        return found


def platform(bench: Bench, folder: Path) -> Platform:
    """One without a row, in a new folder."""
    bench.empty()
    folder.mkdir()
    (folder / "shop.yaml").write_text(CONFIG, "utf-8")
    return Platform(bench, load_settings(folder / "shop.yaml", {}))


def true_spend(exports: Sequence[Export]) -> Spend:
    """What the newest export says of each campaign and day, and of those that it no longer has."""
    found: Spend = {}
    for moment, lines in sorted(exports, key=lambda export: export[0]):
        days = [line.day for line in lines]
        oldest = max(min(days), moment.date() - dt.timedelta(days=REACH))
        found = {key: cost for key, cost in found.items() if not oldest <= key[1] <= max(days)}
        found |= {(str(line.campaign), line.day): line.cents * 10_000 for line in lines}
    return found


def some_exports(chance: random.Random) -> list[Export]:
    """Exports of the last days, in which campaigns come and go."""
    exports: list[Export] = []
    for number in range(5):
        moment = FIRST + number * DAY * chance.choice([1, 1, 2]) + chance.randint(0, 9) * HOUR
        if any(moment == known for known, _ in exports):
            continue
        days = [moment.date() - dt.timedelta(days=age) for age in range(chance.randint(1, 5))]
        lines = [
            Line(9000 + campaign, day, chance.randint(0, 3) * 1000)
            for day in days
            for campaign in range(3)
            if chance.random() < 0.6
        ]
        if lines:
            exports.append((moment, lines))
    return exports


def in_hour(export: Export) -> tuple[dt.datetime, dt.datetime]:
    return export[0], export[0] + HOUR


def test_spend_that_is_restated_to_nothing_leaves_the_mart(bench: Bench, tmp_path: Path) -> None:
    shop = platform(bench, tmp_path / "shop")
    day = FIRST.date() - dt.timedelta(days=1)
    first = (FIRST, [Line(1, day, 500), Line(2, day, 700)])
    second = (FIRST + DAY, [Line(1, day, 550)])
    third = (FIRST + 2 * DAY, [Line(1, day, 550), Line(2, day, 10)])
    seen = []
    for export in (first, second, third):
        shop.put(export)
        shop.load(*in_hour(export))
        seen.append({campaign: micros for (campaign, _), micros in shop.spend().items()})
    assert seen == [
        {"1": 5_000_000, "2": 7_000_000},
        {"1": 5_500_000},
        {"1": 5_500_000, "2": 100_000},
    ]
    versions = bench.warehouse.read(
        "SELECT spend_micros, deleted FROM warehouse.ad_spend_versions "
        "WHERE campaign_id = '2' ORDER BY version_at"
    )
    told = list(versions.itertuples(index=False, name=None))
    assert told == [(7_000_000, False), (0, True), (100_000, False)]


@pytest.mark.parametrize("seed", range(4))
def test_exports_in_any_order_are_what_a_rebuild_makes_of_them(
    bench: Bench, tmp_path: Path, seed: int
) -> None:
    chance = random.Random(seed)
    exports = some_exports(chance)
    shop = platform(bench, tmp_path / "as they came")
    arrivals = exports.copy()
    chance.shuffle(arrivals)
    for export in arrivals:
        shop.put(export)
        shop.load(*in_hour(export))
    truth = true_spend(exports)
    assert shop.spend() == truth
    incremental = shop.holding()
    rebuilt = platform(bench, tmp_path / "rebuilt")
    for export in exports:
        rebuilt.put(export)
    rebuilt.load(FIRST, FIRST + 15 * DAY)
    assert rebuilt.spend() == truth
    assert rebuilt.holding() == incremental
    # From raw, as it was loaded hour by hour, the same comes again.
    bench.empty()
    shop.reload(FIRST, FIRST + 15 * DAY)
    assert shop.holding() == incremental
