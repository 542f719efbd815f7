"""IO managers of the lake: raw appends each attempt, clean replaces its hours."""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from dagster import ConfigurableIOManager, InputContext, OutputContext, ResourceDependency

from shop_assets.entities import ENTITIES
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.io_managers.seen_keys import seen_keys
from shop_assets.partitions import HOUR
from shop_assets.resources import LakeResource, WarehouseResource
from shop_assets.transforms.clean import QUARANTINE, Cleaned
from shop_assets.warehouse import checkpoints, rows, slices, source_keys
from shop_assets.warehouse.connection import Warehouse

_HOUR = pa.field("_hour", pa.timestamp("us", "UTC"))
_EPOCH = b"epoch"
_CHECKPOINT = b"checkpoint"
_COMPARED = b"compared"


@dataclass(frozen=True)
class ReadUntil:
    """How far a stream was read: the end of the read's window, and the checkpoint after it."""

    source: str
    stream: str
    end: dt.datetime
    checkpoint: Mapping[str, Any] | None


def with_checkpoint(rows: pa.Table, read: ReadUntil, *, always: bool) -> pa.Table:
    """Rows of raw, with their read to note once they are written.

    One that left no checkpoint is noted only if `always`: of an hour that is not over yet.
    """
    if read.checkpoint is None and not always:
        return rows
    noted = [read.source, read.stream, read.end.isoformat(), read.checkpoint]
    return rows.replace_schema_metadata({_CHECKPOINT: json.dumps(noted)})


def with_compared(rows: pa.Table, source: str, stream: str, key: Sequence[str]) -> pa.Table:
    """Rows of raw that were found new or changed, by a key, to remember once they are written."""
    noted = {**(rows.schema.metadata or {}), _COMPARED: json.dumps([source, stream, list(key)])}
    return rows.replace_schema_metadata(noted)


def load_id(context: OutputContext) -> str:
    """The identity of this run's attempt at this asset: a step tried again has the same."""
    return f"{context.run_id}:{context.asset_key.to_user_string()}"


def _window(context: OutputContext | InputContext) -> tuple[dt.datetime, dt.datetime]:
    window = context.asset_partitions_time_window
    return window.start.astimezone(dt.UTC), window.end.astimezone(dt.UTC)


@dataclass(frozen=True)
class CleanedRows:
    """What an entity's hours became. `epoch`: of the oldest input that they were made of."""

    cleaned: Cleaned
    epoch: int


def epoch_of(*inputs: pa.Table) -> int:
    """The epoch (see `slices.begin`) of a writer that goes by these inputs of the lake."""
    return min(int(table.schema.metadata[_EPOCH]) for table in inputs)


class _LakeInput(ConfigurableIOManager):
    """What both lake IO managers share: reading the hours of a table."""

    lake: ResourceDependency[LakeResource]
    warehouse: ResourceDependency[WarehouseResource]

    def store(self) -> DeltaStore:
        """The lake."""
        return self.lake.open()

    def postgres(self) -> Warehouse:
        """The warehouse, which numbers writers and locks hours."""
        return self.warehouse.open()

    def load_input(self, context: InputContext) -> pa.Table:
        """The rows of the input's hours; the columns named in its metadata, or all.

        With the epoch of a writer that began before they were read; see `epoch_of`.
        """
        epoch = slices.begin(self.postgres())
        key = context.asset_key.to_user_string()
        start, end = _window(context)
        columns = (context.definition_metadata or {}).get("columns")
        found = self.store().read(key, start, end, columns)
        rows = _none_yet(key, columns) if found is None else found
        return rows.replace_schema_metadata({_EPOCH: str(epoch)})


def _none_yet(key: str, columns: Any) -> pa.Table:
    """No rows, in the columns that a table that was never written will have."""
    layer, name = key.split("/", 1)
    if layer != "clean":
        return pa.table({})
    schema = ENTITIES[name].arrow_schema.append(_HOUR)
    if columns is not None:
        schema = pa.schema([schema.field(c) for c in columns])
    return schema.empty_table()


