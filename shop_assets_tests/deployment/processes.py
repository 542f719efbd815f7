"""Starts a service's command as a process, waits until it is healthy, and ends what it started."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

BIN = Path(sys.executable).parent


def environment(**extra: str) -> dict[str, str]:
    """This process's environment without Dagster's and the shop's variables, plus `extra`."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("DAGSTER_", "SHOP_", "AWS_"))}
    return {**kept, "PATH": f"{BIN}{os.pathsep}{kept.get('PATH', '')}", **extra}


def free_port(*beside: int) -> int:
    """A free port below the ephemeral ones, such that those that far `beside` it are free too."""
    first = random.randrange(20000, 22000)  # so that parallel workers rarely meet
    for port in range(first, first + 500):
        if all(_is_free(port + step) for step in (0, *beside)):
            return port
    raise RuntimeError(f"no free port from {first}")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def running(
    words: list[str], *, env: Mapping[str, str], cwd: Path, name: str, patience: float = 30
) -> Iterator[subprocess.Popen[bytes]]:
    """The command as a process in a session of its own.

    At the end it gets SIGTERM, and `patience` seconds later what is left of its session is killed.
    """
    with (cwd / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            words,
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=patience)
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(timeout=30)


def wait_until(
    healthy: Callable[[], bool], process: subprocess.Popen[bytes], log: Path, seconds: float
) -> None:
    """Returns when `healthy`; raises with the end of the log if the process ended or time is up."""
    deadline = time.monotonic() + seconds
    while not healthy():
        ended = process.poll()
        if ended is not None or time.monotonic() > deadline:
            said = log.read_text("utf-8", "replace")[-3000:]
            what = "is not healthy in time" if ended is None else f"ended with {ended}"
            raise AssertionError(f"{process.args!r} {what}:\n{said}")
        time.sleep(0.2)
