"""`shop-assets simulate`: a provider's API to try a configuration on."""

from __future__ import annotations

import datetime as dt
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from shop_assets.demo.apis import Store
from shop_assets.demo.sample_orders import moments, sample_orders
from shop_assets.demo.simulated import fill_shopify, fill_stripe, fill_woocommerce, simulated
from shop_assets.errors import UserError
from shop_assets.settings import load_settings
from shop_assets.stack.process import free_ports
from shop_assets_tests.connect.conftest import SHOP, Run
from shop_assets_tests.connect.simulations import running
from shop_assets_tests.end_to_end.commands import Command

NOW = dt.datetime(2026, 11, 3, 12, tzinfo=dt.UTC)


def test_the_same_orders_are_in_each_api(tmp_path: Path) -> None:
    orders = sample_orders(40, NOW)
    assert orders == sample_orders(40, NOW)
    assert all(m.at <= NOW for m in moments(orders))
    total = sum(order.total for order in orders)
    refunded = [order.lines[0].amount for order in orders if order.refunded_at]
    assert refunded

    stripe = Store()
    fill_stripe(stripe, orders)
    charges = [stored.body for stored in stripe.select("charge")]
    assert [c["metadata"]["order_id"] for c in charges] == [str(o.number) for o in orders]
    assert sum(c["amount"] for c in charges) * 10_000 == total
    assert sum(c["amount_refunded"] for c in charges) * 10_000 == sum(refunded)
    assert {p.body["status"] for p in stripe.select("payout")} == {"paid"}

    shopify = Store()
    fill_shopify(shopify, orders)
    placed = [stored.body for stored in shopify.select("Order")]
    assert [o["name"] for o in placed] == [f"#{order.number}" for order in orders]
    assert len(shopify.select("Refund")) == len(refunded)

    woo = Store()
    fill_woocommerce(woo, orders)
    assert sum(float(o.body["total"]) for o in woo.select("order")) == pytest.approx(total / 1e6)
    assert len(woo.select("refund")) == len(refunded)


def test_a_state_is_kept_and_not_filled_twice(tmp_path: Path) -> None:
    state = tmp_path / "stripe.db"
    assert simulated("stripe", objects=7, state=state).objects == 7
    assert simulated("stripe", objects=20, state=state).objects == 7
    assert simulated("stripe", objects=0).objects == 0


@pytest.mark.parametrize("provider", ["stripe", "woocommerce", "shopify"])
def test_what_it_prints_is_all_that_a_configuration_needs(provider: str, tmp_path: Path) -> None:
    with running(provider, 3) as api:
        path = tmp_path / "shop.yaml"
        path.write_text(f"{SHOP}sources:\n{api.source()}")
        assert list(load_settings(path, {}).sources) == [provider]


def test_it_serves_until_ctrl_c(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    command = Command(tmp_path)
    process = subprocess.Popen(
        [command.program("shop-assets"), "simulate", "stripe", "--port", str(port)],
        env=command.environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    said = ""
    while "Ctrl-C ends it." not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    head, _, printed = said.partition("sources:")
    assert head.startswith(f"stripe is simulated at http://127.0.0.1:{port}, with 200 orders.")
    path = tmp_path / "shop.yaml"
    path.write_text(f"{SHOP}sources:{printed.partition('Ctrl-C')[0]}")
    source = load_settings(path, {}).sources["stripe"]
    key = source.api_key.get_secret_value()  # type: ignore[union-attr]
    listed = httpx.get(f"http://127.0.0.1:{port}/v1/charges", auth=(key, "")).json()
    assert len(listed["data"]) == 10
    assert listed["has_more"]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0
    process.stdout.close()


def test_a_port_that_is_taken_and_a_folder_that_is_not_there_are_mistakes(
    command: Run, tmp_path: Path
) -> None:
    with running("stripe", 0) as api:
        done = command("simulate", "stripe", "--port", api.url.rsplit(":", 1)[1])
    assert isinstance(done.exception, UserError)
    assert str(done.exception).endswith("is taken, expected a free one")
    done = command("simulate", "stripe", "--state", str(tmp_path / "no" / "state.db"))
    assert isinstance(done.exception, UserError)
    assert "there is no such folder" in str(done.exception)
