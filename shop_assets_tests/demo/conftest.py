"""A real PostgreSQL server, and simulated shops that live in databases of their own on it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest
from psycopg2 import sql

from shop_assets.demo import DemoPlan, DemoTargets, FlashSale, SimulatedShop, prepare_targets
from shop_assets.stack import postgres, state

Targets = Callable[[], DemoTargets]

START = dt.datetime(2026, 11, 2, 23, tzinfo=dt.UTC)
PLAN = DemoPlan(START, orders_per_hour=25, flash_sale=FlashSale(20, 2, 10.0), dirt=0.01)
"""A small shop with much dirt: midnight in Berlin, a sale in the evening of its first day."""

HOURS = 60


@pytest.fixture(scope="session")
def admin_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The superuser's URL of the embedded server."""
    held = state.new().secrets
    folder = state.prepare_home(tmp_path_factory.mktemp("demo"))
    record = postgres.start(folder, held, None, durable=False)
    try:
        yield postgres.admin_url(held, record.port)
    finally:
        postgres.stop(record)


def new_targets(admin_url: str, folder: Path) -> DemoTargets:
    """Two empty databases and a folder."""
    urls = []
    for kind in ("storefront", "wms"):
        name = f"{kind}_{uuid.uuid4().hex[:10]}"
        urls.append(postgres.create_database(admin_url, name, owner="shop", password="Pa55word"))
    return DemoTargets(urls[0], urls[1], folder)


def drop(admin_url: str, targets: DemoTargets) -> None:
    connection = psycopg2.connect(admin_url)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for url in (targets.storefront_url, targets.wms_url):
            name = sql.Identifier(url.rsplit("/", 1)[1])
            cursor.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
    connection.close()


@pytest.fixture
def targets(admin_url: str, tmp_path: Path) -> Iterator[Targets]:
    """Makes rooms for shops, each empty and its own."""
    made: list[DemoTargets] = []

    def make() -> DemoTargets:
        made.append(new_targets(admin_url, tmp_path / f"files{len(made)}"))
        return made[-1]

    yield make
    for room in made:
        drop(admin_url, room)


@pytest.fixture(scope="session")
def grown(admin_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedShop]:
    """A shop that has lived for two days and a half. Not to be moved on."""
    room = new_targets(admin_url, tmp_path_factory.mktemp("grown"))
    with SimulatedShop.create(PLAN, room) as shop:
        shop.live(START + dt.timedelta(hours=HOURS))
        yield shop
    drop(admin_url, room)


__all__ = ["PLAN", "START", "Targets", "prepare_targets"]
