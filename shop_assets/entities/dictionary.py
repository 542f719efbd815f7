"""`docs/data-dictionary.md`: every declared table, as the registry has it.

python -m shop_assets.entities.dictionary docs/data-dictionary.md
"""

from __future__ import annotations

import sys
from pathlib import Path

from shop_assets.entities import TABLES, Column, Layer, TableSpec

_HEAD = """# Data dictionary

Every table of the warehouse, the marts and the analytics. Made by `make docs` from
`shop_assets/entities`; changes are lost.

Times are UTC. Columns that end in `_micros` hold money: millionths of the currency's major unit, so
that 2.55 is 2550000. The views that analysts read show such a column without the ending, as a
decimal number: `net_sales` for `net_sales_micros`. They leave out **PII**: personal
data."""
_LAYERS: dict[Layer, str] = {
    "warehouse": "Facts and dimensions: the current state of each row, by key.",
    "marts": "Aggregates: pure functions of the warehouse.",
    "analytics": "Models and lists, made again when what they read has changed.",
}
_LOADED: dict[Layer, str] = {
    "warehouse": "loaded by the hour of change",
    "marts": "computed for each {span} (`{time}`)",
    "analytics": "computed as a whole",
}


def dictionary() -> str:
    """The page, as Markdown."""
    parts = [_HEAD]
    for layer, meaning in _LAYERS.items():
        tables = [spec for spec in TABLES.values() if spec.layer == layer]
        contents = "\n".join(f"- [`{s.name}`](#{s.name}): {s.description}" for s in tables)
        parts.append(f"## {layer.capitalize()}\n\n{meaning}\n\n{contents}")
        parts += [_table(spec) for spec in tables]
    return "\n\n".join(parts) + "\n"


def _table(spec: TableSpec) -> str:
    facts = [
        f"Layer: {spec.layer}",
        f"key: {', '.join(f'`{name}`' for name in spec.key)}",
        f"event time: `{spec.time}`" if spec.time else "no event time",
        _LOADED[spec.layer].format(span=_span(spec), time=spec.time),
        f"stored in a partition for each month of `{spec.time}`" if spec.by_month else "",
        "every version kept beside the current one" if spec.versioned else "",
    ]
    rows = "\n".join(_row(column) for column in spec.columns)
    return (
        f"### {spec.name}\n\n{_paragraphs(spec)}\n\n{'; '.join(filter(None, facts))}.\n\n"
        "| column | type | nullable | key | PII | description |\n|---|---|---|---|---|---|\n" + rows
    )


def _span(spec: TableSpec) -> str:
    daily = spec.time is not None and spec.column(spec.time).kind == "date"
    return "day" if daily else "hour"


def _paragraphs(spec: TableSpec) -> str:
    """All of the model's docstring, each paragraph in one line."""
    text = spec.model.__doc__ or ""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _row(column: Column) -> str:
    cells = (
        f"`{column.name}`",
        column.postgres,
        "yes" if column.nullable else "",
        "key" if column.key else "",
        "**PII**" if column.pii else "",
        column.description.replace("|", "\\|"),
    )
    return "| " + " | ".join(cells) + " |"


def main(path: Path) -> None:
    """Write the page to `path`."""
    path.write_text(dictionary(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
