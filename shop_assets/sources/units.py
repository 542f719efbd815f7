"""Units that stand in a column's name: `Amount spent (EUR)` is an amount, and its currency."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

import pyarrow as pa

from shop_assets.sources.decoded import Decoded
from shop_assets.sources.errors import SourceError


def with_units(parts: Iterable[Decoded], units: Mapping[str, str], where: str) -> Iterator[Decoded]:
    """The parts with such columns by their plain names, and the units in columns of their own.

    `units`: the plain name, and the column for its unit; a file that has that column already keeps
    it. `SourceError` where one name stands there with several units.
    """
    for part in parts:
        rows = part.rows
        for name, unit_column in units.items():
            rows = _split(rows, name, unit_column, where)
        yield replace(part, rows=rows)


def _split(rows: pa.Table, name: str, unit_column: str, where: str) -> pa.Table:
    form = re.compile(rf"{re.escape(name)} ?\(([^()]+)\)")
    found = {column: match[1] for column in rows.column_names if (match := form.fullmatch(column))}
    if not found:
        return rows
    if len(found) > 1 or name in rows.column_names:
        names = [column for column in rows.column_names if column == name or column in found]
        raise SourceError(f"{where} has the columns {', '.join(names)}; one of them is expected")
    ((column, unit),) = found.items()
    rows = rows.rename_columns([name if old == column else old for old in rows.column_names])
    if unit_column in rows.column_names:
        return rows
    return rows.append_column(unit_column, pa.repeat(unit.strip(), rows.num_rows))