class RawLakeIOManager(_LakeInput):
    """Appends what an attempt read, with the attempt's identity and time."""

    def handle_output(self, context: OutputContext, obj: pa.Table) -> None:
        """Append the rows once per attempt.

        A column whose type the source has changed is kept in one of its own beside it: the hour is
        not lost, and nothing that the source said is bent to fit.
        """
        attempt = load_id(context)
        if obj.num_rows and not self._append(context, obj.replace_schema_metadata(None), attempt):
            # An earlier try of the same step has written what it had read. That this one has read
            # more is not to be remembered, so that the next read finds it.
            return
        notes = obj.schema.metadata or {}
        if _COMPARED in notes:
            source, stream, key = json.loads(notes[_COMPARED])
            source_keys.remember(self.postgres(), source, stream, seen_keys(obj, key, broken=True))
        kept = notes.get(_CHECKPOINT)
        if kept is not None:
            source, stream, end, checkpoint = json.loads(kept)
            window = _window(context)[0], dt.datetime.fromisoformat(end)
            checkpoints.record(self.postgres(), source, stream, window, checkpoint, attempt)

    def _append(self, context: OutputContext, obj: pa.Table, attempt: str) -> bool:
        now = dt.datetime.now(dt.UTC)
        stamped = obj.append_column("_load_id", pa.repeat(attempt, obj.num_rows))
        stamped = stamped.append_column(
            "_extracted_at", pa.repeat(pa.scalar(now, pa.timestamp("us", "UTC")), obj.num_rows)
        )
        return self.store().append(
            context.asset_key.to_user_string(), stamped, load_id=attempt, keep_retyped=True
        )


class CleanLakeIOManager(_LakeInput):
    """Replaces an entity's hours, those of its quarantine, and what is known of their rows."""

    def handle_output(self, context: OutputContext, obj: CleanedRows) -> None:
        """Write published rows, quarantined rows and counts; each replaces the hours whole."""
        entity = context.asset_key.path[-1]
        write_cleaned(
            self.store(),
            self.postgres(),
            entity,
            obj,
            _window(context),
            load_id(context),
        )


def write_cleaned(
    lake: DeltaStore,
    warehouse: Warehouse,
    entity: str,
    made: CleanedRows,
    window: tuple[dt.datetime, dt.datetime],
    attempt: str,
) -> None:
    """Replace an entity's hours in the lake, quarantine first, and then their counts.

    Under a lock on the hours, so that of two attempts at once all three come from the same one, and
    fenced like a load of the warehouse: what was read of raw before another attempt read more of it
    is not written after that one.

    Raises:
        ValueError: rows of other hours; nothing is written.
        StaleWriterError: one that began later has written these hours; nothing is written.
    """
    start, end = window
    cleaned = made.cleaned
    spec = ENTITIES[entity]
    aside = pa.Table.from_pandas(
        cleaned.quarantined,
        schema=pa.schema(
            [
                (name, pa.timestamp("us", "UTC") if kind.startswith("datetime") else pa.string())
                for name, kind in QUARANTINE.items()
            ]
        ),
        preserve_index=False,
    )
    published = pa.Table.from_pandas(
        cleaned.published, schema=spec.arrow_schema.append(_HOUR), preserve_index=False
    )
    asset = f"clean/{entity}"
    for hours in (published["_hour"], aside["_hour"], pa.array(cleaned.counts["hour"])):
        bounds = pc.min_max(hours).as_py()
        if bounds["min"] is not None and not start <= bounds["min"] <= bounds["max"] < end:
            raise ValueError(
                f"{asset}: rows from {bounds['min']} to {bounds['max']} are outside of the range "
                f"[{start}, {end}) that is replaced"
            )
    load = slices.Load(attempt, asset, start, end, HOUR, made.epoch)
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return
        lake.replace(f"quarantine/{entity}", aside, start, end, load_id=attempt)
        lake.replace(asset, published, start, end, load_id=attempt)
        rows.record_counts(cursor, entity, cleaned.counts, start, end, attempt)
        publication.note(published.num_rows, published.num_rows)
