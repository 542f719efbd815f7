"""Clean: each entity's rows, typed, judged and deduplicated; the rest set aside with a reason."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import pandas as pd
import pyarrow as pa
from dagster import (
    AssetExecutionContext,
    AssetIn,
    AssetKey,
    AssetsDefinition,
    MaterializeResult,
    asset,
)

from shop_assets.assets.columns import mapped_columns, table_metadata
from shop_assets.assets.raw import raw_key
from shop_assets.assets.steps import RETRIES, priority, step
from shop_assets.checks import cleaning
from shop_assets.checks.outcome import Outcome, Stopwatch, together
from shop_assets.checks.report import report
from shop_assets.entities import ENTITIES, TableSpec
from shop_assets.errors import UserError
from shop_assets.io_managers.delta import CleanedRows, epoch_of
from shop_assets.partition_span import Span, describe_partitions
from shop_assets.partitions import Calendar
from shop_assets.repeated_keys import RepeatedKeys
from shop_assets.settings import ShopSettings
from shop_assets.settings.mapping import EntityMapping, accountable
from shop_assets.spool import Spool
from shop_assets.transforms.clean import (
    Cleaned,
    MissingColumnError,
    StreamOrigin,
    combine,
    settle,
    summed,
)
from shop_assets.transforms.judge import judge, judged_schema, map_rows, numbers_repeats
from shop_assets.transforms.parts import Parts
from shop_assets.warehouse.connection import to_frame


def clean_key(entity: str) -> AssetKey:
    """The asset of an entity's cleaned rows."""
    return AssetKey(["clean", entity])


def clean_assets(settings: ShopSettings, calendar: Calendar) -> list[AssetsDefinition]:
    """One asset for each entity that any stream becomes."""
    return [_clean_asset(settings, calendar, ENTITIES[name]) for name in settings.entities]


def _clean_asset(settings: ShopSettings, calendar: Calendar, spec: TableSpec) -> AssetsDefinition:
    key = clean_key(spec.name)
    origins = settings.entities[spec.name]
    inputs = {f"{source}__{stream}": (source, stream) for source, stream in origins}
    mappings = {
        name: settings.stream(source, stream).entities[spec.name]
        for name, (source, stream) in inputs.items()
    }
    lineage = mapped_columns(
        {raw_key(*inputs[name]): mapping for name, mapping in mappings.items()}
    )

    @asset(
        key=key,
        ins={name: AssetIn(key=raw_key(*origin)) for name, origin in inputs.items()},
        partitions_def=calendar.hourly,
        backfill_policy=calendar.backfill_policy,
        io_manager_key="clean_lake",
        retry_policy=RETRIES,
        group_name="clean",
        kinds={"pandas", "pandera", "deltalake"},
        owners=[settings.shop.owner],
        tags={"layer": "clean", "entity": spec.name},
        op_tags=priority(spec.name),
        description=f"{spec.description} Cleaned; what failed is in quarantine/{spec.name}.",
        metadata=table_metadata(spec, f"clean/{spec.name}"),
        check_specs=cleaning.specs(key),
    )
    @step
    def clean_entity(
        context: AssetExecutionContext, **raw: Parts
    ) -> MaterializeResult[CleanedRows]:
        span = Span.of(context)
        rows_of = {inputs[name]: rows for name, rows in raw.items()}
        cleaned, contract = cleaned_rows(settings, spec, rows_of, epoch_of(*raw.values()))
        counts = cleaned.counts
        published = counts.groupby(cleaning.hour_keys(counts["hour"]))["rows_published"].sum()
        rows = {str(key): int(n) for key, n in published.items()}
        return MaterializeResult(
            value=cleaned,
            metadata={
                "rows_read": int(counts["rows_read"].sum()),
                "rows_published": int(counts["rows_published"].sum()),
                "rows_quarantined": int(counts["rows_quarantined"].sum()),
                "rows_deduplicated": int(counts["rows_deduplicated"].sum()),
                **describe_partitions(context, span, key, rows, lineage),
            },
            check_results=report(context, key, span, contract, *cleaning.judge_counts(counts)),
        )

    return clean_entity


def cleaned_rows(
    settings: ShopSettings, spec: TableSpec, raw: Mapping[tuple[str, str], Parts], epoch: int
) -> tuple[CleanedRows, Outcome]:
    """What raw rows become, by source and stream, and whether that meets its contract.

    However many there are, few are in memory. The contract's seconds are also those in which each
    row was judged. Raises `UserError` where a mapping names a column that is not there.
    """
    judging = Stopwatch()
    streams = [_Stream(settings, spec, *origin, rows, judging) for origin, rows in raw.items()]
    gathered = RepeatedKeys(len(streams), spec.key)
    for number, stream in enumerate(streams):
        for table in stream.judged():
            gathered.add(number, table)
    published, quarantined = Spool(), Spool()
    counts: list[pd.DataFrame] = []
    outcomes: list[Outcome] = []
    for some in gathered:
        settled = [s.settled(rows) for s, rows in zip(streams, some, strict=True)]
        found = combine(settled, spec)
        outcomes.append(cleaning.judge_published(found.published, spec))
        counts.append(found.counts)
        for spool, table in zip((published, quarantined), found.tables(spec), strict=True):
            spool.append(table)
    contract = together(outcomes)
    contract = replace(contract, seconds=contract.seconds + judging.seconds)
    return CleanedRows(published.parts(), quarantined.parts(), summed(counts), epoch), contract


@dataclass(frozen=True)
class _Stream:
    """A stream that becomes an entity, its raw rows, and the time in which they are judged."""

    settings: ShopSettings
    spec: TableSpec
    source: str
    stream: str
    raw: Parts
    judging: Stopwatch

    @property
    def _mappings(self) -> Mapping[str, EntityMapping]:
        return self.settings.stream(self.source, self.stream).entities

    @property
    def _origin(self) -> StreamOrigin:
        zone = self.settings.sources[self.source].timezone
        return StreamOrigin(self.source, self.stream, zone, self.settings.shop.currency)

    def judged(self) -> Iterator[pa.Table]:
        """Its rows, judged; a part at a time, unless rows can only be judged together."""
        mapping = self._mappings[self.spec.name]
        parts = iter([self.raw.whole()]) if numbers_repeats(mapping) else self.raw.each()
        for part in parts:
            if not part.num_rows:
                continue
            try:
                rows = self._judged(part, mapping)
            except MissingColumnError as missing:
                raise UserError(
                    f"{self.settings.path}: sources.{self.source}.streams.{self.stream}: "
                    f"{missing.args[0]}; "
                    f"found {', '.join(n for n in part.column_names if not n.startswith('_'))}"
                ) from None
            yield pa.Table.from_pandas(rows, judged_schema(self.spec), preserve_index=False)

    def _judged(self, part: pa.Table, mapping: EntityMapping) -> pd.DataFrame:
        mapped = map_rows(
            part,
            self.spec,
            mapping,
            self._origin,
            takes_unreadable=self.spec.name == accountable(self._mappings),
            changed_columns=self.settings.stream(self.source, self.stream).changed_columns,
        )
        with self.judging:
            return judge(mapped, self.spec, mapping)

    def settled(self, judged: pa.Table) -> Cleaned:
        """What becomes of some of its rows, all of a key being there."""
        rows = to_frame(judged)
        return settle(rows, self.spec, self._mappings[self.spec.name], self._origin)
