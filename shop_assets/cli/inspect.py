"""`shop-assets sql`, `status` and `quarantine`: what is there."""

import datetime as dt
import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

import pandas as pd
import psycopg2
import typer
from rich.console import Console
from rich.table import Table

from shop_assets.cli.figures import console, print_rows, rows_by_source
from shop_assets.cli.shop import ConfigOption, JsonOption, Shop
from shop_assets.errors import UserError
from shop_assets.transforms.money import EXPONENTS
from shop_assets.warehouse.ddl import SCHEMAS

_OLDEST = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_NEWEST = dt.datetime(9999, 1, 1, tzinfo=dt.UTC)

quarantine = typer.Typer(help="Rows set aside, and why.", no_args_is_help=True)


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT on the schemas marts and analytics.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
    exact: Annotated[bool, typer.Option("--exact", help="Do not round money.")] = False,
) -> None:
    """Ask the marts. Money is rounded once, here, to the minor unit of its currency."""
    shop = Shop.open(config)
    names, rows = _query(shop.endpoints.postgres_reader_url, query)
    if not exact:
        rows = [_rounded(names, row, shop.settings.shop.currency) for row in rows]
    if as_json:
        typer.echo(json.dumps([dict(zip(names, map(_plain, row), strict=True)) for row in rows]))
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console().print(table)


def _query(url: str, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    try:
        connection = psycopg2.connect(url, connect_timeout=10)
    except psycopg2.OperationalError as error:
        raise UserError(f"warehouse: {str(error).strip().splitlines()[0]}") from None
    try:
        connection.set_session(readonly=True)
        with connection.cursor() as cursor:
            cursor.execute(query)
            if cursor.description is None:
                raise UserError(f"{query[:60]!r} gives no rows, expected a SELECT")
            return [column.name for column in cursor.description], cursor.fetchall()
    except psycopg2.Error as error:
        said = (error.diag.message_primary or str(error)).strip()
        raise UserError(
            f"{query[:60]!r}: {said}; expected a SELECT on {' or '.join(SCHEMAS[-2:])}"
        ) from None
    finally:
        connection.close()


def _rounded(names: list[str], row: tuple[Any, ...], currency: str) -> tuple[Any, ...]:
    """Money (PostgreSQL's `numeric` with more decimals than its currency has) rounded half up."""
    own = row[names.index("currency")] if "currency" in names else currency
    unit = Decimal(1).scaleb(-EXPONENTS.get(str(own), 2))
    return tuple(
        value.quantize(unit, ROUND_HALF_UP)
        if isinstance(value, Decimal) and value.as_tuple().exponent < unit.as_tuple().exponent  # type: ignore[operator]
        else value
        for value in row
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool | int | float | str | None) else str(value)


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say how far each asset is, what is stale, and what became of the rows."""
    shop = Shop.open(config)
    slices = shop.warehouse.read(
        "SELECT asset, min(slice) AS first, max(slice) AS last, count(*) AS slices, "
        "max(written_at) AS written_at FROM meta.slices GROUP BY asset ORDER BY asset"
    )
    stale = shop.warehouse.read(
        "SELECT mart, count(*) AS slices FROM meta.stale_slices GROUP BY mart ORDER BY mart"
    )
    rows = rows_by_source(shop.warehouse)
    if as_json:
        typer.echo(json.dumps({"assets": _records(slices), "stale": _records(stale), "rows": rows}))
        return
    table = Table("asset", "first", "last", "slices", "written", title=shop.settings.shop.name)
    for row in slices.itertuples(index=False):
        table.add_row(
            str(row.asset),
            f"{row.first:%Y-%m-%d %H:%M}",
            f"{row.last:%Y-%m-%d %H:%M}",
            f"{row.slices:,}",
            f"{row.written_at:%Y-%m-%d %H:%M:%S}",
        )
    console().print(table)
    print_rows(rows)
    for row in stale.itertuples(index=False):
        console().print(f"{row.mart}: {row.slices} slices to be computed again")


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [
        {str(name): _plain(value) for name, value in row.items()}
        for row in frame.astype(object).to_dict(orient="records")
    ]


@quarantine.command("list")
def list_quarantine(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Count the rows set aside, by entity and rule."""
    frame = _quarantined(Shop.open(config))
    counts = (
        frame.groupby(["entity", "rule", "reason", "source", "stream"], as_index=False)
        .agg(rows=("row", "size"), first=("_hour", "min"), last=("_hour", "max"))
        .sort_values("rows", ascending=False)
    )
    if as_json:
        typer.echo(json.dumps(_records(counts)))
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


@quarantine.command("show")
def show_quarantine(
    config: ConfigOption = None,
    entity: Annotated[str | None, typer.Option(help="Only of this entity.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only by this rule.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """Show rows set aside: where they stood, why, and what they were."""
    frame = _quarantined(Shop.open(config), entity)
    if rule is not None:
        frame = frame[frame["rule"] == rule]
    frame = frame.sort_values(["_hour", "position"]).head(limit)
    if as_json:
        typer.echo(json.dumps(_records(frame)))
        return
    for row in frame.itertuples(index=False):
        Console(soft_wrap=True, markup=False).print(
            f"{row.position}  {row.entity}: {row.rule}: {row.reason}\n    {row.row}"
        )


def _quarantined(shop: Shop, entity: str | None = None) -> pd.DataFrame:
    known = list(shop.settings.entities)
    if entity is not None and entity not in known:
        raise UserError(f"--entity {entity} is not configured, expected one of {', '.join(known)}")
    tables = [
        shop.lake.read(f"quarantine/{name}", _OLDEST, _NEWEST)
        for name in ([entity] if entity else known)
    ]
    columns = ["_hour", "source", "stream", "entity", "rule", "reason", "position", "row"]
    frames = [table.to_pandas()[columns] for table in tables if table is not None]
    return pd.concat(frames) if frames else pd.DataFrame(columns=columns)
