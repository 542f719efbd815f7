"""Which rows of tables of differences are about what was compared: `pg_temp.units`.

A unit is a kind, a source and a key, as `compared_keys` asks for them. Of each table there are two
kinds: of one are the rows whose last key is empty, of the other those where it is not.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from shop_assets.warehouse.connection import Cursor


@dataclass(frozen=True)
class Units:
    """The two kinds of a table, and the column that names a row of each; SQL for the source."""

    outer: str
    outer_key: str
    inner: str
    inner_key: str
    source: str

    def columns(self, row: str) -> str:
        """The kind, source and key of a row of the table, as three expressions."""
        outer = f"{row}.{self.inner_key} = ''"
        source = self.source.replace("<row>", row)
        return (
            f"CASE WHEN {outer} THEN '{self.outer}' ELSE '{self.inner}' END, {source}, "
            f"CASE WHEN {outer} THEN {row}.{self.outer_key} ELSE {row}.{self.inner_key} END"
        )

    def about(self, row: str) -> str:
        """A condition that a row is about one of the units."""
        return f"({self.columns(row)}) IN (SELECT kind, source, key FROM pg_temp.units)"

    def looked_up(self, table: str) -> str:
        """What gives a table's rows about the units, as `t`: each is looked up by itself."""
        same_source = f" AND u.source = {self.source.replace('<row>', 'd')}"
        found = " UNION ALL ".join(
            f"SELECT d.* FROM pg_temp.units u CROSS JOIN LATERAL (SELECT * FROM {table} d "
            f"WHERE d.{key} = u.key AND {condition}{same_source} OFFSET 0) d "
            f"WHERE u.kind = '{kind}'"
            for kind, key, condition in (
                (self.outer, self.outer_key, f"d.{self.inner_key} = ''"),
                (self.inner, self.inner_key, self._within),
            )
        )
        return f"({found}) t"

    @property
    def _within(self) -> str:
        # A charge of its own has no order; a payment is in a payout.
        return f"d.{self.outer_key} = ''" if self.source == "''" else f"d.{self.inner_key} <> ''"


OF_ORDERS = Units("order", "order_id", "charge", "charge_id", "''")
OF_PAYOUTS = Units("payout", "payout_id", "payment", "payment_id", "<row>.source")


def take(cursor: Cursor, names: Iterable[str]) -> None:
    """Move what is asked for on behalf of some tables to `pg_temp.units`."""
    cursor.execute(
        "CREATE TEMP TABLE units ON COMMIT DROP AS WITH taken AS ("
        "DELETE FROM meta.stale_comparisons WHERE name = ANY (string_to_array($1, ',')) "
        "RETURNING kind, source, keys) "
        "SELECT DISTINCT kind, source, key FROM taken CROSS JOIN LATERAL unnest(keys) key "
        # What is looked up in the order of an index finds its pages at hand.
        "ORDER BY key",
        parameters=(",".join(names),),
    )


def add(cursor: Cursor, units: str, *parameters: object) -> None:
    """Add the units that a query gives, of which some may be there already."""
    cursor.execute(
        f"INSERT INTO pg_temp.units {units} EXCEPT SELECT kind, source, key FROM pg_temp.units",
        parameters=parameters,
    )
    cursor.execute("ANALYZE pg_temp.units")
