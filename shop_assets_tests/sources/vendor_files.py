"""Reports as Google Ads and Meta Ads let one download them, with title lines and totals."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shop_assets_tests.sources.workbooks import xlsx


@dataclass(frozen=True)
class Line:
    """What a campaign cost on a day, in cents, and brought."""

    campaign: int
    day: dt.date
    cents: int
    impressions: int = 1000
    clicks: int = 10

    @property
    def amount(self) -> str:
        """As English exports write it: 1,234.56."""
        return f"{self.cents // 100:,}.{self.cents % 100:02}"


GOOGLE_HEADER = ["Day", "Campaign", "Campaign ID", "Currency code", "Cost", "Impr.", "Clicks"]
META_HEADER = [
    *("Campaign name", "Campaign ID", "Day", "Campaign delivery", "Amount spent (USD)"),
    *("Impressions", "Link clicks", "Clicks (all)", "Reporting starts", "Reporting ends"),
]


def google_rows(lines: Sequence[Line], currency: str = "EUR") -> list[list[Any]]:
    """A campaign report, with title lines above and lines of totals below."""
    total = Line(0, dt.date(2026, 1, 1), sum(line.cents for line in lines))
    rows: list[list[Any]] = [
        ["Campaign performance report"],
        ["November 1, 2026 - November 28, 2026"],
    ]
    rows.append(list(GOOGLE_HEADER))
    rows += [
        [
            line.day.isoformat(),
            f"Search – {line.campaign}",
            str(line.campaign),
            currency,
            line.amount if line.cents else "--",
            f"{line.impressions:,}",
            f"{line.clicks:,}" if line.clicks else " --",
        ]
        for line in lines
    ]
    for scope in ("Campaigns", "Account"):
        rows.append([f"Total: {scope}", " --", " --", currency, total.amount, "12,345", "678"])
    return rows


def meta_rows(lines: Sequence[Line]) -> list[list[Any]]:
    """An export of campaigns by day, with a line of totals that names no campaign."""
    rows: list[list[Any]] = [list(META_HEADER)]
    rows.append(["", "", "", "", f"{sum(line.cents for line in lines) / 100:.2f}", 9, 9, 9, "", ""])
    for line in lines:
        day = line.day.isoformat()
        spent = f"{line.cents / 100:.2f}" if line.cents else ""
        rows.append(
            [
                *(f"Reels, {line.campaign}", str(line.campaign), day, "active", spent),
                *(line.impressions, 3, line.clicks or "", day, day),
            ]
        )
    return rows


def as_csv(rows: list[list[Any]], encoding: str = "utf-8-sig", delimiter: str = ",") -> bytes:
    """The rows as text: of Google either UTF-8 with commas or UTF-16 with tabs."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows(rows)
    return text.getvalue().encode(encoding)


def as_excel(rows: list[list[Any]]) -> bytes:
    """The rows as a workbook, in which figures are numbers and days are dates."""
    return xlsx({"Report": [[_typed(value) for value in row] for row in rows]})


def _typed(value: Any) -> Any:
    plain = str(value).replace(",", "")
    if plain.replace(".", "", 1).isdigit() and len(plain) <= 15:
        return float(plain)
    try:
        return dt.date.fromisoformat(str(value))
    except ValueError:
        return value
