"""A server of the user's own takes the place of the embedded one, which is then not started."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path

import pytest

from shop_assets.errors import UserError
from shop_assets.resources import CacheResource
from shop_assets.servers import open_warehouse
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import Endpoints, resolve_endpoints
from shop_assets.warehouse.connection import Warehouse, WarehouseUnavailableError
from shop_assets_tests.stack.servers import NAMES, cache, get, pids, processes, put, query

VARIABLES = {
    "postgres": ("SHOP_POSTGRES_URL", "SHOP_POSTGRES_READER_URL", "SHOP_DAGSTER_POSTGRES_URL"),
    "s3": ("SHOP_S3_URL", "SHOP_S3_ENDPOINT", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"),
    "redis": ("SHOP_REDIS_URL",),
}


def owned(stack: Endpoints, *names: str) -> dict[str, str]:
    """The variables of a user who has servers of these kinds."""
    variables = stack.environment()
    return {variable: variables[variable] for name in names for variable in VARIABLES[name]}


@pytest.mark.parametrize("own", NAMES)
def test_what_the_environment_names_is_used_and_only_the_rest_is_started(
    own: str, stack: Endpoints, tmp_path: Path
) -> None:
    theirs = owned(stack, *(name for name in NAMES if name != own))
    with embedded.running(tmp_path, environ=theirs, durable=False) as where:
        assert {name for name, pid in pids(tmp_path).items() if pid} == {own}
        servers = {
            "postgres": (where.postgres_url, stack.postgres_url),
            "s3": (where.s3_endpoint, stack.s3_endpoint),
            "redis": (where.redis_url, stack.redis_url),
        }
        assert {name for name, (used, other) in servers.items() if used != other} == {own}
        assert query(where.postgres_url, "SELECT 1") == 1
        put(where, "replaced", own.encode())
        assert get(where, "replaced") == own.encode()
        assert cache(where).ping()
    assert not processes(tmp_path)


def test_where_all_three_are_named_nothing_is_started(stack: Endpoints, tmp_path: Path) -> None:
    with embedded.running(tmp_path, environ=owned(stack, *NAMES), durable=False) as where:
        assert not processes(tmp_path)
        assert where.postgres_admin_url is None
        assert where.storage_options() == stack.storage_options()
    assert {p.name for p in (tmp_path / "stack").iterdir()} == {"lock", "state.json"}


def test_a_reader_is_found_by_its_name_however_its_url_writes_it(stack: Endpoints) -> None:
    written = replace(
        stack, postgres_reader_url=stack.postgres_reader_url.replace("reader:", "%72eader:")
    )
    open_warehouse(written, "UTC")
    # Whoever filled the stack's warehouse: the reader may ask it.
    asked = "SELECT count(*) >= 0 FROM marts.sales_daily"
    assert query(written.postgres_reader_url, asked) is True


def test_a_cache_that_is_away_is_passed_over_at_once(
    stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SHOP_HOME", str(tmp_path))
    for variable, value in owned(stack, *NAMES).items():
        monkeypatch.setenv(variable, value)
    assert CacheResource().put("test:kpi", "12", seconds=60)
    assert cache(stack).get("test:kpi") == b"12"
    wrong = str(stack.redis_url).replace("redis://:", "redis://:hunter2")
    for away in (wrong, "redis://127.0.0.1:1/0"):
        monkeypatch.setenv("SHOP_REDIS_URL", away)
        began = time.monotonic()
        assert not CacheResource().put("test:kpi", "13", seconds=60)
        assert time.monotonic() - began < 1.9, "it waits for no timeout"
    monkeypatch.delenv("SHOP_REDIS_URL")
    assert not CacheResource().put("test:kpi", "13", seconds=60)


def test_redis_alone_may_be_missing(stack: Endpoints, tmp_path: Path) -> None:
    assert resolve_endpoints(tmp_path, owned(stack, "postgres", "s3")).redis_url is None
    with pytest.raises(UserError, match=r"^PostgreSQL is not there: found neither SHOP_POSTGRES_U"):
        resolve_endpoints(tmp_path, owned(stack, "s3"))
    with pytest.raises(UserError, match=r"^S3 is not there: found neither SHOP_S3_URL nor a runn"):
        resolve_endpoints(tmp_path, owned(stack, "postgres"))


@pytest.mark.parametrize("role", ["loader", "nobody_there"])
def test_a_warehouse_that_does_not_let_us_in_is_one_sentence_without_the_password(
    role: str, stack: Endpoints
) -> None:
    url = stack.postgres_url.replace("loader:", f"{role}:hunter2")
    with pytest.raises(WarehouseUnavailableError) as refusal:
        Warehouse(url).create()
    said = str(refusal.value)
    place = stack.postgres_url.rpartition("@")[2]
    assert said.startswith(f"warehouse {place}: ")
    assert f'password authentication failed for user "{role}"' in said
    assert "expected a PostgreSQL server (SHOP_POSTGRES_URL) that lets the loader in" in said
    assert "\n" not in said
    assert "hunter2" not in said


def test_a_warehouse_that_is_not_there_is_one_sentence(stack: Endpoints) -> None:
    url = "postgresql://loader:hunter2@127.0.0.1:1/warehouse"
    with pytest.raises(WarehouseUnavailableError) as refusal:
        Warehouse(url).create()
    said = str(refusal.value)
    assert said.startswith("warehouse 127.0.0.1:1/warehouse: ")
    assert "Connection refused" in said
    assert "hunter2" not in said
