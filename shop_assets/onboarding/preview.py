"""What some rows of a stream become: cleaned as every load cleans them, and what is missing."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa

from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.onboarding.masking import MASK, columns_of, masked, personal_fields
from shop_assets.settings.mapping import EntityMapping, FieldMapping, accountable
from shop_assets.settings.streams import StreamBase
from shop_assets.transforms.clean import Cleaned, MissingColumnError, StreamOrigin, clean
from shop_assets.transforms.fields import named_columns, ungiven_fields


@dataclass(frozen=True)
class SetAside:
    """A row that would be quarantined. `row`: its contents, only where personal data may show."""

    rule: str
    reason: str
    position: str
    row: str | None


@dataclass(frozen=True)
class EntityPreview:
    """What rows become one entity's.

    `origins`: where each field comes from, in words. `rows`: the first published ones, with the
    entity's fields as JSON has them. `rules`: how many rows each rule sets aside.
    """

    entity: str
    origins: dict[str, str]
    read: int = 0
    published: int = 0
    quarantined: int = 0
    rows: list[dict[str, Any]] = field(default_factory=list)
    set_aside: list[SetAside] = field(default_factory=list)
    rules: dict[str, int] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)


def missing(entity: str, mapping: EntityMapping, columns: Collection[str]) -> list[str]:
    """What an entity needs and does not get: columns of the source, and fields; in sentences.

    `columns`: of the source, as far as they are known; if none are, nothing is said of them.
    """
    spec = ENTITIES[entity]
    said = []
    for column, where in named_columns(spec, mapping).items():
        if columns and column not in columns:
            close = difflib.get_close_matches(column, columns, n=1)
            guess = f"; is it {close[0]}?" if close else ""
            said.append(f"column {column}, which {where} needs, is not there{guess}")
    said += [
        f"nothing gives {entity}.{name}, which every row must have"
        for name in ungiven_fields(spec, mapping)
    ]
    return said


def preview(
    entity: str,
    stream: StreamBase,
    raw: pa.Table,
    origin: StreamOrigin,
    columns: Collection[str],
    *,
    rows: int,
    show_pii: bool,
) -> EntityPreview:
    """What the rows `raw` (as raw would have them) become of an entity; shows at most `rows`."""
    spec, mapping = ENTITIES[entity], stream.entities[entity]
    lacking = missing(entity, mapping, columns)
    origins = {name: _in_words(given) for name, given in mapping.fields.items()}
    if not raw.num_rows:
        return EntityPreview(entity, origins, missing=lacking)
    try:
        cleaned = clean(
            raw,
            spec,
            mapping,
            origin,
            takes_unreadable=entity == accountable(stream.entities),
            changed_columns=stream.changed_columns,
        )
    except MissingColumnError as error:
        if not any("column" in said for said in lacking):
            lacking.append(str(error.args[0]))
        return EntityPreview(entity, origins, missing=lacking)
    counts = cleaned.counts
    read, published = int(counts["rows_read"].sum()), int(counts["rows_published"].sum())
    aside = cleaned.quarantined
    if read and not published and len(aside) == read:
        lacking.append(f"none of {read} rows is fit to be published")
    return EntityPreview(
        entity,
        origins,
        read,
        published,
        len(aside),
        _shown(cleaned, spec, stream.entities, rows, show_pii=show_pii),
        _aside(aside.head(rows), show_pii=show_pii),
        {str(rule): int(count) for rule, count in aside["rule"].value_counts().items()},
        lacking,
    )


def _shown(
    cleaned: Cleaned,
    spec: TableSpec,
    mappings: Mapping[str, EntityMapping],
    rows: int,
    *,
    show_pii: bool,
) -> list[dict[str, Any]]:
    personal = set() if show_pii else personal_fields(spec, mappings)
    first = cleaned.published.head(rows)[spec.column_names].astype(object)
    return [
        {
            str(name): MASK if name in personal and not pd.isna(value) else _plain(value, show_pii)
            for name, value in row.items()
        }
        for row in first.to_dict(orient="records")
    ]


def _plain(value: Any, show_pii: bool) -> Any:
    if pd.isna(value):
        return None
    if isinstance(value, bool | int | float):
        return value
    if isinstance(value, pd.Timestamp):
        return value.isoformat()
    return str(value) if show_pii else masked(str(value))


def _aside(quarantined: pd.DataFrame, *, show_pii: bool) -> list[SetAside]:
    return [
        SetAside(
            str(row.rule),
            str(row.reason),
            str(row.position) if show_pii else masked(str(row.position)),
            str(row.row) if show_pii else None,
        )
        for row in quarantined.itertuples(index=False)
    ]


def _in_words(given: FieldMapping) -> str:
    if given.value is not None:
        return f"always {given.value}"
    names = columns_of(given)
    if given.fingerprint is not None:
        return f"made from {', '.join(names)}"
    return ":".join(names)
