"""A warehouse is one shop's: another shop's figures are never mixed into it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from shop_assets.cli.app import application
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.owner import OtherShopError
from shop_assets_tests.warehouse.loads import table_of

NAMES = "SELECT name FROM meta.shop"
SHOP = "shop: {{name: {}, timezone: UTC, currency: EUR, start: 2026-01-01}}\nsources: {{}}\n"
Command = Callable[..., Result]


def owner_of(url: str) -> list[object]:
    return [name for (name,) in table_of(Warehouse(url), NAMES)]


def test_the_first_shop_that_uses_it_has_it_and_another_is_refused(own_url: str) -> None:
    assert owner_of(own_url) == []
    for _ in range(2):
        Warehouse(own_url, shop="Lamps & more").create()
    other = Warehouse(own_url, shop="Vases")
    for _ in range(2):
        with pytest.raises(OtherShopError) as refused:
            other.create()
        assert str(refused.value) == (
            f"warehouse {other.address}: it has the data of the shop 'Lamps & more', found the "
            "configuration of 'Vases', expected another SHOP_HOME or SHOP_POSTGRES_URL for it (or "
            "shop-assets rename 'Lamps & more', if that is its own former name)"
        )
    assert owner_of(own_url) == ["Lamps & more"]


def test_whoever_names_no_shop_neither_has_it_nor_is_refused(own_url: str) -> None:
    Warehouse(own_url).create()
    assert owner_of(own_url) == []
    Warehouse(own_url, shop="Lamps").create()
    Warehouse(own_url).create()
    assert owner_of(own_url) == ["Lamps"]


def test_of_shops_that_are_first_at_once_one_has_it(own_url: str) -> None:
    names = ["Lamps", "Vases"] * 4

    def opened(name: str) -> str | None:
        try:
            Warehouse(own_url, shop=name).create()
        except OtherShopError:
            return None
        return name

    with ThreadPoolExecutor(len(names)) as pool:
        let_in = list(pool.map(opened, names))
    [owner] = owner_of(own_url)
    assert let_in == [name if name == owner else None for name in names]


@pytest.fixture
def command(
    own_url: str, stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Command:
    """`shop-assets` with a warehouse of the test's own, and the configuration of a shop."""
    places = {"SHOP_HOME": str(tmp_path / "home"), "DAGSTER_HOME": str(tmp_path)}
    own = {"SHOP_POSTGRES_URL": own_url, "SHOP_POSTGRES_READER_URL": own_url}
    for name, value in {**stack.environment(), **places, **own}.items():
        monkeypatch.setenv(name, value)

    def run(shop: str, *arguments: str) -> Result:
        path = tmp_path / "shop.yaml"
        path.write_text(SHOP.format(shop))
        return CliRunner().invoke(application(), [*arguments, "--config", str(path)])

    return run


def test_a_shop_that_is_renamed_keeps_its_warehouse(command: Command, own_url: str) -> None:
    Warehouse(own_url, shop="Lamps").create()
    refused = command("Lamps and more", "rename", "Vases")
    assert isinstance(refused.exception, OtherShopError)
    assert str(refused.exception).endswith(
        "it has the data of the shop 'Lamps', expected that of 'Vases', which is to be renamed"
    )
    assert owner_of(own_url) == ["Lamps"]
    done = command("Lamps and more", "rename", "Lamps")
    assert done.exit_code == 0, done.output
    assert "is that of 'Lamps and more' now" in done.output
    Warehouse(own_url, shop="Lamps and more").create()
    with pytest.raises(OtherShopError):
        Warehouse(own_url, shop="Lamps").create()


def test_a_command_of_another_shop_says_so_and_shows_nothing(
    command: Command, own_url: str
) -> None:
    Warehouse(own_url, shop="Lamps").create()
    refused = command("Vases", "status")
    assert isinstance(refused.exception, OtherShopError), refused.output
    assert not refused.stdout
    done = command("Lamps", "status")
    assert done.exit_code == 0, (done.output, done.exception)
