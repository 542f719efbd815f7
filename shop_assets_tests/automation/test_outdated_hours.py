"""An hour whose lake has been written anew is missing until all that is made of it is, too."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from dagster import AssetKey, Failure
from typer.testing import CliRunner

from shop_assets.automation import runs
from shop_assets.cli.app import application
from shop_assets.io_managers import delta, postgres
from shop_assets.partitions import HOUR, hour_key
from shop_assets_tests.automation.tiny_shop import TinyShop, line, newest_due_hour

FAILING: dict[str, tuple[Any, str]] = {
    "clean": (delta, "write_cleaned"),
    "items": (postgres, "merge_entity"),
    "ledger": (postgres, "load_ledger"),
}
"""What writes, and is the first not to when a run ends there."""


def status(shop: TinyShop) -> str:
    """What `shop-assets status` says."""
    config = str(shop.folder / "shop.yaml")
    done = CliRunner(env={"SHOP_CONFIG": config}).invoke(application(), ["status"])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


@pytest.mark.parametrize("step", FAILING)
def test_an_hour_that_was_loaded_is_missing_where_a_run_has_brought_more_and_failed(
    shop: TinyShop, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    due = newest_due_hour()
    shop.deliver("first", line("A", due))
    assert shop.load(due)
    assert shop.tick("missing_hours").spans == []
    shop.deliver("late", line("B", due))

    def killed(*_: Any) -> None:
        raise Failure("the worker is gone", allow_retries=False)

    with monkeypatch.context() as patched:
        patched.setattr(*FAILING[step], killed)
        assert not shop.load(due)
    assert shop.hourly_sales() == {hour_key(due): 1000}
    shop.age_runs(dt.timedelta(days=2))
    (request,) = shop.tick("missing_hours").requests
    assert shop.answer(request, "hourly")
    assert shop.hourly_sales() == {hour_key(due): 2000}
    assert shop.tick("missing_hours").spans == []


def test_an_hour_cleaned_again_by_itself_is_loaded_again(shop: TinyShop) -> None:
    due = newest_due_hour()
    shop.deliver("first", line("A", due), line("B", due - HOUR))
    assert shop.load(due - HOUR, due)
    hour = runs.hour_range_tags(due, due)
    assert shop.execute("hourly", hour, [AssetKey(["clean", "order_items"])])
    assert [span[1:] for span in shop.tick("missing_hours").spans] == [(hour_key(due),) * 2]
    for said in ("warehouse/order_items: 1 slices", "warehouse/sales_ledger: 1 slices"):
        assert f"{said} to be loaded again" in status(shop)
    assert shop.load(due)
    assert "to be loaded again" not in status(shop)
