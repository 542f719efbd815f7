"""What `shop-assets sources check` prints."""

import datetime as dt
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from shop_assets.onboarding.check import SourceReport, StreamReport
from shop_assets.onboarding.cost import DAYS
from shop_assets.onboarding.preview import EntityPreview

_MICROS = "_micros"
_EXAMPLES = 3


def print_report(out: Console, report: SourceReport) -> None:
    """Print what was found of one source."""
    out.rule(f"[bold]{report.source}[/bold] ({report.connector})", align="left")
    if report.error is not None:
        out.print(f"[red]✗[/red] {escape(report.error)}", soft_wrap=True)
    for stream in report.streams:
        _print_stream(out, stream)
    _print_cost(out, report)


def _print_stream(out: Console, stream: StreamReport) -> None:
    mark = "[green]✓[/green]" if stream.fine else "[red]✗[/red]"
    said = escape(stream.error or _found(stream))
    out.print(f"{mark} [bold]{stream.stream}[/bold]: {said}", soft_wrap=True)
    for problem in stream.problems:
        out.print(f"    [red]{escape(problem)}[/red]", soft_wrap=True)
    for entity in stream.entities:
        _print_entity(out, entity)


def _found(stream: StreamReport) -> str:
    columns = f"{len(stream.columns)} columns" if stream.columns else "no columns known yet"
    if stream.window is None:
        return columns
    span = f"{stream.window.start:%Y-%m-%d %H:%M} to {stream.window.end:%Y-%m-%d %H:%M} UTC"
    if not stream.rows:
        return f"{columns}; no rows from {span}"
    kept = "" if stream.entities else "; kept as it is, in raw"
    return f"{columns}; looked at {_rows(stream.rows)} from {span}{kept}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"


def _print_entity(out: Console, entity: EntityPreview) -> None:
    if entity.read:
        out.print(
            f"    {_rows(entity.read)} → {entity.published:,} {entity.entity}"
            + (f", {entity.quarantined:,} set aside" if entity.quarantined else ""),
            style="bold",
        )
    for lacking in entity.missing:
        out.print(f"    [red]missing: {escape(lacking)}[/red]", soft_wrap=True)
    if entity.rows:
        out.print(_preview(entity))
    for example in entity.set_aside[:_EXAMPLES]:
        of = entity.rules[example.rule]
        row = f": {example.row}" if example.row else ""
        out.print(
            f"    set aside by {example.rule} ({_rows(of)}), {example.position}: "
            f"{example.reason}{row}",
            markup=False,
            soft_wrap=True,
        )


def _preview(entity: EntityPreview) -> Table:
    """Fields below each other, rows beside each other: an entity has many fields."""
    table = Table("field", "from", *(f"row {n}" for n, _ in enumerate(entity.rows, 1)))
    for name in entity.rows[0]:
        values = [row[name] for row in entity.rows]
        origin = entity.origins.get(name)
        if origin is not None or _says_something(name, values):
            money = name.endswith(_MICROS)
            table.add_row(
                name.removesuffix(_MICROS) + (" (money)" if money else ""),
                escape(origin or ""),
                *(escape(_shown(value, money=money)) for value in values),
            )
    return table


def _says_something(name: str, values: list[Any]) -> bool:
    """Whether a field that nothing was mapped to has more than what every row has."""
    return name not in ("source", "version_at") and any(values)


def _shown(value: Any, *, money: bool) -> str:
    if value is None:
        return ""
    if money:
        return format((Decimal(value) / 1_000_000).quantize(Decimal("0.01")), "f")
    return str(value)


def _print_cost(out: Console, report: SourceReport) -> None:
    if report.calls is None or report.calls_per_second is None:
        return
    costs = {s.stream: s.cost for s in report.streams if s.cost is not None}
    if costs:
        table = Table("stream", f"calls to load {DAYS} days anew", "how it is known")
        for stream, cost in costs.items():
            table.add_row(stream, f"{cost.calls:,}", cost.how)
        out.print(table)
        calls = sum(cost.calls for cost in costs.values())
        least = dt.timedelta(seconds=round(calls / report.calls_per_second))
        out.print(
            f"In all {calls:,} calls, at {report.calls_per_second:g} a second at least {least} "
            "(h:mm:ss)."
        )
    out.print(f"This check made {report.calls:,} calls.", style="dim")


def as_json(report: SourceReport) -> dict[str, Any]:
    """The report as JSON has it; money in micros."""
    return {
        "source": report.source,
        "connector": report.connector,
        "fine": report.fine,
        "error": report.error,
        "calls": report.calls,
        "calls_per_second": report.calls_per_second,
        "streams": [
            {
                "stream": stream.stream,
                "fine": stream.fine,
                "error": stream.error,
                "columns": dict(stream.columns),
                "window": None
                if stream.window is None
                else [stream.window.start.isoformat(), stream.window.end.isoformat()],
                "rows": stream.rows,
                "problems": list(stream.problems),
                "backfill": None if stream.cost is None else asdict(stream.cost),
                "entities": [asdict(entity) for entity in stream.entities],
            }
            for stream in report.streams
        ],
    }
