"""A small shop's runs, and everything that Dagster answers when asked about them."""

from collections.abc import Callable, Mapping
from typing import Any

from dagster import (
    AssetCheckEvaluation,
    AssetCheckKey,
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetDep,
    AssetExecutionContext,
    AssetKey,
    AssetRecordsFilter,
    AutomationCondition,
    BackfillPolicy,
    DagsterEventType,
    DagsterInstance,
    Definitions,
    HourlyPartitionsDefinition,
    MaterializeResult,
    RunsFilter,
    asset,
    materialize,
)

from shop_assets.dagster_storage import report_check_evaluations

HOURS = HourlyPartitionsDefinition("2026-01-31-00:00", end_offset=0)
KEYS = HOURS.get_partition_keys()[:12]
ORDERS, SALES, RATES = AssetKey("orders"), AssetKey("sales"), AssetKey("rates")
LOADED, TIDY = AssetCheckKey(ORDERS, "loaded"), AssetCheckKey(ORDERS, "tidy")
WRONG = KEYS[4]
"""The hour whose blocking check fails when it is loaded in a range."""
TAG_START, TAG_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


def evaluations(keys: list[str]) -> list[AssetCheckEvaluation]:
    """The results of both checks for single partitions."""
    return [
        AssetCheckEvaluation(
            asset_key=ORDERS,
            check_name=check.name,
            passed=not (key == WRONG and check == LOADED),
            severity=AssetCheckSeverity.ERROR if check == LOADED else AssetCheckSeverity.WARN,
            metadata={"missing": 3} if key == WRONG else {},
            partition=key,
        )
        for check in (LOADED, TIDY)
        for key in keys
    ]


@asset(
    key=ORDERS,
    partitions_def=HOURS,
    backfill_policy=BackfillPolicy.single_run(),
    check_specs=[
        AssetCheckSpec("loaded", asset=ORDERS, blocking=True, partitions_def=HOURS),
        AssetCheckSpec("tidy", asset=ORDERS),
    ],
    code_version="7",
)
def orders(context: AssetExecutionContext) -> Any:
    keys = list(context.partition_keys)
    if context.run.tags.get("fails"):
        raise RuntimeError("the source is away")
    if len(keys) > 1:
        report_check_evaluations(context.instance, context.run, evaluations(keys))
        for key in keys:
            context.add_asset_metadata({"rows": len(key)}, asset_key=ORDERS, partition_key=key)
    yield MaterializeResult(
        check_results=[
            AssetCheckResult(check_name="loaded", asset_key=ORDERS, passed=WRONG not in keys),
            AssetCheckResult(check_name="tidy", asset_key=ORDERS, passed=True),
        ]
    )


@asset(
    key=SALES,
    deps=[AssetDep(ORDERS)],
    partitions_def=HOURS,
    backfill_policy=BackfillPolicy.single_run(),
    automation_condition=(
        AutomationCondition.missing() & AutomationCondition.all_deps_blocking_checks_passed()
    ),
)
def sales() -> None:
    """The hour's sales."""


@asset(key=RATES)
def rates() -> None:
    """An asset without partitions."""


def definitions() -> Definitions:
    """The shop."""
    return Definitions(assets=[orders, sales, rates])


def play(instance: DagsterInstance) -> dict[str, str]:
    """Run the shop for a while; gives each run's name by its id."""
    names: dict[str, str] = {}

    def run(name: str, assets: list[Any], key: str | None, last: str | None, **tags: str) -> None:
        done = materialize(
            assets,
            instance=instance,
            partition_key=key if last is None else None,
            tags={**tags, **({TAG_START: str(key), TAG_END: last} if last else {})},
            raise_on_error=False,
        )
        names[done.run_id] = name

    run("one hour", [orders, sales], KEYS[0], None)
    run("a range with a wrong hour", [orders], KEYS[1], KEYS[6])
    run("sales of a range", [sales], KEYS[1], KEYS[2])
    run("a range that fails", [orders], KEYS[6], KEYS[8], fails="yes")
    run("rates", [rates], None, None)
    run("an hour again", [orders], KEYS[2], None)
    return names


Question = Callable[[DagsterInstance, Mapping[str, str]], Any]


