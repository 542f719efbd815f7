"""Times Dagster's bookkeeping: `python benchmarks/event_log.py postgresql+psycopg2://... `.

One range run over hours x assets that do nothing, in one process, with Dagster's own event log
storage (`--storage upstream`) or the batching one. Prints JSON: milliseconds per asset and hour,
and where they go. The database's Dagster tables are made if they are missing.
"""

import argparse
import cProfile
import json
import os
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path

import dagster as dg
import yaml

HOURLY = dg.HourlyPartitionsDefinition(start_date="2020-01-01-00:00")
STORAGES = {
    "batching": ("shop_assets.dagster_storage", "BatchingPostgresEventLogStorage"),
    "upstream": ("dagster_postgres", "PostgresEventLogStorage"),
}


def make_assets(count: int) -> list[dg.AssetsDefinition]:
    """A chain of partitioned assets that report the rows of each hour."""
    assets: list[dg.AssetsDefinition] = []
    for number in range(count):

        @dg.asset(
            name=f"asset_{number}",
            partitions_def=HOURLY,
            backfill_policy=dg.BackfillPolicy.single_run(),
            deps=assets[-1:],
        )
        def body(context: dg.AssetExecutionContext) -> None:
            for key in context.partition_keys:
                context.add_asset_metadata({"dagster/partition_row_count": 7}, partition_key=key)

        assets.append(body)
    return assets


def make_instance(home: str, url: str, storage: str) -> dg.DagsterInstance:
    module, name = STORAGES[storage]
    configuration = {
        "event_log_storage": {"module": module, "class": name, "config": {"postgres_url": url}},
        "telemetry": {"enabled": False},
    }
    for part in ("run_storage", "schedule_storage"):
        configuration[part] = {
            "module": "dagster_postgres",
            "class": "PostgresRunStorage" if part == "run_storage" else "PostgresScheduleStorage",
            "config": {"postgres_url": url},
        }
    Path(home, "dagster.yaml").write_text(yaml.safe_dump(configuration))
    return dg.DagsterInstance.from_config(home)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--storage", choices=sorted(STORAGES), default="batching")
    parser.add_argument("--hours", type=int, default=744)
    parser.add_argument("--assets", type=int, default=15)
    parser.add_argument("--batch", default="1000", help="DAGSTER_EVENT_BATCH_SIZE")
    parser.add_argument("--profile", help="file for cProfile's figures")
    arguments = parser.parse_args()
    os.environ["DAGSTER_EVENT_BATCH_SIZE"] = arguments.batch

    definitions = dg.Definitions(assets=make_assets(arguments.assets))
    job = definitions.resolve_implicit_global_asset_job_def()
    start = datetime(2024, 1, 1)  # noqa: DTZ001
    last = start + timedelta(hours=arguments.hours - 1)
    tags = {
        "dagster/asset_partition_range_start": start.strftime("%Y-%m-%d-%H:%M"),
        "dagster/asset_partition_range_end": last.strftime("%Y-%m-%d-%H:%M"),
    }
    with (
        tempfile.TemporaryDirectory() as home,
        make_instance(home, arguments.url, arguments.storage) as instance,
    ):
        profile = cProfile.Profile()
        if arguments.profile:
            profile.enable()
        began = time.perf_counter()
        result = job.execute_in_process(instance=instance, tags=tags)
        taken = time.perf_counter() - began
        if arguments.profile:
            profile.disable()
            profile.dump_stats(arguments.profile)
        assert result.success
        events = [
            record.timestamp
            for record in instance.all_logs(
                result.run_id,
                of_type={
                    dg.DagsterEventType.STEP_START,
                    dg.DagsterEventType.STEP_SUCCESS,
                    dg.DagsterEventType.RUN_SUCCESS,
                },
            )
        ]
        key = dg.AssetKey("asset_0")
        assert len(instance.get_materialized_partitions(key)) >= arguments.hours
    cells = arguments.hours * arguments.assets
    print(
        json.dumps(
            {
                "storage": arguments.storage,
                "batch": arguments.batch,
                "hours": arguments.hours,
                "assets": arguments.assets,
                "seconds": round(taken, 2),
                "ms_per_asset_and_hour": round(taken * 1000 / cells, 3),
                "seconds_in_steps": round(max(events) - min(events), 2),
                "seconds_before_the_first_step": round(taken - (max(events) - min(events)), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
