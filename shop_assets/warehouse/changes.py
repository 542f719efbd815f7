"""What each load changed in a mart: figures per day, so that a restatement can be shown."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import pandas as pd

from shop_assets.entities import TABLES, TableSpec
from shop_assets.warehouse import ddl, zones
from shop_assets.warehouse.connection import Cursor, Warehouse
from shop_assets.warehouse.ddl import quoted

_NO_CURRENCY = ""
ROWS = "rows"
"""The figure that counts a mart's rows, beside its own."""


@dataclass(frozen=True)
class Change:
    """One figure of a mart on one of the shop's days, before and after some loads.

    Amounts are in micros of `currency`, which is '' for figures that are no money of one currency.
    """

    mart: str
    day: str
    currency: str
    figure: str
    before: int
    after: int


def note_changes(cursor: Cursor, spec: TableSpec, load_id: str, zone: str) -> None:
    """Store what a load of a mart changes, from `pg_temp.gone` and `pg_temp.came`."""
    sums = ", ".join(
        f"{ddl.literal(name)}, nullif(sum(sign * {expression}), 0)"
        for name, expression in _figures(spec).items()
    )
    cursor.execute(
        "INSERT INTO meta.mart_changes (load_id, mart, day, currency, delta) "
        f"SELECT $1, $2, {_day(spec, zone)}, {_currency(spec)}, "
        f"jsonb_strip_nulls(jsonb_build_object({sums})) FROM ("
        "SELECT -1 AS sign, * FROM pg_temp.gone UNION ALL SELECT 1, * FROM pg_temp.came) t "
        "GROUP BY 3, 4",
        parameters=(load_id, spec.name),
    )


def changes(warehouse: Warehouse, runs: Collection[str]) -> list[Change]:
    """What these runs of Dagster have changed in each mart, by day and figure, in order.

    `after` is what the mart says now; `before` what it would say without these runs.
    """
    deltas = warehouse.read(
        "SELECT c.mart, c.day::text AS day, c.currency, d.key AS figure, "
        "sum(d.value::bigint)::bigint AS delta "
        "FROM meta.mart_changes c CROSS JOIN LATERAL jsonb_each_text(c.delta) d "
        "WHERE split_part(c.load_id, ':', 1) = ANY(string_to_array($1, ',')) "
        "GROUP BY 1, 2, 3, 4 HAVING sum(d.value::bigint) <> 0",
        (",".join(runs),),
    )
    found: list[Change] = []
    for mart, of_mart in deltas.groupby("mart", sort=True):
        now = _now(warehouse, TABLES[str(mart)], sorted(of_mart["day"].unique()))
        merged = of_mart.merge(now, on=["day", "currency", "figure"], how="left").fillna({"now": 0})
        merged = merged.sort_values(["day", "currency", "figure"])
        found += [
            Change(str(mart), day, currency, figure, int(after - delta), int(after))
            for day, currency, figure, delta, after in merged[
                ["day", "currency", "figure", "delta", "now"]
            ].itertuples(index=False)
        ]
    return found


def _now(warehouse: Warehouse, spec: TableSpec, days: list[str]) -> pd.DataFrame:
    """A mart's figures on these days: columns day, currency, figure, now."""
    sums = ", ".join(
        f"sum({expression})::bigint AS {quoted(name)}"
        for name, expression in _figures(spec).items()
    )
    day = _day(spec, warehouse.zone)
    time = quoted(str(spec.time))
    frame = warehouse.read(
        f"SELECT ({day})::text AS day, {_currency(spec)} AS currency, {sums} "
        f"FROM {ddl.physical(spec)} WHERE {day} = ANY(string_to_array($1, ',')::date[]) "
        # The days once more, as what an index knows; wide enough for any two zones.
        f"AND {time} >= '{days[0]}'::date - 2 AND {time} < '{days[-1]}'::date + 3 GROUP BY 1, 2",
        (",".join(days),),
    )
    return frame.melt(["day", "currency"], var_name="figure", value_name="now")


def _figures(spec: TableSpec) -> dict[str, str]:
    """What is summed of a mart: its rows, and each column that can be."""
    # What may be null is a mean, a rank or a distance: it does not add up.
    summed = [c for c in spec.columns if c.kind == "int" and not c.key and not c.nullable]
    return {ROWS: "1", **{c.name: quoted(c.name) for c in summed}}


def _day(spec: TableSpec, zone: str) -> str:
    time = quoted(str(spec.time))
    if spec.column(str(spec.time)).kind == "date":
        return time
    return zones.day(time, zone)


def _currency(spec: TableSpec) -> str:
    return quoted("currency") if "currency" in spec.column_names else ddl.literal(_NO_CURRENCY)
