"""The S3 and Redis commands of compose.yaml, run as they stand but for their ports."""

from __future__ import annotations

import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import boto3
import psutil
import pytest
import redis
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from shop_assets.stack.s3 import remove_sockets
from shop_assets_tests.deployment.compose_file import services
from shop_assets_tests.deployment.processes import (
    BIN,
    environment,
    free_port,
    running,
    wait_until,
)
from shop_assets_tests.deployment.test_compose import filled

pytestmark = pytest.mark.xdist_group("compose-servers")


@dataclass(frozen=True)
class Started:
    """A server that answers its health check."""

    port: int
    process: psutil.Process


@pytest.fixture(scope="module", name="s3")
def _s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    service = services(filled())["s3"]
    folder = tmp_path_factory.mktemp("s3")
    (folder / "data").mkdir()
    port = free_port(1, 2, 3, 10000, 10001, 10002, 10003)  # gRPC is 10,000 above each
    words = [str(BIN / "weed"), *service.command]
    words[words.index("-dir=/data")] = f"-dir={folder / 'data'}"
    words[words.index("-s3.ip.bind=0.0.0.0")] = "-s3.ip.bind=127.0.0.1"
    words[words.index("-s3.port=8333")] = f"-s3.port={port}"
    for option, number in zip(
        ("-master.port", "-volume.port", "-filer.port"), (1, 2, 3), strict=True
    ):
        words.append(f"{option}={port + number}")
    (url,) = [word for word in service.health_test if word.startswith("http://")]
    health = url.replace(":8333", f":{port}")

    def healthy() -> bool:
        try:
            with urllib.request.urlopen(health, timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    env = environment(**service.environment)
    with running(words, env=env, cwd=folder, name="s3", patience=1) as process:
        wait_until(healthy, process, folder / "s3.log", 60)
        yield Started(port, psutil.Process(process.pid))
    remove_sockets((*range(port, port + 4), *range(port + 10000, port + 10004)))


@pytest.fixture(scope="module", name="cache")
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Started]:
    service = services(filled())["redis"]
    folder = tmp_path_factory.mktemp("redis")
    port = free_port()
    *shell, script = service.command
    script = script.replace("/tmp/", f"{folder}/") + f" --port {port} --bind 127.0.0.1"  # noqa: S108
    health = service.health_test[1].replace("redis-cli", f"redis-cli -p {port}")
    env = environment(**service.environment)

    def healthy() -> bool:
        return subprocess.run(["sh", "-c", health], env=env, check=False).returncode == 0

    with running([*shell, script], env=env, cwd=folder, name="redis") as process:
        wait_until(healthy, process, folder / "redis.log", 30)
        yield Started(port, psutil.Process(process.pid))


def client(s3: Started, key: str | None, secret: str = "") -> boto3.client:
    anonymous = Config(signature_version=UNSIGNED)
    return boto3.client(
        "s3",
        endpoint_url=f"http://127.0.0.1:{s3.port}",
        region_name="us-east-1",
        aws_access_key_id=key or "none",
        aws_secret_access_key=secret or "none",
        config=None if key else anonymous,
    )


def test_s3_lets_in_the_identity_of_the_environment_alone(s3: Started) -> None:
    key, secret = filled()["AWS_ACCESS_KEY_ID"], filled()["AWS_SECRET_ACCESS_KEY"]
    owner = client(s3, key, secret)
    owner.create_bucket(Bucket="deployment")
    owner.put_object(Bucket="deployment", Key="a", Body=b"b")
    assert owner.get_object(Bucket="deployment", Key="a")["Body"].read() == b"b"
    for stranger in (client(s3, key, "wrong"), client(s3, "other", secret), client(s3, None)):
        with pytest.raises(
            ClientError, match=r"403|SignatureDoesNotMatch|InvalidAccess|AccessDenied"
        ):
            stranger.get_object(Bucket="deployment", Key="a")


def test_the_lakes_bucket_is_made_once_and_left_alone_after_that(s3: Started) -> None:
    service = services(filled())["bucket"]
    here = {"SHOP_S3_ENDPOINT": f"http://127.0.0.1:{s3.port}"}
    env = environment(**{**service.environment, **here})
    owner = client(s3, env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"])
    subprocess.run(service.command, env=env, executable=sys.executable, check=True)
    owner.put_object(Bucket="shop", Key="kept", Body=b"x")
    subprocess.run(service.command, env=env, executable=sys.executable, check=True)
    assert [item["Key"] for item in owner.list_objects_v2(Bucket="shop")["Contents"]] == ["kept"]


def test_s3_refuses_to_overwrite_where_the_writer_asked_for_a_new_object(s3: Started) -> None:
    owner = client(s3, filled()["AWS_ACCESS_KEY_ID"], filled()["AWS_SECRET_ACCESS_KEY"])
    owner.create_bucket(Bucket="commits")
    owner.put_object(Bucket="commits", Key="0.json", Body=b"first", IfNoneMatch="*")
    with pytest.raises(ClientError, match="PreconditionFailed"):
        owner.put_object(Bucket="commits", Key="0.json", Body=b"second", IfNoneMatch="*")


def test_nothing_of_the_s3_server_but_s3_listens_beyond_its_container(s3: Started) -> None:
    words = services(filled())["s3"].command
    assert "-ip.bind=127.0.0.1" in words
    listening = [c for c in s3.process.net_connections("tcp") if c.status == psutil.CONN_LISTEN]
    assert len(listening) >= 4
    assert {c.laddr.ip for c in listening} == {"127.0.0.1"}


def test_redis_asks_for_the_password_and_shows_it_to_no_process_list(cache: Started) -> None:
    password = filled()["REDIS_PASSWORD"]
    known = redis.Redis(port=cache.port, password=password)
    assert known.ping()
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=cache.port).ping()
    assert password not in " ".join(cache.process.cmdline())
    known.close()


def test_redis_is_a_bounded_cache_that_keeps_nothing_on_disk(cache: Started) -> None:
    known = redis.Redis(port=cache.port, password=filled()["REDIS_PASSWORD"], decode_responses=True)
    assert known.config_get("maxmemory") == {"maxmemory": str(256 * 1024 * 1024)}
    assert known.config_get("maxmemory-policy") == {"maxmemory-policy": "allkeys-lru"}
    assert known.config_get("save") == {"save": ""}
    assert known.config_get("appendonly") == {"appendonly": "no"}
    known.close()


def test_redis_ends_at_the_signal_that_compose_sends(tmp_path: Path) -> None:
    service = services(filled())["redis"]
    *shell, script = service.command
    script = script.replace("/tmp/", f"{tmp_path}/")  # noqa: S108
    script += f" --port {free_port()} --bind 127.0.0.1"
    env = environment(**service.environment)
    log = tmp_path / "redis.log"
    with running([*shell, script], env=env, cwd=tmp_path, name="redis") as process:
        wait_until(
            lambda: "Ready to accept connections" in log.read_text("utf-8"), process, log, 30
        )
        process.terminate()
        assert process.wait(timeout=20) == 0
