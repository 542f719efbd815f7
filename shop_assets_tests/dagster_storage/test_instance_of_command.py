"""A command's own runs print to its terminal, and start no process to keep that elsewhere."""

import os
from pathlib import Path

import psutil
import pytest
from dagster import RunsFilter, job, op

from shop_assets.dagster_storage import instance_of_command


@op
def speak() -> None:
    os.write(1, b"said to whoever is there\n")
    children = psutil.Process().children(recursive=True)
    os.write(1, f"{len(children)} processes\n".encode())


@job
def speaking() -> None:
    speak()


def test_what_a_step_prints_is_for_the_terminal(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dagster.yaml").write_text("telemetry: {enabled: false}\n", "utf-8")
    others = len(psutil.Process().children(recursive=True))
    with instance_of_command(tmp_path) as instance:
        result = speaking.execute_in_process(instance=instance)
        assert result.success
        assert instance.get_runs(RunsFilter(run_ids=[result.run_id]))
    assert f"said to whoever is there\n{others} processes\n" in capfd.readouterr().out
    assert not list(tmp_path.rglob("*.out"))
    assert instance.telemetry_enabled is False
