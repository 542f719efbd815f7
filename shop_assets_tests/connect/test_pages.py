"""The pages on connecting: one for each connector, about options that there are."""

from __future__ import annotations

import re
from contextlib import closing
from typing import Any

import psycopg2
import pytest
import yaml
from pydantic import BaseModel

from shop_assets.settings.catalogue import connector_name, source_models
from shop_assets.settings.shape import keys
from shop_assets.settings.shop import ShopSettings, SqlSource
from shop_assets.sources import connect
from shop_assets.stack.endpoints import Endpoints
from shop_assets.stack.postgres import create_database
from shop_assets_tests.conftest import REPOSITORY

PAGES = REPOSITORY / "docs" / "connect"
INDEX = (REPOSITORY / "docs" / "connect.md").read_text("utf-8")
BY_NAME = {connector_name(model): model for model in source_models()}


def page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text("utf-8")


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def models(root: type[BaseModel]) -> set[type[BaseModel]]:
    found, waiting = set(), [root]
    while waiting:
        model = waiting.pop()
        if model not in found:
            found.add(model)
            waiting += [inner for key in keys(model) for inner in key.models]
    return found


def options_of(root: type[BaseModel]) -> set[str]:
    return {key.name for model in models(root) for key in keys(model)}


def test_every_connector_has_its_page_and_there_is_no_other() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(BY_NAME)
    for name in BY_NAME:
        assert f"| `{name}` |" in INDEX
        assert f"(connect/{name}.md)" in INDEX


@pytest.mark.parametrize("name", BY_NAME)
def test_every_option_that_a_page_names_is_one(name: str) -> None:
    """Of names in code with a colon (`cursor: updated_at`), and of the keys of each example."""
    known = options_of(BY_NAME[name])
    named = set(re.findall(r"`([a-z_]+):[ `]", page(name)))
    streams = set(getattr(BY_NAME[name], "STREAMS", ()))
    unknown = named - known - options_of(ShopSettings) - streams - entity_fields()
    assert not unknown


@pytest.mark.parametrize("name", [*BY_NAME, "index"])
def test_whole_examples_can_be_loaded(name: str) -> None:
    text = INDEX if name == "index" else page(name)
    for block in blocks(text, "yaml"):
        example: Any = yaml.safe_load(re.sub(r"\$\{[^}]*\}", "x", block))
        if isinstance(example, dict) and "sources" in example:
            shop = {"name": "x", "timezone": "UTC", "currency": "EUR", "start": "2026-01-01"}
            ShopSettings.model_validate({"shop": shop, **example})


@pytest.mark.parametrize("name", [*BY_NAME, "index"])
def test_links_lead_somewhere(name: str) -> None:
    folder = PAGES.parent if name == "index" else PAGES
    reference = (REPOSITORY / "docs" / "configuration.md").read_text("utf-8")
    text = INDEX if name == "index" else page(name)
    links = re.findall(r"\]\(([^)#\s]+)(?:#([\w-]+))?\)", text)
    for target, anchor in links:
        if "://" not in target:
            assert (folder / target).exists(), target
            if anchor and target.endswith("configuration.md"):
                assert f'<a id="{anchor}">' in reference, anchor


def test_commands_in_the_index_are_commands() -> None:
    named = set(re.findall(r"shop-assets ([a-z]+)", INDEX))
    from shop_assets.cli.app import application

    app = application()
    known = {c.name for c in app.registered_commands} | {g.name for g in app.registered_groups}
    assert named
    assert named <= known


def test_the_role_for_postgresql_may_read_and_nothing_else(stack: Endpoints) -> None:
    assert stack.postgres_admin_url is not None
    url = create_database(stack.postgres_admin_url, "paged", owner="paged_owner", password="x")
    admin = re.sub(r"/[^/?]*(\?|$)", r"/paged\1", stack.postgres_admin_url)
    postgres, *_ = blocks(page("sql"), "sql")
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        for table in ("orders", "order_items"):
            cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} (id int, updated_at timestamptz)")
        cursor.execute("CREATE TABLE IF NOT EXISTS salaries (id int, updated_at timestamptz)")
    connection.close()
    with psycopg2.connect(admin) as connection, connection.cursor() as cursor:
        cursor.execute(postgres.replace("DATABASE shop", "DATABASE paged"))
    connection.close()
    reader = re.sub(r"//[^@]*@", "//shop_assets:change%20me@", url)
    stream = {"table": "orders", "cursor": "updated_at", "key": ["id"], "entities": {}}
    source = SqlSource.model_validate(
        {"connector": "sql", "url": reader, "streams": {"orders": stream}}
    )
    checked = connect("shop", source, base=REPOSITORY).check("orders")
    assert (list(checked.columns), checked.problems) == (["id", "updated_at"], [])
    for refused in ("SELECT FROM salaries", "INSERT INTO orders VALUES (1)", "CREATE TABLE t ()"):
        with pytest.raises(psycopg2.Error) as refusal, closing(psycopg2.connect(reader)) as reading:
            reading.cursor().execute(refused)
        assert refusal.value.pgcode in ("42501", "25006"), refused


def entity_fields() -> set[str]:
    from shop_assets.entities import ENTITIES

    return {column for spec in ENTITIES.values() for column in spec.column_names} | set(ENTITIES)
