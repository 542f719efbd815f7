"""`shop-assets` as a user calls it: a process of its own, timed from its start to its end."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.memory import MIB, MemoryWatch


class CommandFailedError(Exception):
    """A command of the platform's ended with an error; the last that it said."""


@dataclass(frozen=True)
class Done:
    """A command that succeeded. `began`: seconds since 1970; `peak`, `servers`: MiB.

    `peak`: the most that its process held, as the kernel knew a second before its end.
    """

    began: float
    seconds: float
    peak: float
    servers: float
    said: Any


def surroundings(home: Path, variables: Mapping[str, str]) -> dict[str, str]:
    """The environment of a command for that home folder, with nothing of another shop's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SHOP_", "DAGSTER_", "AWS_", "PYTHONDONTWRITEBYTECODE"))
    }
    return {**kept, "SHOP_HOME": str(home), "PYTHONWARNINGS": "ignore", **variables}


def shop_assets(
    home: Path,
    variables: Mapping[str, str],
    *arguments: str,
    data_limit: float | None = None,
    servers_of: Path | None = None,
) -> Done:
    """Run the command with `--json`; `CommandFailedError` where it fails.

    `data_limit`: MiB that the kernel lets it have of memory of its own (`RLIMIT_DATA`).
    `servers_of`: the home folder whose servers are watched, if it is not `home`.
    """
    command = [str(Path(sys.executable).with_name("shop-assets")), *arguments, "--json"]
    began = time.time()
    clock = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=surroundings(home, variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    if data_limit is not None:
        bound = round(data_limit * MIB)
        psutil.Process(process.pid).rlimit(resource.RLIMIT_DATA, (bound, bound))
    with MemoryWatch(process.pid, servers_of or home) as watch:
        output, errors = process.communicate()
    seconds = time.perf_counter() - clock
    if process.returncode != 0:
        raise CommandFailedError(f"shop-assets {' '.join(arguments)}: {errors.strip()[-2000:]}")
    return Done(began, seconds, watch.peak, watch.servers, json.loads(output))


def steps(home: Path, variables: Mapping[str, str], since: float) -> dict[str, float]:
    """What the runs that began since then spent their time on; see `benchmarks.step_times`."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.step_times", str(since)],
        env=surroundings(home, variables),
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"step times: {done.stderr.strip()[-2000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found
