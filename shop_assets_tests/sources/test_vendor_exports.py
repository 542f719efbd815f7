"""Exports of Google Ads and Meta Ads become campaigns and their cost, by their presets."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from shop_assets.entities import ENTITIES
from shop_assets.partitions import HOUR
from shop_assets.settings import ConfigError, ShopSettings, load_settings
from shop_assets.sources import ReadRequest, Window, connect
from shop_assets.sources.errors import SourceError
from shop_assets.transforms.clean import Cleaned, StreamOrigin, clean
from shop_assets.transforms.extract import assemble
from shop_assets_tests.sources.reading import ALWAYS
from shop_assets_tests.sources.vendor_files import Line, as_csv, as_excel, google_rows, meta_rows

NOW = dt.datetime(2026, 11, 29, tzinfo=dt.UTC)
DAYS = [dt.date(2026, 11, 27), dt.date(2026, 11, 28)]
LINES = [
    Line(9001, DAYS[0], 123_456, 48_210, 1_930),
    Line(9001, DAYS[1], 0, 17, 0),
    Line(120210000000000123, DAYS[1], 50, 1_000_000, 1),
]
FIELDS = ["campaign_id", "day", "spend_micros", "currency", "impressions", "clicks"]


def settings(folder: Path, preset: str, *more: str) -> ShopSettings:
    """A shop of one source with one stream of that preset, and what stands beside it."""
    lines = [
        "shop: {name: Ads, timezone: Europe/Berlin, currency: EUR, start: 2026-11-01}",
        *("sources:", "  ads:", "    connector: files", "    url: ."),
        *("    streams:", "      report:", "        files: 'report*'", f"        preset: {preset}"),
        *(f"        {line}" for line in more),
    ]
    path = folder / "shop.yaml"
    path.write_text("\n".join(lines), "utf-8")
    return load_settings(path, {})


def cleaned(found: ShopSettings, entity: str) -> Cleaned:
    source = found.sources["ads"]
    connector = connect("ads", source, base=found.path.parent)
    batches = [batch.rows for batch in connector.read(ReadRequest("report", ALWAYS))]
    raw = assemble(batches, dt.datetime(2026, 1, 1, tzinfo=dt.UTC))
    for name, value in (("_load_id", "x"), ("_extracted_at", NOW)):
        raw = raw.append_column(name, pa.repeat(pa.scalar(value), raw.num_rows))
    origin = StreamOrigin("ads", "report", source.timezone, found.shop.currency)
    return clean(raw, ENTITIES[entity], source.streams["report"].entities[entity], origin)


def spend(found: ShopSettings) -> list[tuple[Any, ...]]:
    """Campaign, day, micros, currency, impressions and clicks; nothing may be set aside."""
    result = cleaned(found, "ad_spend")
    assert result.quarantined.empty, result.quarantined["reason"].tolist()
    rows: pd.DataFrame = result.published[FIELDS]
    return sorted(rows.itertuples(index=False, name=None))


def expected(currency: str) -> list[tuple[Any, ...]]:
    return sorted(
        (str(x.campaign), x.day, x.cents * 10_000, currency, x.impressions, x.clicks) for x in LINES
    )


@pytest.mark.parametrize("form", ["csv", "utf-16", "excel"])
def test_a_google_report_becomes_campaigns_and_their_cost(tmp_path: Path, form: str) -> None:
    rows = google_rows(LINES)
    more = ["format: excel"] if form == "excel" else []
    content = {
        "csv": lambda: as_csv(rows),
        "utf-16": lambda: as_csv(rows, "utf-16", "\t"),
        "excel": lambda: as_excel(rows),
    }[form]()
    (tmp_path / "report").write_bytes(content)
    found = settings(tmp_path, "google_ads", *more)
    assert spend(found) == expected("EUR")
    names = cleaned(found, "campaigns").published.set_index("campaign_id")["name"].to_dict()
    assert names == {"9001": "Search – 9001", "120210000000000123": "Search – 120210000000000123"}


@pytest.mark.parametrize("form", ["csv", "excel"])
def test_a_meta_export_has_its_currency_in_a_columns_name(tmp_path: Path, form: str) -> None:
    rows = meta_rows(LINES)
    more = ["format: excel"] if form == "excel" else []
    (tmp_path / "report").write_bytes(as_excel(rows) if more else as_csv(rows, "utf-8"))
    found = settings(tmp_path, "meta_ads", *more)
    assert spend(found) == expected("USD")
    names = cleaned(found, "campaigns").published["name"].tolist()
    assert sorted(names) == ["Reels, 120210000000000123", "Reels, 9001"]


def test_a_meta_export_may_name_its_currency_twice(tmp_path: Path) -> None:
    rows = [[*row, "Currency" if n == 0 else "USD"] for n, row in enumerate(meta_rows(LINES))]
    (tmp_path / "report").write_bytes(as_csv(rows))
    assert spend(settings(tmp_path, "meta_ads")) == expected("USD")


def test_what_stands_beside_a_preset_wins(tmp_path: Path) -> None:
    header = ["Campaign ID", "Day", "Cost (micros)", "Impr.", "Clicks", "Campaign"]
    rows = [["My report"], header, ["9001", "28.11.2026", "1234560", "5", "4", "Gone"]]
    (tmp_path / "report").write_bytes(as_csv(rows, delimiter=";"))
    found = settings(
        tmp_path,
        "google_ads",
        "entities:",
        "  campaigns:",
        "  ad_spend:",
        "    fields:",
        "      spend_micros: {column: Cost (micros), money: micros}",
        "      currency: {value: CHF}",
        "      day: {column: Day, formats: ['%d.%m.%Y']}",
        "    rules:",
        "      - {name: free, when: {Clicks: {is: '4'}}, set: {clicks: 0}}",
    )
    assert list(found.sources["ads"].streams["report"].entities) == ["ad_spend"]
    assert spend(found) == [("9001", dt.date(2026, 11, 28), 1_234_560, "CHF", 5, 0)]


@pytest.mark.parametrize(
    ("more", "line", "said"),
    [
        (["format: xls"], 10, "report.format: found xls; 'csv', 'jsonl', 'parquet' or 'excel'"),
        (["formats: csv"], 10, "unknown key formats in sources.ads.streams.report; format is"),
        (["entities:", "  spend: {fields: {}}"], 11, "no such entity: spend; one of"),
        (
            ["entities:", "  ad_spend:", "    fields:", "      cost: Cost"],
            13,
            "cost is no field of ad_spend that can be set",
        ),
        (
            ["entities:", "  ad_spend:", "    fields:", "      day:"],
            12,
            "nothing says where day, a key of ad_spend, comes from",
        ),
        (
            ["entities:", "  ad_spend:", "    fields:", "      clicks: {value: 1, column: C}"],
            13,
            "clicks: found column and value of",
        ),
        (["time: {column: Day}"], 10, "restates in files whose rows each have a time of their own"),
        (["restates: {day: Day, key: []}"], 10, "report.restates.key"),
        (["sheet: One"], 10, "report.sheet: a sheet of csv; format: excel beside it is expected"),
    ],
)
def test_a_mistake_beside_a_preset_is_said_with_its_line(
    tmp_path: Path, more: list[str], line: int, said: str
) -> None:
    with pytest.raises(ConfigError) as refusal:
        settings(tmp_path, "google_ads", *more)
    assert f"shop.yaml:{line}: " in str(refusal.value)
    assert said in str(refusal.value)


def test_an_unknown_preset_is_said_before_all_that_it_would_have_given(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError, match=r"shop.yaml:9: .*no such preset: bing; one of google_ads"
    ):
        settings(tmp_path, "bing")


def test_a_report_without_the_header_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "report").write_bytes(as_csv([["Campaign report"], ["Campaign", "Cost"], ["a", 1]]))
    with pytest.raises(SourceError, match="none of its first 1,000 lines with the names Day, Camp"):
        spend(settings(tmp_path, "google_ads"))


def test_two_units_of_one_column_are_refused(tmp_path: Path) -> None:
    rows = [
        [*row, "Amount spent (EUR)" if n == 0 else "1"] for n, row in enumerate(meta_rows(LINES))
    ]
    (tmp_path / "report").write_bytes(as_csv(rows))
    expected = (
        r"has the columns Amount spent \(USD\), Amount spent \(EUR\); one of them is expected"
    )
    with pytest.raises(SourceError, match=expected):
        spend(settings(tmp_path, "meta_ads"))


def test_an_export_has_the_time_of_its_file_and_ends_what_it_lacks(tmp_path: Path) -> None:
    hours = [dt.datetime(2026, 11, 29, hour, 30, tzinfo=dt.UTC) for hour in (3, 9)]
    for lines, moment in ((LINES, hours[0]), (LINES[:2], hours[1])):
        path = tmp_path / f"report {moment:%H}"
        path.write_bytes(as_csv(meta_rows(lines)))
        os.utime(path, (moment.timestamp(), moment.timestamp()))
    found = settings(tmp_path, "meta_ads")
    connector = connect("ads", found.sources["ads"], base=tmp_path)
    read = [
        [
            row
            for batch in connector.read(ReadRequest("report", Window(start, start + HOUR)))
            for row in batch.rows.to_pylist()
        ]
        for start in (moment.replace(minute=0) for moment in hours)
    ]
    versions = [{row["_change_time"] for row in rows if not row.get("_deleted")} for rows in read]
    assert versions == [{hours[0]}, {hours[1]}]
    # Either load tells the same of what the second export no longer has.
    for rows in read:
        (gone,) = (row for row in rows if row.get("_deleted"))
        assert gone["Campaign ID"] == str(LINES[2].campaign)
        assert gone["_change_time"] == hours[1]
        assert (gone["Amount spent"], gone["Currency"], gone["Impressions"]) == ("0", "USD", "0")
    assert not list(connector.read(ReadRequest("report", Window(hours[0] + HOUR, hours[1] - HOUR))))
    connector.close()
