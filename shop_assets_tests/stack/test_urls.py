"""A malformed URL is one sentence that repeats no password, and nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop_assets.errors import UserError
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import resolve_endpoints
from shop_assets_tests.stack.servers import processes

RIGHT = {
    "SHOP_POSTGRES_URL": "postgresql://u:p@db:5432/warehouse",
    "SHOP_S3_URL": "s3://bucket/prefix",
    "SHOP_REDIS_URL": "redis://:p@cache:6379/0",
}
POSTGRES = "postgresql://user:password@host:port/database"
S3 = "s3://bucket or s3://bucket/prefix"
ENDPOINT = "http://host:port or https://host"
REDIS = "redis://:password@host:port/0"


@pytest.mark.parametrize(
    ("variable", "url", "found", "expected"),
    [
        ("SHOP_POSTGRES_URL", "hunter2", "is a text without ://", POSTGRES),
        ("SHOP_POSTGRES_URL", "mysql://u:hunter2@db/x", "is mysql://***@db/x", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:hunter2@db", "is postgresql://***@db", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://h?password=hunter2", "is postgresql://h?***", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:hunter2@db:x/y", "is not a URL", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:hunter2/3@db/y", "is not a URL", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:[hunter2@db/y", "is not a URL", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:h@hunter2@db/y", "has a password that", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:h@hunter2/3@db/y", "has a password that", POSTGRES),
        ("SHOP_POSTGRES_URL", "postgresql://u:hunter2%ZZ@db/y", "has a % that begins", POSTGRES),
        ("SHOP_POSTGRES_READER_URL", "postgresql://u:hunter2%@db/y", "has a % that", POSTGRES),
        ("SHOP_POSTGRES_READER_URL", "mysql://r:hunter2@db/x", "is mysql://***@db/x", POSTGRES),
        ("SHOP_DAGSTER_POSTGRES_URL", "sqlite:///hunter2@x", "is sqlite://***@x", POSTGRES),
        ("SHOP_S3_URL", "bucket", "is a text without ://", S3),
        ("SHOP_S3_URL", "https://u:hunter2@bucket", "is https://***@bucket", S3),
        ("SHOP_S3_URL", "s3://key:hunter2@bucket", "is s3://***@bucket", S3),
        ("SHOP_S3_URL", "s3://", "is s3://", S3),
        ("SHOP_S3_ENDPOINT", "localhost:80", "is a text without ://", ENDPOINT),
        ("SHOP_S3_ENDPOINT", "http://k:hunter2@s3", "is http://***@s3", ENDPOINT),
        ("SHOP_S3_ENDPOINT", "http://s3:hunter2", "is not a URL", ENDPOINT),
        ("SHOP_REDIS_URL", "cache:6379", "is a text without ://", REDIS),
        ("SHOP_REDIS_URL", "http://:hunter2@cache", "is http://***@cache", REDIS),
        ("SHOP_REDIS_URL", "redis://:hunter2@cache/x", "is redis://***@cache/x", REDIS),
        ("SHOP_REDIS_URL", "redis://:hunter2@cache:x/0", "is not a URL", REDIS),
        ("SHOP_REDIS_URL", "redis://", "is redis://", REDIS),
    ],
)  # fmt: skip
def test_a_malformed_url_is_named_with_what_is_expected(
    variable: str, url: str, found: str, expected: str, tmp_path: Path
) -> None:
    with pytest.raises(UserError) as refusal:
        resolve_endpoints(tmp_path, {**RIGHT, variable: url})
    said = str(refusal.value)
    assert said.startswith(f"{variable} {found}")
    assert f", expected {expected}" in said
    assert said.endswith(".")
    assert "hunter2" not in said
    assert "\n" not in said
    assert refusal.value.__cause__ is None


@pytest.mark.parametrize("variable", RIGHT)
def test_where_one_url_is_malformed_no_server_is_started_for_the_others(
    variable: str, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    with (
        pytest.raises(UserError, match=f"^{variable} is "),
        embedded.running(home, environ={variable: "nonsense"}, durable=False),
    ):
        pass
    assert not processes(home)
    assert {p.name for p in (home / "stack").iterdir()} == {"lock", "state.json"}


@pytest.mark.parametrize("lacking", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_of_a_pair_of_keys_is_refused(lacking: str, tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "hunter1", "AWS_SECRET_ACCESS_KEY": "hunter2"}
    [given] = keys.keys() - {lacking}
    with pytest.raises(UserError) as refusal:
        resolve_endpoints(tmp_path, {**RIGHT, given: keys[given]})
    assert str(refusal.value) == (f"{given} is set but {lacking} is not, expected both or neither.")


@pytest.mark.parametrize(
    ("url", "libpq", "dagster"),
    [
        (
            "postgresql+psycopg2://u:p%2F@db/w?sslmode=verify-full",
            "postgresql://u:p%2F@db/w?sslmode=verify-full",
            "postgresql+psycopg2://u:p%2F@db/w?sslmode=verify-full&options=-csearch_path%3Ddagster",
        ),
        (
            "postgresql://u:p@db/w@home",
            "postgresql://u:p@db/w@home",
            "postgresql+psycopg2://u:p@db/w@home?options=-csearch_path%3Ddagster",
        ),
        (
            "postgres:///w",
            "postgresql:///w",
            "postgresql+psycopg2:///w?options=-csearch_path%3Ddagster",
        ),
    ],
)
def test_a_url_may_name_a_driver_a_socket_and_options(
    url: str, libpq: str, dagster: str, tmp_path: Path
) -> None:
    where = resolve_endpoints(tmp_path, {**RIGHT, "SHOP_POSTGRES_URL": url})
    assert where.postgres_url == where.postgres_reader_url == libpq
    assert where.dagster_postgres_url == dagster


def test_without_an_endpoint_s3_is_aws_over_tls(tmp_path: Path) -> None:
    where = resolve_endpoints(tmp_path, {**RIGHT, "AWS_REGION": "eu-central-1"})
    assert where.storage_options() == {"AWS_REGION": "eu-central-1", "aws_conditional_put": "etag"}
    own = resolve_endpoints(tmp_path, {**RIGHT, "SHOP_S3_ENDPOINT": "https://s3.example/"})
    assert "AWS_ALLOW_HTTP" not in own.storage_options()
    assert own.s3_endpoint == "https://s3.example"
