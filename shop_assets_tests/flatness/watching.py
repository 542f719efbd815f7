"""A warehouse that tells what each of its statements reads, as the server itself counts it.

Each statement is first explained as it is, with its parameters and temporary tables, by executing
it within a savepoint that is rolled back; then it is executed for good.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.kept import KeptConnection

_EXPLAINED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "CREATE TEMP TABLE")
_SCANS = frozenset({"Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Heap Scan", "Tid Scan"})
_MONTH = re.compile(r"_\d{4}_\d{2}$")


@dataclass(frozen=True)
class Scan:
    """One scan of a stored table, as it was executed. `rows`: those read, whether kept or not."""

    kind: str
    relation: str
    loops: int
    rows: float
    bound: bool
    """Whether an index was entered at some value, or of the table as a whole nothing was left."""

    @property
    def table(self) -> str:
        """The declared table, whichever of its months was read."""
        return _MONTH.sub("", self.relation)


@dataclass(frozen=True)
class Statement:
    """One statement that was executed, and its plan."""

    sql: str
    plan: dict[str, Any]

    @cached_property
    def scans(self) -> list[Scan]:
        """Every scan of a stored table that was begun at all."""
        return [found for node in _nodes(self.plan) if (found := _scan(node)) is not None]


class WatchedWarehouse(Warehouse):
    """`statements`: where what is executed is added."""

    def __init__(self, url: str, zone: str = "UTC") -> None:
        super().__init__(url, zone=zone)
        self.statements: list[Statement] = []
        self._kept = _WatchedConnections(url, self)


class _WatchedConnections(KeptConnection):
    def __init__(self, url: str, watching: WatchedWarehouse) -> None:
        super().__init__(url)
        self._watching = watching

    def take(self) -> Any:
        return _Connection(super().take(), self._watching)

    def give_back(self, connection: Any) -> None:
        super().give_back(connection.watched)


class _Connection:
    def __init__(self, connection: Any, watching: WatchedWarehouse) -> None:
        self.watched = connection
        self._watching = watching

    def __getattr__(self, name: str) -> Any:
        return getattr(self.watched, name)

    def cursor(self) -> _Cursor:
        return _Cursor(self.watched, self._watching)


class _Cursor:
    def __init__(self, connection: Any, watching: WatchedWarehouse) -> None:
        self._connection = connection
        self._cursor = connection.cursor()
        self._watching = watching

    def __enter__(self) -> _Cursor:
        return self

    def __exit__(self, *_: object) -> None:
        self._cursor.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def execute(self, sql: str, parameters: Any = None) -> Any:
        if sql.lstrip().startswith(_EXPLAINED) and "(LIKE " not in sql:
            self._watching.statements.append(Statement(sql, self._explain(sql, parameters)))
        return self._cursor.execute(sql, parameters=parameters)

    def _explain(self, sql: str, parameters: Any) -> dict[str, Any]:
        with self._connection.cursor() as cursor:
            # The driver reads by COPY, which EXPLAIN cannot be part of.
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            cursor.execute("SAVEPOINT watched")
            cursor.execute(
                f"EXPLAIN (ANALYZE, VERBOSE, TIMING OFF, BUFFERS OFF, FORMAT JSON) {sql}",
                parameters=parameters,
            )
            (text,) = cursor.fetchone()
            cursor.execute("ROLLBACK TO SAVEPOINT watched")
        found: dict[str, Any] = json.loads(text)[0]["Plan"]
        return found


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from _nodes(below)


def _scan(node: dict[str, Any]) -> Scan | None:
    loops = int(node.get("Actual Loops", 0))
    if node["Node Type"] not in _SCANS or node["Schema"].startswith("pg_") or not loops:
        return None
    removed = sum(v for k, v in node.items() if k.startswith("Rows Removed by"))
    bound = "Index Cond" in node or "Recheck Cond" in node or "TID Cond" in node
    rows = (node["Actual Rows"] + removed) * loops
    name = f"{node['Schema']}.{node['Relation Name']}"
    return Scan(node["Node Type"], name, loops, rows, bound)
