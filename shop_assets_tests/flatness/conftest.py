"""The same hour, watched after a short history and after a long one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest

from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.flatness.history import NOW, History, fill
from shop_assets_tests.flatness.hour import Hour, look_for_missing_hours
from shop_assets_tests.flatness.watching import Statement, WatchedWarehouse
from shop_assets_tests.warehouse.databases import copied, make_template

_SIX_HOURS = dt.timedelta(hours=6)
SHORT = History(4 * 60, _SIX_HOURS, orders=20)
LONG = History(4 * 360, _SIX_HOURS, orders=20)


@dataclass(frozen=True)
class Watched:
    """What the steps of one hour executed, and the rows that each table then had."""

    steps: dict[str, list[Statement]]
    sizes: dict[str, int]


@pytest.fixture(scope="session")
def template(stack: Endpoints) -> str:
    return make_template(stack)


@pytest.fixture(scope="session")
def short(stack: Endpoints, template: str) -> Watched:
    """The hour after two months."""
    return _watched(stack, template, SHORT)


@pytest.fixture(scope="session")
def long(stack: Endpoints, template: str) -> Watched:
    """The hour after twelve months."""
    return _watched(stack, template, LONG)


def _watched(stack: Endpoints, template: str, history: History) -> Watched:
    with _filled(stack, template, history) as warehouse:
        steps: dict[str, list[Statement]] = {}
        for step in Hour(warehouse, orders=10, back=(1, 100)).run():
            warehouse.statements = steps.setdefault(step, [])
        return Watched(steps, _sizes(warehouse))


@contextmanager
def _filled(stack: Endpoints, template: str, history: History) -> Iterator[WatchedWarehouse]:
    with copied(stack, template) as url:
        warehouse = WatchedWarehouse(url)
        fill(warehouse, history)
        look_for_missing_hours(warehouse, NOW)  # as the sensor has done every two minutes
        yield warehouse


def _sizes(warehouse: WatchedWarehouse) -> dict[str, int]:
    """Rows of each stored table and month, as the planner knows them."""
    frame = warehouse.read(
        "SELECT n.nspname || '.' || c.relname AS name, c.reltuples::bigint AS n FROM pg_class c "
        "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = 'r'"
    )
    return dict(zip(frame["name"], frame["n"].astype(int), strict=True))
