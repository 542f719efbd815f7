"""Column schemas and column lineage, as Dagster's UI shows them."""

from collections.abc import Iterable, Mapping
from typing import Any

from dagster import (
    AssetKey,
    TableColumn,
    TableColumnConstraints,
    TableColumnDep,
    TableColumnLineage,
    TableSchema,
)

from shop_assets.entities import TableSpec
from shop_assets.settings.mapping import EntityMapping


def column_schema(spec: TableSpec) -> TableSchema:
    """The declared columns, with their types, descriptions and what they may hold."""
    return TableSchema(
        columns=[
            TableColumn(
                name=c.name,
                type=c.postgres,
                description=c.description,
                constraints=TableColumnConstraints(nullable=c.nullable, unique=False),
                tags={
                    **({"key": ""} if c.key else {}),
                    **({"pii": ""} if c.pii else {}),
                },
            )
            for c in spec.columns
        ]
    )


def same_columns(spec: TableSpec, upstream: AssetKey, names: Iterable[str]) -> TableColumnLineage:
    """Lineage where each column comes from that of the same name."""
    known = set(names)
    return TableColumnLineage(
        {
            c: [TableColumnDep(asset_key=upstream, column_name=c)]
            for c in spec.column_names
            if c in known
        }
    )


def mapped_columns(mappings: Mapping[AssetKey, EntityMapping]) -> TableColumnLineage:
    """Lineage of an entity's fields from the columns of the streams that it is mapped from."""
    found: dict[str, list[TableColumnDep]] = {}
    for upstream, mapping in mappings.items():
        for name, field in mapping.fields.items():
            origins = [field.column] if field.column else []
            origins += [*(field.fingerprint or ()), *(field.concat or ())]
            for rule in mapping.rules:
                if name in rule.set:
                    origins += [c for c in rule.when if not c.startswith("@")]
            deps = [
                TableColumnDep(asset_key=upstream, column_name=o) for o in dict.fromkeys(origins)
            ]
            found.setdefault(name, []).extend(deps)
    return TableColumnLineage({name: deps for name, deps in found.items() if deps})


def declared_columns(lineage: Mapping[str, Mapping[str, tuple[str, ...]]]) -> TableColumnLineage:
    """Lineage from a declaration: column to upstream asset (`warehouse/orders`) to its columns."""
    return TableColumnLineage(
        {
            column: [
                TableColumnDep(asset_key=AssetKey(asset.split("/")), column_name=origin)
                for asset, origins in upstream.items()
                for origin in origins
            ]
            for column, upstream in lineage.items()
        }
    )


def table_metadata(spec: TableSpec, qualified: str) -> dict[str, Any]:
    """What an asset's definition says of its table."""
    return {
        "dagster/column_schema": column_schema(spec),
        "dagster/table_name": qualified,
        "key": ", ".join(spec.key),
    }
