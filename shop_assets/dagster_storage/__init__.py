"""What reaches into Dagster: its storages on PostgreSQL, events in bulk, connections kept; and the
executor of a run's steps."""

from shop_assets.dagster_storage.check_reports import report_check_evaluations
from shop_assets.dagster_storage.event_log import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.instance import instance_of_command
from shop_assets.dagster_storage.partition_metadata import add_partition_metadata
from shop_assets.dagster_storage.pooled import PooledPostgresRunStorage
from shop_assets.dagster_storage.threads import execute_here, threads

__all__ = [
    "BatchingPostgresEventLogStorage",
    "PooledPostgresRunStorage",
    "add_partition_metadata",
    "execute_here",
    "instance_of_command",
    "report_check_evaluations",
    "threads",
]