def _status(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    return {
        key.to_user_string(): instance.get_status_by_partition(key, KEYS, HOURS)
        for key in (ORDERS, SALES)
    }


def _materialized(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    storage = instance.event_log_storage
    return {
        key.to_user_string(): storage.get_materialized_partitions(key) for key in (ORDERS, SALES)
    }


def _latest(kind: DagsterEventType) -> Question:
    def ask(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
        ids = instance.event_log_storage.get_latest_storage_id_by_partition(ORDERS, kind)
        # Ids are the instance's own; what they say is which partition was later.
        return sorted(ids, key=lambda partition: ids[partition])

    return ask


def _counts(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    found = instance.fetch_materializations(ORDERS, limit=1000).records
    return sorted(
        (str(r.partition_key), names[r.run_id], sorted(r.asset_materialization.metadata))  # type: ignore[union-attr]
        for r in found
    )


def _filtered(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    wanted = AssetRecordsFilter(asset_key=ORDERS, asset_partitions=KEYS[2:4])
    found = instance.fetch_materializations(wanted, limit=100, ascending=True).records
    return [(r.partition_key, names[r.run_id]) for r in found]


def _records(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    answers = []
    for record in instance.get_asset_records([ORDERS, SALES, RATES]):
        entry = record.asset_entry
        last = entry.last_materialization_record
        assert last is not None
        planned = entry.last_planned_materialization_run_id
        answers.append(
            (
                entry.asset_key.to_user_string(),
                last.partition_key,
                names[last.run_id],
                names[str(entry.last_run_id)],
                None if planned is None else names[planned],
            )
        )
    return sorted(answers)


def _planned(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    storage = instance.event_log_storage
    found = [storage.get_latest_planned_materialization_info(ORDERS, key) for key in KEYS]
    return [info and names[info.run_id] for info in found]


def _attempts(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    storage: Any = instance.event_log_storage
    ask = storage.get_latest_asset_partition_materialization_attempts_without_materializations
    found = ask(ORDERS)
    return {partition: names[run_id] for partition, (run_id, _) in found.items()}


def _of_runs(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    return {
        name: {
            kind: instance.get_asset_partitions_for_run(run_id, kind)
            for kind in (
                DagsterEventType.ASSET_MATERIALIZATION,
                DagsterEventType.ASSET_MATERIALIZATION_PLANNED,
            )
        }
        for run_id, name in names.items()
    }


def _checks(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    info = instance.event_log_storage.get_asset_check_partition_info([LOADED, TIDY])
    return sorted(
        (
            each.check_key.name,
            str(each.partition_key),
            each.latest_execution_status.value,
            names[each.latest_planned_run_id],
            each.latest_materialization_storage_id is not None,
        )
        for each in info
    )


def _check_history(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    found = instance.event_log_storage.get_asset_check_execution_history(LOADED, limit=1000)
    return sorted(
        (names[r.run_id], str(r.partition), r.status.value, r.event is not None) for r in found
    )


def _check_status(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    found = instance.event_log_storage.get_latest_asset_check_execution_by_key([LOADED, TIDY])
    return {key.name: (names[r.run_id], r.status.value) for key, r in found.items()}


def _logs(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    logs = {}
    for run_id, name in names.items():
        events = [e.get_dagster_event() for e in instance.all_logs(run_id) if e.is_dagster_event]
        kinds = [(e.event_type_value, e.step_key) for e in events]
        assets = [
            (e.event_type_value, e.asset_key, e.partition)
            for e in events
            if e.asset_key is not None
        ]
        logs[name] = (sorted(map(str, kinds)), sorted(map(str, assets)))
    return logs


def _stats(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    answers = {}
    for run_id, name in names.items():
        stats: Any = instance.get_run_stats(run_id)
        steps = instance.get_run_step_stats(run_id)
        answers[name] = (
            (stats.steps_succeeded, stats.steps_failed, stats.materializations),
            [(s.step_key, str(s.status), len(s.materialization_events)) for s in steps],
        )
    return answers


def _tags(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    storage = instance.event_log_storage
    kind = DagsterEventType.ASSET_MATERIALIZATION
    versions = storage.get_latest_tags_by_partition(ORDERS, kind, ["dagster/data_version"])
    return dict(versions)


def _runs(instance: DagsterInstance, names: Mapping[str, str]) -> Any:
    return {names[run.run_id]: run.status for run in instance.get_runs(RunsFilter())}


QUESTIONS: dict[str, Question] = {
    "the status of each partition": _status,
    "the materialized partitions": _materialized,
    "the order of materializations": _latest(DagsterEventType.ASSET_MATERIALIZATION),
    "the order of planned ones": _latest(DagsterEventType.ASSET_MATERIALIZATION_PLANNED),
    "the materializations of each partition": _counts,
    "the materializations of some partitions": _filtered,
    "the records of the assets": _records,
    "the run that last planned a partition": _planned,
    "the attempts without a materialization": _attempts,
    "the partitions of each run": _of_runs,
    "the state of each partition's checks": _checks,
    "the history of a check": _check_history,
    "the latest result of each check": _check_status,
    "the log of each run": _logs,
    "the figures of each run": _stats,
    "the versions of each partition": _tags,
    "the runs": _runs,
}
