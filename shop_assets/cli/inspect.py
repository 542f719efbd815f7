"""`shop-assets sql` and `status`: what is there."""

import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Annotated, Any

import typer
from rich.table import Table

from shop_assets.cli.figures import console, plain, print_rows, records, rows_by_source
from shop_assets.cli.shop import ConfigOption, JsonOption, Shop
from shop_assets.errors import UserError


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
        typer.echo(json.dumps([dict(zip(names, map(plain, row), strict=True)) for row in rows]))
        return
    table = Table(*names)
    for row in rows:
        table.add_row(*("" if value is None else str(value) for value in row))
    console().print(table)


def _query(url: str, query: str) -> tuple[list[str], list[tuple[Any, ...]]]:
    import psycopg2

    from shop_assets.warehouse.ddl import SCHEMAS

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
    from shop_assets.transforms.money import EXPONENTS

    own = row[names.index("currency")] if "currency" in names else currency
    unit = Decimal(1).scaleb(-EXPONENTS.get(str(own), 2))
    return tuple(
        value.quantize(unit, ROUND_HALF_UP)
        if isinstance(value, Decimal) and value.as_tuple().exponent < unit.as_tuple().exponent  # type: ignore[operator]
        else value
        for value in row
    )


def status(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Say how far each asset is, what is stale or outdated, and what became of the rows."""
    shop = Shop.open(config)
    slices = shop.warehouse.read(
        "SELECT asset, min(slice) AS first, max(slice) AS last, count(*) AS slices, "
        "count(outdated) AS outdated, max(written_at) AS written_at "
        "FROM meta.slices GROUP BY asset ORDER BY asset"
    )
    stale = shop.warehouse.read(
        "SELECT mart, count(*) AS slices FROM meta.stale_slices GROUP BY mart ORDER BY mart"
    )
    rows = rows_by_source(shop.warehouse)
    if as_json:
        typer.echo(json.dumps({"assets": records(slices), "stale": records(stale), "rows": rows}))
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
    for row in slices[slices["outdated"] > 0].itertuples(index=False):
        console().print(f"{row.asset}: {row.outdated} slices to be loaded again")
    for row in stale.itertuples(index=False):
        console().print(f"{row.mart}: {row.slices} slices to be computed again")
