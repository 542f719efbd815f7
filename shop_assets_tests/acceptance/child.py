"""A read in a process of its own: what it gives, and how much memory that takes.

`python -m shop_assets_tests.acceptance.child` takes a `Task` as JSON on its standard input and
prints what came of it.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets_tests.acceptance.subject import REPOSITORY, SUBJECTS, At, load_subjects
from shop_assets_tests.acceptance.wrong_toys import subject_of


@dataclass(frozen=True)
class Task:
    """What the process is to read, how often, and with what."""

    subject: str
    settings: dict[str, Any]
    folder: str
    stream: str
    start: str
    end: str
    times: int = 1
    redis_url: str | None = None
    shares: int = 1


@dataclass(frozen=True)
class Came:
    """Rows of each read, their size as given in all, by how much memory grew at its peak (MiB), and
    seconds of CPU with the start."""

    rows: list[int]
    megabytes: float
    growth: float
    seconds: float


def task(
    at: At, window: Window, *, times: int = 1, redis_url: str | None = None, **options: Any
) -> Task:
    """A read of the stream under test."""
    shares = options.pop("shares", 1)
    return Task(
        at.subject.name,
        at.settings(**options),
        str(at.source.folder),
        at.stream,
        window.start.isoformat(),
        window.end.isoformat(),
        times,
        redis_url,
        shares,
    )


@contextlib.contextmanager
def started(tasks: Sequence[Task]) -> Any:
    """Processes for tasks, at once; ended with the context."""
    running = []
    try:
        for each in tasks:
            process = subprocess.Popen(
                [sys.executable, "-m", "shop_assets_tests.acceptance.child"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                cwd=REPOSITORY,
                text=True,
            )
            running.append(process)
            assert process.stdin is not None
            process.stdin.write(json.dumps(asdict(each)))
            process.stdin.close()
            process.stdin = None
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def came(process: subprocess.Popen[str], timeout: float = 240) -> Came:
    """What came of a process' task."""
    said, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, "the process failed"
    return Came(**json.loads(said))


def perform(given: Task) -> Came:
    """Read, in this process."""
    subject = SUBJECTS.get(given.subject) or subject_of(given.subject)
    window = Window(datetime.fromisoformat(given.start), datetime.fromisoformat(given.end))
    reader = subject.connect(given.settings, Path(given.folder), given.redis_url, given.shares)
    # What is loaded and opened for the first read of all is not counted.
    for _ in reader.read(ReadRequest(given.stream, Window(window.start, window.start))):
        pass
    before, size, rows = _memory("VmRSS"), 0, []
    Path("/proc/self/clear_refs").write_text("5")
    for _ in range(given.times):
        count = 0
        for batch in reader.read(ReadRequest(given.stream, window)):
            count += batch.rows.num_rows
            size += batch.rows.nbytes
            del batch
        rows.append(count)
    growth = _memory("VmHWM") - before
    reader.close()
    return Came(rows, size / 2**20, growth, time.process_time())


def _memory(what: str) -> float:
    """A figure of this process' memory, in MiB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{what}:"):
            return int(line.split()[1]) / 1024
    raise AssertionError(f"no {what}")


def main() -> None:
    """Do what standard input says."""
    pa.set_memory_pool(pa.system_memory_pool())
    load_subjects()
    print(json.dumps(asdict(perform(Task(**json.load(sys.stdin))))))


if __name__ == "__main__":
    main()
