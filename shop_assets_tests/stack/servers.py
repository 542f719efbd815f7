"""What stands in an embedded stack, and which of this machine's processes are its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import boto3
import psutil
import psycopg2
import redis
from botocore.config import Config
from redis.backoff import NoBackoff
from redis.retry import Retry

from shop_assets.stack import embedded
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.state import stack_dir

NAMES = ("postgres", "s3", "redis")


def processes(home: Path) -> list[psutil.Process]:
    """The servers that run in this home and their children, by their working directory."""
    folder = str(stack_dir(home))
    found = []
    for process in psutil.process_iter():
        try:
            if process.cwd().startswith(folder) and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


def pids(home: Path) -> dict[str, int | None]:
    return {service.name: service.pid for service in embedded.status(home)}


def kill(pid: int | None) -> None:
    """End a server as a crash does, and wait until it is gone."""
    assert pid is not None
    process = psutil.Process(pid)
    os.kill(pid, signal.SIGKILL)
    process.wait(10)


def query(url: str, sql: str) -> object:
    """The first value of a statement's result, committed."""
    connection = psycopg2.connect(url, connect_timeout=5)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone() if cursor.description else None
            return row[0] if row else None
    finally:
        connection.close()


def bucket(where: Endpoints, *, secret: str | None = None) -> object:
    """A client of the S3 server that tries once."""
    return boto3.client(
        "s3",
        endpoint_url=where.s3_endpoint,
        aws_access_key_id=where.s3_access_key,
        aws_secret_access_key=secret or where.s3_secret_key,
        region_name=where.s3_region,
        config=Config(
            s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, proxies={}
        ),
    )


def put(where: Endpoints, key: str, body: bytes) -> None:
    bucket(where).put_object(Bucket="shop", Key=key, Body=body)  # type: ignore[attr-defined]


def get(where: Endpoints, key: str) -> bytes:
    answer = bucket(where).get_object(Bucket="shop", Key=key)  # type: ignore[attr-defined]
    return bytes(answer["Body"].read())


def cache(where: Endpoints) -> redis.Redis:
    assert where.redis_url is not None
    return redis.Redis.from_url(where.redis_url, socket_timeout=5, retry=Retry(NoBackoff(), 0))


def remember(where: Endpoints, value: str) -> None:
    """Leave the value in PostgreSQL and S3."""
    query(where.postgres_url, f"CREATE TABLE IF NOT EXISTS memo AS SELECT '{value}'::text AS v")
    query(where.postgres_url, f"UPDATE memo SET v = '{value}'")
    put(where, "memo", value.encode())


def remembered(where: Endpoints) -> tuple[object, bytes]:
    """What stands in PostgreSQL and S3."""
    return query(where.postgres_url, "SELECT v FROM memo"), get(where, "memo")
