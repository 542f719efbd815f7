"""A first mapping of a table, guessed from the names of its columns; for a person to look at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from shop_assets.entities import ENTITIES
from shop_assets.onboarding.usual_names import (
    CURSORS,
    DELETED,
    DELETED_AT,
    FIELDS,
    MINOR,
    STATUSES,
    TABLES,
)
from shop_assets.settings.mapping import EntityMapping
from shop_assets.sources.sql_tables import Table, TableColumn
from shop_assets.transforms.fields import ungiven_fields

Origin = str | Mapping[str, Any]
"""A column, or a field's mapping as `shop.yaml` has it."""

_TIMES = ("time", "date", "text")
_SURE = 1
_ORDER_PLACED = "order_placed_at"


@dataclass(frozen=True)
class Guess:
    """Where a field seems to come from; `why`: for the reader, where it is less than sure."""

    origin: Origin
    why: str = ""


@dataclass(frozen=True)
class Proposal:
    """A stream to read a table by; or files, where `files` has what is said of them.

    `entity`: what its rows seem to be; `fields` then has all that it needs, or `lacking` says what
    seems to be missing. `unused`: columns that no field is made from. `rules` as in `shop.yaml`.
    """

    name: str
    table: Table
    query: str | None = None
    cursor: str | None = None
    files: Mapping[str, Any] | None = None
    entity: str | None = None
    fields: Mapping[str, Guess] = field(default_factory=dict)
    rules: Sequence[Mapping[str, Any]] = ()
    lacking: Sequence[str] = ()

    @property
    def readable(self) -> bool:
        """Whether there is what it takes to read it: of a table, a cursor or a key."""
        return self.files is not None or self.cursor is not None or bool(self.table.key)

    @property
    def unused(self) -> list[str]:
        """The columns that nothing is made from."""
        used = {self.cursor}
        for guess in self.fields.values():
            origin = guess.origin
            given = {"column": origin} if isinstance(origin, str) else origin
            used |= {given.get("column"), *given.get("concat", ())}
        used |= {column for rule in self.rules for column in rule["when"]}
        return [column.name for column in self.table.columns if column.name not in used]


def proposals(tables: Iterable[Table], quoted: Callable[[str], str]) -> list[Proposal]:
    """A stream for each table that looks like one of a shop's, orders first."""
    every = [propose(table) for table in tables]
    found = [each for each in every if each.entity is not None and each.readable]
    first: dict[str, Proposal] = {}
    for each in sorted(found, key=_likelihood):
        first.setdefault(str(each.entity), each)
    orders = first.get("orders")
    if orders is not None and "order_items" in first:
        first["order_items"] = _dated_by_orders(first["order_items"], orders, quoted)
    return [_in_order(first[entity]) for entity in TABLES if entity in first]


def propose(table: Table) -> Proposal:
    """What a table looks like, by its name and columns."""
    cursor = _cursor(table)
    entity = _entity(_singular(table.name))
    name = _name(table.name)
    if entity is None:
        return Proposal(name, table, cursor=cursor)
    fields = _fields(entity, table)
    rules: list[Mapping[str, Any]] = []
    if cursor is not None and "version_at" not in fields:
        fields["version_at"] = Guess(cursor)
    if (column := _first(table, DELETED, ("bool", "int"))) is not None:
        fields["deleted"] = Guess(column.name, "by its name")
    elif (column := _first(table, DELETED_AT, _TIMES)) is not None:
        when = {column.name: {"missing": False}}
        rules.append({"name": "deleted", "when": when, "set": {"deleted": True}})
    found = Proposal(name, table, None, cursor, None, entity, fields, rules)
    return replace(found, lacking=_lacking(found))


def _lacking(found: Proposal) -> list[str]:
    spec = ENTITIES[str(found.entity)]
    absent = [k for k in spec.key if k != "source" and k not in found.fields]
    given = {name: guess.origin for name, guess in found.fields.items()}
    mapping = EntityMapping.model_validate({"fields": given})
    return list(dict.fromkeys([*absent, *ungiven_fields(spec, mapping)]))


def _entity(singular: str) -> str | None:
    for entity, names in TABLES.items():
        if singular in names:
            return entity
    return None


def _likelihood(found: Proposal) -> tuple[int, int]:
    names = TABLES[str(found.entity)]
    return len(found.lacking), names.index(_singular(found.table.name))


def _cursor(table: Table) -> str | None:
    found = _first(table, CURSORS, _TIMES)
    return None if found is None else found.name


