"""Dagster's instance for runs in a command's own process."""

from __future__ import annotations

from pathlib import Path

from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

_UNCAPTURED = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}


def instance_of_command(home: Path) -> DagsterInstance:
    """The instance that `dagster.yaml` in a home folder declares, for whoever runs a command.

    What its steps print is for the terminal before them. To keep it for the UI, too, Dagster would
    start four processes for each run. What the platform has to say stands among the run's events.
    """
    return DagsterInstance.from_ref(
        InstanceRef.from_dir(str(home), overrides={"compute_logs": _UNCAPTURED})
    )
