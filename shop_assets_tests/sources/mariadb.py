"""A MariaDB server of the tests' own: it is gone, with all it wrote, when they are."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme
from sqlalchemy import create_engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

SERVER = shutil.which("mariadbd", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
INSTALL = shutil.which("mariadb-install-db", path="/usr/bin:/usr/local/bin:/usr/sbin")
USER = "owner"
_SECONDS = 60


@dataclass(frozen=True)
class MariaDb:
    """A database of the test's own. `ca`: the certificate by which the server's is known."""

    port: int
    password: str
    database: str
    ca: Path

    @property
    def url(self) -> str:
        return f"mariadb://{USER}:{self.password}@127.0.0.1:{self.port}/{self.database}"

    def run(self, *statements: str) -> None:
        engine = create_engine(
            self.url.replace("mariadb", "mariadb+pymysql", 1), poolclass=NullPool
        )
        with engine.begin() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
        engine.dispose()


@contextmanager
def mariadb_server(folder: Path) -> Iterator[MariaDb]:
    """A running server with an empty database `shop`, on a port of loopback."""
    assert SERVER is not None
    assert INSTALL is not None
    data, password = folder / "data", secrets.token_hex(12)
    user = ["--user=root"]
    subprocess.run(
        [
            *(INSTALL, "--no-defaults", f"--datadir={data}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db", *user),
        ],
        check=True,
        capture_output=True,
    )
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    ca, certificate, key = (folder / name for name in ("ca.pem", "server.pem", "server.key"))
    authority.cert_pem.write_to_path(ca)
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    start = folder / "start.sql"
    start.write_text(
        "DELETE FROM mysql.global_priv WHERE user = 'root';\n"
        "FLUSH PRIVILEGES;\n"
        f"CREATE USER {USER} IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO {USER} WITH GRANT OPTION;\n"
        "CREATE DATABASE shop;\n"
    )
    start.chmod(0o600)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(
            [
                *(SERVER, "--no-defaults", f"--datadir={data}", f"--socket={folder}/s", *user),
                *("--bind-address=127.0.0.1", f"--port={port}", f"--init-file={start}"),
                *(f"--ssl-cert={certificate}", f"--ssl-key={key}", f"--ssl-ca={ca}"),
                *("--innodb-flush-log-at-trx-commit=0", "--innodb-buffer-pool-size=32M"),
                *("--innodb-log-file-size=8M", "--skip-name-resolve", "--default-time-zone=+05:00"),
            ],
            stdout=log,
            stderr=log,
        )
    try:
        made = MariaDb(port, password, "shop", ca)
        _wait(server, made, folder / "log")
        yield made
    finally:
        server.kill()
        server.wait()
        shutil.rmtree(data, ignore_errors=True)


def _wait(server: subprocess.Popen[bytes], made: MariaDb, log: Path) -> None:
    give_up = time.monotonic() + _SECONDS
    while True:
        try:
            made.run("SELECT 1")
        except OperationalError:
            if server.poll() is not None or time.monotonic() > give_up:
                raise AssertionError(log.read_text("utf-8", "replace")[-2000:]) from None
            time.sleep(0.1)
        else:
            return
