"""`shop-assets quarantine`: rows set aside, why, and another try for them."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from shop_assets.cli.figures import console, print_checks, records
from shop_assets.cli.run import backfill
from shop_assets.cli.shop import ConfigOption, JsonOption, Shop
from shop_assets.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(help="Rows set aside, and why.", no_args_is_help=True)

EntityOption = Annotated[str | None, typer.Option(help="Only of this entity.")]
RuleOption = Annotated[str | None, typer.Option(help="Only by this rule.")]


@app.command("list")
def list_quarantine(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Count the rows set aside, by entity and rule."""
    frame = _quarantined(Shop.open(config))
    counts = (
        frame.groupby(["entity", "rule", "reason", "source", "stream"], as_index=False)
        .agg(rows=("row", "size"), first=("_hour", "min"), last=("_hour", "max"))
        .sort_values("rows", ascending=False)
    )
    if as_json:
        typer.echo(json.dumps(records(counts)))
        return
    table = Table("rows", "entity", "rule", "reason", "source", "first hour", "last hour")
    for row in counts.itertuples(index=False):
        table.add_row(
            f"{row.rows:,}",
            str(row.entity),
            str(row.rule),
            str(row.reason),
            f"{row.source}.{row.stream}",
            f"{row.first:%Y-%m-%d %H:%M}",
            f"{row.last:%Y-%m-%d %H:%M}",
        )
    console().print(table)


@app.command("show")
def show_quarantine(
    config: ConfigOption = None,
    entity: EntityOption = None,
    rule: RuleOption = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show rows set aside: where they stood, why, and what they were."""
    frame = _quarantined(Shop.open(config), entity, rule)
    frame = frame.sort_values(["_hour", "position"]).head(limit)
    if as_json:
        typer.echo(json.dumps(records(frame)))
        return
    for row in frame.itertuples(index=False):
        Console(soft_wrap=True, markup=False).print(
            f"{row.position}  {row.entity}: {row.rule}: {row.reason}\n    {row.row}"
        )


@app.command("replay")
def replay_quarantine(
    config: ConfigOption = None,
    entity: EntityOption = None,
    rule: RuleOption = None,
    as_json: JsonOption = False,
) -> None:
    """Clean the hours of rows set aside again: what passes now leaves the quarantine.

    For use after a rule or a mapping in the configuration has changed. Raw keeps what the sources
    said, so none of them is asked.
    """
    shop = Shop.open(config, start=True)
    before = _quarantined(shop, entity, rule)
    hours = sorted({hour.to_pydatetime() for hour in before["_hour"]})
    entities = sorted(before["entity"].unique())
    with backfill(shop, quiet=as_json) as (runner, show):
        report = runner.clean_again(hours, entities, show)
    after = _quarantined(shop, entity, rule)
    if as_json:
        facts = {"hours": len(hours), "before": len(before), "after": len(after)}
        typer.echo(json.dumps({**facts, "checks_passed": report.checks_passed}))
        return
    print_checks(report)
    console().print(f"{len(hours)} hours cleaned again: {len(before)} rows set aside before")
    console().print(f"{len(after)} rows set aside now")


def _quarantined(shop: Shop, entity: str | None = None, rule: str | None = None) -> pd.DataFrame:
    import pandas as pd

    known = list(shop.settings.entities)
    if entity is not None and entity not in known:
        raise UserError(f"--entity {entity} is not configured, expected one of {', '.join(known)}")
    first, now = shop.calendar.first_hour, dt.datetime.now(dt.UTC)
    tables = [
        shop.lake.read(f"quarantine/{name}", first, now) for name in ([entity] if entity else known)
    ]
    columns = ["_hour", "source", "stream", "entity", "rule", "reason", "position", "row"]
    frames = [table.to_pandas()[columns] for table in tables if table is not None]
    found = pd.concat(frames) if frames else pd.DataFrame(columns=columns)
    return found if rule is None else found[found["rule"] == rule]
