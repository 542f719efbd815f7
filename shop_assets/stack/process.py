"""Start, recognise and end the servers' processes; pick their ports."""

import os
import random
import re
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from shop_assets.stack.state import ServiceRecord, StackError

HOST = "127.0.0.1"
LOOPBACK = (HOST, "localhost", "::1")
"""By these names a machine calls itself."""
# Below the ports that systems hand out for outgoing connections, so that a port that was free
# is still free when the server binds it or comes back to it.
PORTS = range(20_000, 32_000)
LOG_LIMIT = 10 * 2**20
_ADDRESS_TAKEN = re.compile(r"address already in use|could not bind|failed listening", re.I)


@dataclass(frozen=True)
class Account:
    """The unprivileged account under which a server runs when we are root."""

    uid: int
    gid: int
    name: str


class PortTakenError(Exception):
    """Another process took the port between choosing and binding it."""


def free_ports(count: int) -> list[int]:
    """`count` different ports on which nothing listens on loopback or on all addresses."""
    chosen: list[int] = []
    for port in random.SystemRandom().sample(PORTS, 500):
        if is_free(port):
            chosen.append(port)
            if len(chosen) == count:
                return chosen
    raise StackError(f"{HOST}: found no {count} free ports between 20000 and 31999.")


def is_free(port: int) -> bool:
    """Whether a server could bind the port on loopback."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def is_running(record: ServiceRecord) -> bool:
    """Whether the recorded process lives and is the server it was, not a reused process id."""
    try:
        process = psutil.Process(record.pid)
        return _matches(process, record.program, record.marker)
    except psutil.Error:
        return False


def find(program: str, marker: str) -> list[int]:
    """Processes of this program with exactly this argument on their command line."""
    found = []
    for process in psutil.process_iter():
        try:
            if _matches(process, program, marker):
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def find_titled(title: str) -> list[int]:
    """Processes that call themselves by a title that begins so, as PostgreSQL's children do."""
    found = []
    for process in psutil.process_iter():
        try:
            command = process.cmdline()
        except psutil.Error:
            continue
        if command and command[0].startswith(title):
            found.append(process.pid)
    return found


def _matches(process: psutil.Process, program: str, marker: str) -> bool:
    if process.status() == psutil.STATUS_ZOMBIE:
        return False
    command = process.cmdline()
    return bool(command) and Path(command[0]).name == program and marker in command[1:]


def spawn(
    command: Sequence[str], *, log: Path, cwd: Path, account: Account | None = None
) -> "subprocess.Popen[bytes]":
    """Start a server in a session of its own, so that Ctrl-C in the terminal does not reach it.

    It gets a bare environment (no credential of the user's is passed on) and a umask of 077.
    """
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=descriptor,
            stderr=subprocess.STDOUT,
            cwd=cwd,
            env=bare_environment(cwd),
            start_new_session=True,
            umask=0o077,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
        )
    except OSError as error:
        raise StackError(
            f"{command[0]} cannot be started ({error.strerror}), expected a program of the "
            "installed packages; install shop-assets again."
        ) from error
    finally:
        os.close(descriptor)


def bare_environment(home: Path) -> dict[str, str]:
    """What a server needs to know of its surroundings: paths, language and UTC."""
    path = os.environ.get("PATH", os.defpath)
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def wait_until(
    ready: Callable[[], bool],
    process: "subprocess.Popen[bytes]",
    *,
    name: str,
    log: Path,
    log_start: int,
    timeout: float,
) -> None:
    """Poll `ready` until it is true.

    Raises:
        PortTakenError: the server ended because its port was taken.
        StackError: the server ended or was not ready in `timeout` seconds; says its last words.
    """
    deadline = time.monotonic() + timeout
    while not ready():
        if process.poll() is not None:
            said = _tail(log, log_start)
            if _ADDRESS_TAKEN.search(said):
                raise PortTakenError
            raise StackError(
                f"{name} ended with code {process.returncode} while starting; its log {log} "
                f"ends with: {said}"
            )
        if time.monotonic() > deadline:
            raise StackError(
                f"{name} was not ready after {timeout:.0f} seconds; its log {log} ends with: "
                f"{_tail(log, log_start)}"
            )
        time.sleep(0.03)


def _tail(log: Path, start: int) -> str:
    """The last lines written since `start`, in one line."""
    with log.open("rb") as file:
        file.seek(0, os.SEEK_END)
        size = file.tell()
        file.seek(max(start if start <= size else 0, size - 4000))
        text = file.read().decode("utf-8", "replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[-5:]) or "(nothing)"


def log_size(log: Path) -> int:
    """Where the next line of the log will start."""
    return log.stat().st_size if log.exists() else 0


def end(pid: int, steps: Sequence[tuple[signal.Signals, float]]) -> None:
    """Send each signal in turn and give it its seconds, until the process is gone."""
    for number, seconds in steps:
        try:
            process = psutil.Process(pid)
            process.send_signal(number)
            process.wait(seconds)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
        else:
            return
