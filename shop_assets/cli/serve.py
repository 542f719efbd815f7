"""Dagster's webserver and daemon, and the open hour's loads, beside a command, until Ctrl-C."""

import contextlib
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shop_assets.errors import RunError, UserError
from shop_assets.signals import Stopping, asked_to_stop
from shop_assets.stack.process import HOST, is_free

_START_SECONDS = 180
_STOP_SECONDS = 60
_TAIL = 5


@dataclass
class Served:
    """Dagster's processes: the webserver at `port`, the daemon and their code server."""

    port: int
    process: "subprocess.Popen[bytes]"
    log: Path
    stopping: Stopping

    def goes_on(self, seconds: float) -> bool:
        """Wait that long; False once the user has asked to stop. `RunError` if Dagster ended."""
        deadline = time.monotonic() + seconds
        while not self.stopping.asked and time.monotonic() < deadline:
            self.expect_alive()
            time.sleep(0.2)
        return not self.stopping.asked

    def expect_alive(self) -> None:
        """`RunError` with Dagster's last words where it has ended."""
        code = self.process.poll()
        if code is not None and not self.stopping.asked:
            said = self.log.read_text("utf-8", "replace").strip().splitlines()[-_TAIL:]
            raise RunError(f"Dagster ended with code {code}; its log {self.log} ends: {said}")

    def answers(self) -> bool:
        """Whether the webserver is there."""
        try:
            with urllib.request.urlopen(f"http://{HOST}:{self.port}/server_info", timeout=5):
                return True
        except (urllib.error.URLError, OSError):
            return False


@contextlib.contextmanager
def serving(port: int, log: Path) -> Iterator[Served]:
    """Start Dagster for the shop of this process's environment; end it, with all its runs, after.

    Ctrl-C and SIGTERM then ask to stop instead of ending this process.
    """
    if not is_free(port):
        raise UserError(f"port {port} of {HOST} is taken, expected a free one; name it with --port")
    with asked_to_stop() as stopping, log.open("ab") as output:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("dagster")),
                *("dev", "-m", "shop_assets.definitions", "-h", HOST, "-p", str(port)),
            ],
            # The UI's backfills become runs of a day; the log is not for developers' warnings.
            env={"PYTHONWARNINGS": "ignore", **os.environ, "SHOP_BACKFILL_HOURS": "24"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            # The terminal's Ctrl-C reaches this process alone, which then ends them in order.
            start_new_session=True,
        )
        served = Served(port, process, log, stopping)
        try:
            deadline = time.monotonic() + _START_SECONDS
            while not served.answers() and served.goes_on(0.5):
                if time.monotonic() > deadline:
                    raise RunError(f"Dagster was not ready in {_START_SECONDS} s; its log is {log}")
            yield served
        finally:
            _end(process)


@contextlib.contextmanager
def following(log: Path) -> Iterator[None]:
    """Load the open hour again and again beside this process, until the end."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("shop-assets")), "live"],
            env={"PYTHONWARNINGS": "ignore", **os.environ},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield
    finally:
        _end(process)


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Interrupt a process, which ends its own; what is left of its session is killed."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
