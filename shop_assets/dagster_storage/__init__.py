"""Dagster's event log on PostgreSQL, written in bulk: what makes range runs of years affordable."""

from shop_assets.dagster_storage.check_reports import report_check_evaluations
from shop_assets.dagster_storage.event_log import BatchingPostgresEventLogStorage

__all__ = ["BatchingPostgresEventLogStorage", "report_check_evaluations"]