def _first(
    table: Table, names: Sequence[str], kinds: Sequence[str] | None = None
) -> TableColumn | None:
    by_name = {_snake(column.name): column for column in reversed(table.columns)}
    for name in names:
        column = by_name.get(name)
        if column is not None and (kinds is None or column.kind in kinds):
            return column
    return None


def _fields(entity: str, table: Table) -> dict[str, Guess]:
    spec = ENTITIES[entity]
    row = _singular(table.name)
    found: dict[str, Guess] = {}
    for name, usual in FIELDS[entity].items():
        names = [each.format(row=row) for each in usual]
        kind = spec.column(name).kind
        if spec.column(name).is_money:
            guess = _money(table, names)
        else:
            column = _first(table, names, _TIMES if kind in ("timestamp", "date") else None)
            guess = None if column is None else _taken(name, kind, column, names)
        if guess is not None:
            found[name] = guess
    if entity == "order_items" and "item_id" not in found:
        _name_lines(table, found)
    if entity == "payments" and "type" not in found:
        found["type"] = Guess({"value": "charge"}, "as if no row gave money back")
    return found


def _taken(name: str, kind: str, column: TableColumn, names: Sequence[str]) -> Guess:
    why = "by its name" if _snake(column.name) not in names[: _SURE + 1] else ""
    if name == "email":
        return Guess({"column": column.name, "clean": ["trim", "lower"]}, why)
    if name == "currency":
        return Guess({"column": column.name, "clean": ["trim", "upper"]}, why)
    if name == "status" and column.kind == "text":
        mapped = {"column": column.name, "clean": ["trim", "lower"], "map": dict(STATUSES)}
        return Guess(mapped, "usual words: are these yours?")
    if kind == "timestamp" and column.kind == "date":
        return Guess(column.name, "a day without time")
    return Guess(column.name, why)


def _money(table: Table, names: Sequence[str]) -> Guess | None:
    for name in names:
        column = _first(table, [name, *(name + end for end in MINOR)])
        if column is None:
            continue
        if _snake(column.name).endswith(MINOR):
            return Guess({"column": column.name, "money": "minor"})
        if name == "discount" and column.kind == "float":
            # A rounded number of that name is a share as often as an amount.
            return None
        why = "or minor, where it counts cents" if column.kind == "int" else ""
        return Guess({"column": column.name, "money": "major"}, why)
    return None


def _name_lines(table: Table, found: dict[str, Guess]) -> None:
    """Give lines without an id of their own what their table's key names them by."""
    order = found["order_id"].origin if "order_id" in found else None
    rest = [column for column in table.key if column != order]
    if len(rest) == 1:
        found["item_id"] = Guess(rest[0], "the table's key, beside the order")
    elif rest:
        found["item_id"] = Guess({"concat": rest}, "the table's key, beside the order")


def _dated_by_orders(items: Proposal, orders: Proposal, quoted: Callable[[str], str]) -> Proposal:
    """Lines that say no time of their own, joined with the orders that they are in."""
    placed, order = orders.fields.get("placed_at"), orders.fields.get("order_id")
    mine = items.fields.get("order_id")
    origins = [guess.origin if guess else None for guess in (placed, order, mine)]
    if "placed_at" not in items.lacking or not all(isinstance(o, str) for o in origins):
        return items
    time, key, own = (quoted(str(origin)) for origin in origins)
    # Of names alone, as the database itself quotes them.
    query = (
        f"SELECT l.*, o.{time} AS {_ORDER_PLACED} FROM {quoted(items.table.name)} AS l "  # noqa: S608
        f"JOIN {quoted(orders.table.name)} AS o ON o.{key} = l.{own}"
    )
    fields = {**items.fields, "placed_at": Guess(_ORDER_PLACED, "the order's")}
    dated = replace(items, query=query, fields=fields)
    return replace(dated, lacking=_lacking(dated))


def _in_order(found: Proposal) -> Proposal:
    """With its fields as the entity has them."""
    names = ENTITIES[str(found.entity)].column_names
    return replace(found, fields={n: found.fields[n] for n in names if n in found.fields})


def _name(table: str) -> str:
    """A table's name as a stream's."""
    name = re.sub(r"[^a-z0-9_]", "_", _snake(table)).strip("_") or "rows"
    return (name if name[0].isalpha() else f"t_{name}")[:41]


def _snake(name: str) -> str:
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\s\-]+", "_", spaced).lower()


def _singular(table: str) -> str:
    """A table's name without what many put before it, of one row."""
    name = re.sub(r"^(tbl|t|shop|dim|fact|stg|wp|oc|ps)_", "", _snake(table))
    if name.endswith("ies"):
        return name[:-3] + "y"
    return name[:-1] if name.endswith("s") and not name.endswith("ss") else name
