"""A reprocessing that was stopped, and is given again: its hours come out as if it had not been."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from shop_assets.cli.app import application
from shop_assets.partitions import HOUR, hour_key
from shop_assets.warehouse import reprocessing
from shop_assets_tests.automation.tiny_shop import TinyShop, line

FIRST = dt.datetime(2024, 1, 10, 21, tzinfo=dt.UTC)
HOURS = [FIRST + n * HOUR for n in range(4)]
"""Of two of the shop's days: it is in Berlin."""
CHUNK_HOURS = 2
RIGHT = {hour_key(hour): 1000 for hour in HOURS}
OTHER_RULES = (
    "all hours anew, and not from where it was stopped: the configuration or the release is not "
    "the one that it began with"
)


class KilledError(Exception):
    """What ends a command in the middle."""


@pytest.fixture
def loaded(shop: TinyShop) -> TinyShop:
    """A shop with an order of 10 EUR in each hour."""
    shop.deliver("first", *(line(f"o{n}", hour) for n, hour in enumerate(HOURS)))
    done = command(shop, "run")
    assert done.exit_code == 0, (done.output, done.exception)
    assert shop.hourly_sales() == RIGHT
    return shop


def command(shop: TinyShop, name: str, *more: str) -> Result:
    """`shop-assets run` or `reprocess` of all hours, in this process."""
    config = str(shop.folder / "shop.yaml")
    first, after = (f"{hour:%Y-%m-%dT%H:%M}" for hour in (HOURS[0], HOURS[-1] + HOUR))
    words = [name, "--from", first, "--to", after, *more, "--config", config]
    # The command sets variables for Dagster's own commands, which end with it here.
    ended = {"SHOP_CONFIG": config, "SHOP_MAX_CONCURRENT_RUNS": "1"}
    return CliRunner(env=ended).invoke(application(), words)


def options(layer: str) -> tuple[str, ...]:
    return ("--from-layer", layer, "--chunk-hours", str(CHUNK_HOURS))


def reprocess(shop: TinyShop, layer: str) -> dict[str, Any]:
    """What the command says."""
    done = command(shop, "reprocess", *options(layer), "--json")
    assert done.exit_code == 0, (done.output, done.exception)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def killed(shop: TinyShop, layer: str, chunks: int) -> None:
    """The command, ended after so many chunks."""
    noted = 0
    note_run = reprocessing.note_run

    def note(*about: Any) -> None:
        nonlocal noted
        note_run(*about)
        noted += 1
        if noted == chunks:
            raise KilledError

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(reprocessing, "note_run", note)
        done = command(shop, "reprocess", *options(layer))
    assert isinstance(done.exception, KilledError), (done.output, done.exception)


def test_it_goes_on_where_it_stood(loaded: TinyShop) -> None:
    killed(loaded, "clean", chunks=1)
    said = reprocess(loaded, "clean")
    assert (said["resumed"], said["hours"], said["anew"]) == (2, 2, None)
    assert loaded.hourly_sales() == RIGHT


def test_no_hour_keeps_what_a_mapping_made_of_it_that_was_put_right(loaded: TinyShop) -> None:
    path = loaded.folder / "shop.yaml"
    right = path.read_text("utf-8")
    path.write_text(right.replace("money: major", "money: minor"), "utf-8")
    killed(loaded, "clean", chunks=1)
    assert set(loaded.hourly_sales().values()) == {10, 1000}
    path.write_text(right, "utf-8")
    said = reprocess(loaded, "clean")
    assert (said["resumed"], said["hours"], said["anew"]) == (0, 4, OTHER_RULES)
    assert loaded.hourly_sales() == RIGHT


@pytest.mark.parametrize("chunks", [1, 2])
def test_days_follow_of_hours_that_were_done_before_it_was_stopped(
    loaded: TinyShop, chunks: int
) -> None:
    marts = ("sales_hourly", "sales_daily")
    with loaded.warehouse.transaction() as cursor:
        for mart in marts:
            cursor.execute(f"UPDATE marts_base.{mart} SET orders = 77")
    # After the last chunk nothing is left but what follows from the hours.
    killed(loaded, "marts", chunks)
    assert reprocess(loaded, "marts")["resumed"] == chunks * CHUNK_HOURS
    orders = [loaded.warehouse.read(f"SELECT orders FROM marts_base.{mart}") for mart in marts]
    assert [frame["orders"].tolist() for frame in orders] == [[1] * 4, [2, 2]]
