"""The embedded stack as a whole: started in parallel, stopped, asked how it is."""

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shop_assets.stack import cache, postgres, s3, state
from shop_assets.stack.endpoints import (
    Endpoints,
    check_replacements,
    replaced_services,
    resolve_endpoints,
)
from shop_assets.stack.process import HOST, is_running
from shop_assets.stack.state import ServiceRecord, StackState

_STOPS = {postgres.NAME: postgres.stop, s3.NAME: s3.stop, cache.NAME: cache.stop}
_HEALTH = {
    postgres.NAME: postgres.is_healthy,
    s3.NAME: s3.is_healthy,
    cache.NAME: cache.is_healthy,
}


@dataclass(frozen=True)
class ServiceStatus:
    """How one server is; holds no secret."""

    name: str
    running: bool
    healthy: bool
    pid: int | None
    address: str


def start(
    home: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    durable: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Endpoints:
    """Start what the environment does not replace and what is not healthy already.

    `durable=False` trades safety on power loss for speed (tests). Raises `StackError` with the
    server's last words where one does not come up.
    """
    folder = state.prepare_home(home)
    with state.locked(folder):
        current = state.load(home) or state.new()
        # Written before the servers are made: their data is of no use without its credentials.
        state.save(home, current)
        replaced = replaced_services(environ, current)
        check_replacements(environ, replaced)
        wanted = {
            postgres.NAME: not replaced.postgres,
            s3.NAME: not replaced.s3,
            cache.NAME: not replaced.redis,
        }
        missing = [n for n, want in wanted.items() if want and not _is_healthy(current, n)]
        starts: dict[str, Callable[[], ServiceRecord]] = {
            postgres.NAME: lambda: postgres.start(
                folder, current.secrets, current.services.get(postgres.NAME), durable=durable
            ),
            s3.NAME: lambda: s3.start(folder, current.secrets, current.services.get(s3.NAME)),
            cache.NAME: lambda: cache.start(
                folder, current.secrets, current.services.get(cache.NAME)
            ),
        }
        with ThreadPoolExecutor(max_workers=len(starts)) as pool:
            if progress is not None and missing:
                progress(f"starting {', '.join(missing)}")
            futures = {name: pool.submit(starts[name]) for name in missing}
            errors = []
            for name, future in futures.items():
                error = future.exception()
                if error is None:
                    current.services[name] = future.result()
                else:
                    errors.append(error)
        state.save(home, current)
        if errors:
            raise errors[0]
    return resolve_endpoints(home, environ)


def stop(home: Path) -> list[str]:
    """Stop what runs from this home; returns the names of the servers stopped."""
    if state.load(home) is None:
        return []
    with state.locked(state.stack_dir(home)):
        current = state.load(home)
        if current is None:
            return []
        running = [name for name, record in current.services.items() if is_running(record)]
        with ThreadPoolExecutor(max_workers=3) as pool:
            list(pool.map(lambda name: _STOPS[name](current.services[name]), running))
    return running


def status(home: Path) -> list[ServiceStatus]:
    """How each server of this home is."""
    current = state.load(home)
    found = []
    for name in _STOPS:
        record = current.services.get(name) if current else None
        alive = record is not None and is_running(record)
        found.append(
            ServiceStatus(
                name=name,
                running=alive,
                healthy=current is not None and _is_healthy(current, name),
                pid=record.pid if record is not None and alive else None,
                address=f"{HOST}:{record.port}" if record is not None and alive else "",
            )
        )
    return found


@contextmanager
def running(
    home: Path,
    *,
    environ: Mapping[str, str] = os.environ,
    durable: bool = True,
    progress: Callable[[str], None] | None = None,
) -> Iterator[Endpoints]:
    """Start the stack; at the end stop it, unless it had been running before."""
    before = any(service.running for service in status(home))
    try:
        yield start(home, environ=environ, durable=durable, progress=progress)
    finally:
        if not before:
            stop(home)


def _is_healthy(current: StackState, name: str) -> bool:
    record = current.services.get(name)
    return record is not None and is_running(record) and _HEALTH[name](record, current.secrets)
