"""Figures that several commands print."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    import pandas as pd

    from shop_assets.backfill import BackfillReport
    from shop_assets.warehouse.connection import Warehouse

_COUNTS = ("read", "published", "repaired", "quarantined", "deduplicated", "folded")


def rows_by_source(
    warehouse: Warehouse, start: dt.datetime | None = None, end: dt.datetime | None = None
) -> list[dict[str, Any]]:
    """What became of the rows read in a span: one entry for each source, stream and entity."""
    sums = ", ".join(f"sum(rows_{name})::bigint AS {name}" for name in _COUNTS)
    frame = warehouse.read(
        f"SELECT source, stream, entity, {sums} FROM meta.row_ledger "  # noqa: S608 - own names
        "WHERE hour >= coalesce($1::timestamptz, '-infinity') "
        "AND hour < coalesce($2::timestamptz, 'infinity') GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
        (start, end),
    )
    return [
        {str(name): value if isinstance(value, str) else int(value) for name, value in row.items()}
        for row in frame.to_dict(orient="records")
    ]


def print_rows(rows: list[dict[str, Any]]) -> None:
    """Print `rows_by_source` as a table, without the columns in which nothing was counted."""
    shown = [name for name in _COUNTS if name == "read" or any(row[name] for row in rows)]
    table = Table("source", "entity", title="Rows")
    for name in shown:
        table.add_column(name, justify="right")
    for row in rows:
        origin = f"{row['source']}.{row['stream']}"
        table.add_row(origin, row["entity"], *(f"{row[name]:,}" for name in shown))
    console().print(table)


def print_checks(report: BackfillReport) -> None:
    """Print how the checks of a backfill came out."""
    warned = len(report.warned)
    console().print(f"{report.checks_passed} checks passed, {warned} gave a warning")
    for name, count in report.warned.items():
        console().print(f"  {name} in {count} partition{'s' if count > 1 else ''}")


def console() -> Console:
    """Where results go; wide enough for a table where they go into a file."""
    out = Console(highlight=False)
    return out if out.is_terminal else Console(highlight=False, width=140)


def plain(value: Any) -> Any:
    """A value as JSON can have it."""
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """A frame's rows as JSON can have them."""
    return [
        {str(name): plain(value) for name, value in row.items()}
        for row in frame.astype(object).to_dict(orient="records")
    ]
