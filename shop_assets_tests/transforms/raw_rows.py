"""Raw rows of a stream, as a connector and `extract.assemble` leave them in the lake."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa

from shop_assets.entities import ENTITIES
from shop_assets.settings.mapping import EntityMapping
from shop_assets.sources.protocol import PROVENANCE
from shop_assets.transforms.clean import Cleaned, clean
from shop_assets.transforms.extract import assemble
from shop_assets.transforms.fields import StreamOrigin
from shop_assets_tests.transforms.frames import validate

HOUR = dt.datetime(2026, 5, 4, 9, tzinfo=dt.UTC)
ORIGIN = StreamOrigin("shop", "lines", "Europe/Berlin", "EUR")


def read(
    rows: Sequence[Mapping[str, Any]], *, delivery: str = "a.csv", schema: pa.Schema | None = None
) -> pa.Table:
    """Rows as a connector yields them; `_at` is a row's minutes (or moment) after `HOUR`."""
    own = [{k: v for k, v in row.items() if not k.startswith("_")} for row in rows]
    names = list(dict.fromkeys(name for row in own for name in row))
    moments = [row.get("_at", 0) for row in rows]
    provenance = {
        "_change_time": [
            m if isinstance(m, dt.datetime) else HOUR + dt.timedelta(minutes=m) for m in moments
        ],
        "_position": [row.get("_position", f"{delivery}:{n}") for n, row in enumerate(rows, 2)],
        "_delivery": [row.get("_delivery", delivery) for row in rows],
        "_error": [row.get("_error") for row in rows],
        "_line": [row.get("_line") for row in rows],
    }
    kinds = {} if schema is None else {field.name: field.type for field in schema}
    columns = {n: pa.array([row.get(n) for row in own], kinds.get(n)) for n in names}
    columns |= {f.name: pa.array(provenance[f.name], f.type) for f in PROVENANCE}
    return pa.table(columns)


def load(*batches: pa.Table, start: dt.datetime = HOUR, attempt: int = 1) -> pa.Table:
    """Batches as one attempt's rows in the raw zone."""
    table = assemble(batches, start)
    if table.num_rows == 0:
        return table
    at = pa.scalar(HOUR + dt.timedelta(days=1, minutes=attempt), pa.timestamp("us", "UTC"))
    table = table.append_column("_load_id", pa.repeat(f"run-{attempt}", table.num_rows))
    return table.append_column("_extracted_at", pa.repeat(at, table.num_rows))


def attempts(*loads: pa.Table) -> pa.Table:
    """What the raw zone holds after several attempts."""
    return pa.concat_tables(loads, promote_options="permissive")


def mapping(**declared: Any) -> EntityMapping:
    """A mapping as `shop.yaml` writes it."""
    return EntityMapping.model_validate(declared)


def cleaned(
    raw: pa.Table,
    declared: EntityMapping,
    entity: str = "orders",
    *,
    takes_unreadable: bool = True,
) -> Cleaned:
    """The rows cleaned, once it is seen that each is accounted for and nothing breaks a contract.

    A row is either published, quarantined, deduplicated or folded, in each hour.
    """
    spec = ENTITIES[entity]
    found = clean(raw, spec, declared, ORIGIN, takes_unreadable=takes_unreadable)
    counts = found.counts
    ended = counts[["rows_published", "rows_quarantined", "rows_deduplicated", "rows_folded"]]
    assert (counts["rows_read"] == ended.sum(axis=1)).all()
    assert (counts["rows_repaired"] <= counts["rows_published"]).all()
    assert counts["rows_published"].sum() == len(found.published)
    assert counts["rows_quarantined"].sum() == len(found.quarantined)
    assert not counts["hour"].duplicated().any()
    validate(spec, found.published[spec.column_names])
    assert not found.published.duplicated([*spec.key, "version_at", "_hour"]).any()
    pa.Table.from_pandas(found.published[spec.column_names], schema=spec.arrow_schema)
    return found


def ends(found: Cleaned) -> dict[str, int]:
    """How many rows ended in which way, those of zero left out."""
    sums = found.counts.drop(columns=["hour", "source", "stream", "entity"]).sum()
    return {
        str(name).removeprefix("rows_"): int(n)
        for name, n in sums.items()
        if n and name != "rows_read"
    }
