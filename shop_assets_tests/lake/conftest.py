"""A real S3 server (SeaweedFS) for the lake's tests, one per test session and worker."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from shop_assets.io_managers.delta_store import DeltaStore
from shop_assets.stack import s3

BUCKET = "shop"


@dataclass(frozen=True)
class Lake:
    """Where a lake is: a root and what `deltalake` needs to reach it."""

    root: str
    storage_options: dict[str, str]


def free_ports(count: int) -> list[int]:
    """Ports that nothing listened on a moment ago, all different."""
    with ExitStack() as open_sockets:
        sockets = [open_sockets.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


@contextmanager
def seaweedfs(home: Path, access_key: str, secret_key: str) -> Iterator[str]:
    """The URL of a server that runs, with a bucket."""
    identities = home / "identities.json"
    identities.write_text(
        json.dumps(
            {
                "identities": [
                    {
                        "name": "lake",
                        "credentials": [{"accessKey": access_key, "secretKey": secret_key}],
                        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
                    }
                ]
            }
        )
    )
    names = ("master", "volume", "filer", "s3")
    ports = free_ports(2 * len(names))
    flags = [f"-{name}.port={port}" for name, port in zip(names, ports, strict=False)]
    flags += [f"-{name}.port.grpc={port}" for name, port in zip(names, ports[4:], strict=False)]
    with (home / "weed.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(Path(sys.executable).with_name("weed")),
                "server",
                "-s3",
                "-ip=127.0.0.1",
                "-ip.bind=127.0.0.1",
                f"-dir={home}",
                f"-s3.config={identities}",
                "-s3.port.iceberg=0",
                "-s3.port.lance=0",
                f"-s3.localSocket={home / 's3.sock'}",
                f"-filer.localSocket={home / 'filer.sock'}",
                "-master.telemetry=false",
                "-master.volumePreallocate=false",
                "-master.volumeSizeLimitMB=64",
                "-volume.max=50",
                *flags,
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            cwd=home,
            env={**os.environ, "HOME": str(home)},
        )
    try:
        url = f"http://127.0.0.1:{ports[3]}"
        wait_for_bucket(process, url, (access_key, secret_key))
        yield url
    finally:
        process.kill()  # a clean stop takes 10 s and would save what nobody will read
        process.wait()
        s3.remove_sockets(ports)


def wait_for_bucket(process: subprocess.Popen[bytes], url: str, keys: tuple[str, str]) -> None:
    client = boto3.client(
        "s3",
        endpoint_url=url,
        aws_access_key_id=keys[0],
        aws_secret_access_key=keys[1],
        region_name="us-east-1",
        config=Config(connect_timeout=2, read_timeout=5, retries={"max_attempts": 1}),
    )
    deadline = time.monotonic() + 60
    while True:
        try:
            client.create_bucket(Bucket=BUCKET)
            client.put_object(Bucket=BUCKET, Key="ready", Body=b"")
        except (BotoCoreError, ClientError):
            if process.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """The bucket of a running S3 server."""
    home = tmp_path_factory.mktemp("seaweedfs")
    keys = ("lake" + secrets.token_hex(6), secrets.token_hex(20))
    with seaweedfs(home, *keys) as url:
        yield Lake(
            f"s3://{BUCKET}",
            {
                "AWS_ENDPOINT_URL": url,
                "AWS_ACCESS_KEY_ID": keys[0],
                "AWS_SECRET_ACCESS_KEY": keys[1],
                "AWS_REGION": "us-east-1",
                "AWS_ALLOW_HTTP": "true",
                "AWS_CONDITIONAL_PUT": "etag",
            },
        )


@pytest.fixture
def lake(s3_server: Lake) -> Lake:
    """An empty lake of the test's own."""
    return Lake(f"{s3_server.root}/{uuid.uuid4().hex}", s3_server.storage_options)


@pytest.fixture
def store(lake: Lake) -> DeltaStore:
    return DeltaStore(lake.root, lake.storage_options)
