"""A tiny shop of each test's own: databases, a place in the lake, a folder, a Dagster instance."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import DagsterInstance

from shop_assets.definitions import build_definitions
from shop_assets.settings import load_settings
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets.warehouse.connection import Warehouse
from shop_assets_tests.automation.tiny_shop import CONFIG, DAGSTER, TinyShop
from shop_assets_tests.warehouse.databases import (
    OWNER,
    PASSWORD,
    admin_url,
    copied,
    make_template,
)

START = "2024-01-01"
LONGEST_TEST = 40


def open_instance(folder: Path, url: str) -> DagsterInstance:
    driver = url.replace("postgresql://", "postgresql+psycopg2://")
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(DAGSTER.format(url=driver), "utf-8")
    return DagsterInstance.from_config(str(folder))


@pytest.fixture(scope="session")
def warehouse_template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture(scope="session")
def dagster_template(stack: Endpoints, tmp_path_factory: pytest.TempPathFactory) -> str:
    name = f"dagster_{uuid.uuid4().hex[:12]}"
    url = create_database(admin_url(stack), name, owner=OWNER, password=PASSWORD)
    with open_instance(tmp_path_factory.mktemp("dagster"), url) as instance:
        assert instance.get_runs() == []
        assert instance.all_asset_keys() == []
        assert list(instance.all_instigator_state()) == []
    return url


@pytest.fixture(autouse=True)
def _one_hour_is_the_newest() -> None:
    """Wait, if another hour would become due while the test runs."""
    left = 3600 - (time.time() - 600) % 3600
    if left < LONGEST_TEST:
        time.sleep(left)


@contextmanager
def opened(
    stack: Endpoints, warehouse_template: str, dagster_template: str, folder: Path
) -> Iterator[TinyShop]:
    """A shop that nothing has been loaded of."""
    with (
        pytest.MonkeyPatch.context() as environment,
        copied(stack, warehouse_template) as url,
        copied(stack, dagster_template) as dagster_url,
        open_instance(folder / "dagster", dagster_url) as instance,
    ):
        places = {
            "SHOP_HOME": str(folder / "home"),
            "SHOP_POSTGRES_URL": url,
            "SHOP_S3_URL": f"{stack.s3_url}/{uuid.uuid4().hex}",
            "DAGSTER_HOME": str(folder / "dagster"),
            "DAGSTER_EVENT_BATCH_SIZE": "1000",
        }
        for name, value in {**stack.environment(), **places}.items():
            environment.setenv(name, value)
        path = folder / "shop.yaml"
        path.write_text(CONFIG.format(start=START), "utf-8")
        settings = load_settings(path, {})
        warehouse = Warehouse(url, zone=settings.shop.timezone)
        made = build_definitions(settings)
        yield TinyShop(folder, settings, made, instance, warehouse, dagster_url)


@pytest.fixture
def shop(
    stack: Endpoints, warehouse_template: str, dagster_template: str, tmp_path: Path
) -> Iterator[TinyShop]:
    """A shop of the test's own, to load and to compute."""
    with opened(stack, warehouse_template, dagster_template, tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def shared_shop(
    stack: Endpoints,
    warehouse_template: str,
    dagster_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[TinyShop]:
    folder = tmp_path_factory.mktemp("shop")
    with opened(stack, warehouse_template, dagster_template, folder) as made:
        yield made


@pytest.fixture
def watched(shared_shop: TinyShop) -> TinyShop:
    """A shop without any history, to ask its sensors; nothing is loaded in it."""
    shared_shop.forget()
    return shared_shop
