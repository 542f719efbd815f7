"""Dagster's storages on PostgreSQL, for runs over many hours: events in bulk, connections kept."""

from shop_assets.dagster_storage.check_reports import report_check_evaluations
from shop_assets.dagster_storage.event_log import BatchingPostgresEventLogStorage
from shop_assets.dagster_storage.instance import instance_of_command
from shop_assets.dagster_storage.pooled import PooledPostgresRunStorage

__all__ = [
    "BatchingPostgresEventLogStorage",
    "PooledPostgresRunStorage",
    "instance_of_command",
    "report_check_evaluations",
]
