"""IO managers of the lake: raw appends each attempt, clean replaces its hours.

Both write in parts, and raw is read in parts: however much an hour has, little of it is in memory.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Self

import pandas as pd
import pyarrow as pa
from dagster import ConfigurableIOManager, InputContext, OutputContext, ResourceDependency

from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.io_managers.seen_keys import seen_keys
from shop_assets.partitions import HOUR
from shop_assets.resources import LakeResource, WarehouseResource
from shop_assets.transforms.clean import Cleaned, cleaned_schema
from shop_assets.transforms.parts import Parts
from shop_assets.warehouse import checkpoints, progress, rows, slices, source_keys
from shop_assets.warehouse.connection import Warehouse

_HOUR = pa.field("_hour", pa.timestamp("us", "UTC"))
_EPOCH = b"epoch"


@dataclass(frozen=True)
class ReadUntil:
    """How far a stream was read: the end of the read's window, and the checkpoint after it."""

    source: str
    stream: str
    end: dt.datetime
    checkpoint: Mapping[str, Any] | None


@dataclass(frozen=True)
class KeyedBy:
    """A stream whose rows are compared with those of before, and the key that names them."""

    source: str
    stream: str
    key: tuple[str, ...]


@dataclass(frozen=True)
class RawRows:
    """What an attempt read, and what is to be noted of it once it is written.

    `becomes`: the entities that are made of them. `read`: how far it read; None where that need not
    be known. `compared`: whose rows were found new or changed, if they were compared.
    """

    rows: Parts
    becomes: Collection[str] = ()
    read: ReadUntil | None = None
    compared: KeyedBy | None = None


def load_id(context: OutputContext) -> str:
    """The identity of this run's attempt at this asset: a step tried again has the same."""
    return f"{context.run_id}:{context.asset_key.to_user_string()}"


def _window(context: OutputContext | InputContext) -> tuple[dt.datetime, dt.datetime]:
    window = context.asset_partitions_time_window
    return window.start.astimezone(dt.UTC), window.end.astimezone(dt.UTC)


@dataclass(frozen=True)
class CleanedRows:
    """What an entity's hours became: see `Cleaned`.

    `epoch`: of the oldest input that they were made of.
    """

    published: Parts
    quarantined: Parts
    counts: pd.DataFrame
    epoch: int

    @classmethod
    def of(cls, cleaned: Cleaned, spec: TableSpec, epoch: int) -> Self:
        """Those of a result that is in memory."""
        published, quarantined = cleaned.tables(spec)
        return cls(Parts.of(published), Parts.of(quarantined), cleaned.counts, epoch)


def epoch_of(*inputs: pa.Table | Parts) -> int:
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

    def scan(self, context: InputContext) -> Parts:
        """The rows of the input's hours; the columns named in its metadata, or all.

        With the epoch of a writer that began before they were read; see `epoch_of`.
        """
        epoch = slices.begin(self.postgres())
        key = context.asset_key.to_user_string()
        start, end = _window(context)
        columns = (context.definition_metadata or {}).get("columns")
        found = self.store().scan(key, start, end, columns)
        rows = Parts.of(_none_yet(key, columns)) if found is None else found
        return rows.described({_EPOCH: str(epoch)})


def _none_yet(key: str, columns: Any) -> pa.Table:
    """No rows, in the columns that a table that was never written will have."""
    layer, name = key.split("/", 1)
    if layer != "clean":
        return pa.table({})
    schema = cleaned_schema(ENTITIES[name])
    if columns is not None:
        schema = pa.schema([schema.field(c) for c in columns])
    return schema.empty_table()


class RawLakeIOManager(_LakeInput):
    """Appends what an attempt read, with the attempt's identity and time."""

    def load_input(self, context: InputContext) -> Parts:
        """The rows of the input's hours, of which a part is in memory at a time."""
        return self.scan(context)

    def handle_output(self, context: OutputContext, obj: RawRows) -> None:
        """Append the rows once per attempt.

        A column whose type the source has changed is kept in one of its own beside it: the hour is
        not lost, and nothing that the source said is bent to fit.
        """
        attempt = load_id(context)
        some = next(obj.rows.each(), None) is not None
        if some and not self._append(context, obj, attempt):
            # An earlier try of the same step has written what it had read. That this one has read
            # more is not to be remembered, so that the next read finds it.
            return
        if obj.compared is not None:
            of = obj.compared
            for part in obj.rows.each():
                seen = seen_keys(part, of.key, broken=True)
                source_keys.remember(self.postgres(), of.source, of.stream, seen)
        if obj.read is not None:
            read = obj.read
            window = _window(context)[0], read.end
            checkpoints.record(
                self.postgres(), read.source, read.stream, window, read.checkpoint, attempt
            )

    def _append(self, context: OutputContext, obj: RawRows, attempt: str) -> bool:
        now = pa.scalar(dt.datetime.now(dt.UTC), pa.timestamp("us", "UTC"))

        def stamped(part: pa.Table) -> pa.Table:
            part = part.append_column("_load_id", pa.repeat(attempt, part.num_rows))
            return part.append_column("_extracted_at", pa.repeat(now, part.num_rows))

        readers = progress.cleaned_from_raw(obj.becomes)
        with progress.rewriting(self.postgres(), readers, *_window(context)):
            return self.store().append(
                context.asset_key.to_user_string(),
                obj.rows.map(stamped),
                load_id=attempt,
                keep_retyped=True,
            )


class CleanLakeIOManager(_LakeInput):
    """Replaces an entity's hours, those of its quarantine, and what is known of their rows."""

    def load_input(self, context: InputContext) -> pa.Table | Parts:
        """The rows of the input's hours; `in_parts` where its metadata asks for that."""
        found = self.scan(context)
        in_parts = (context.definition_metadata or {}).get("in_parts")
        return found if in_parts else found.whole()

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
    asset = f"clean/{entity}"
    hours = made.counts["hour"]
    if len(hours) and not start <= hours.min() <= hours.max() < end:
        raise ValueError(
            f"{asset}: rows from {hours.min()} to {hours.max()} are outside of the range "
            f"[{start}, {end}) that is replaced"
        )
    published = int(made.counts["rows_published"].sum())
    load = slices.Load(attempt, asset, start, end, HOUR, made.epoch)
    with warehouse.transaction() as cursor, slices.publishing(cursor, load) as publication:
        if publication.before is not None:
            return
        with progress.rewriting(warehouse, progress.loaded_from_clean(entity), start, end):
            lake.replace(f"quarantine/{entity}", made.quarantined, start, end, load_id=attempt)
            lake.replace(asset, made.published, start, end, load_id=attempt)
        rows.record_counts(cursor, entity, made.counts, start, end, attempt)
        publication.note(published, published)
