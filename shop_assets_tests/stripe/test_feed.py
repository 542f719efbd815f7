"""The simulated shop's movements of money, as a Stripe account shows them."""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from shop_assets.demo.apis.stripe import StripeServer
from shop_assets.demo.catalogue import CURRENCIES
from shop_assets.demo.payments import FEE, MORE, Movements
from shop_assets.demo.plan import DemoPlan
from shop_assets.demo.stripe_feed import StripeFeed
from shop_assets.demo.world import World
from shop_assets.entities import ENTITIES
from shop_assets.settings.presets import preset
from shop_assets.settings.streams import StreamBase
from shop_assets.transforms.clean import StreamOrigin, clean
from shop_assets.transforms.extract import assemble
from shop_assets_tests.stripe.accounts import account, running
from shop_assets_tests.stripe.reading import batches, connector

OPENS = dt.datetime(2026, 11, 2, 23, tzinfo=dt.UTC)
PLAN = DemoPlan(OPENS, orders_per_hour=6, seed=15, flash_sale=None, products=20)
HOURS = 100
START = PLAN.hour_start(0)
END = PLAN.hour_start(HOURS)
SECONDS = (START // 1_000_000, END // 1_000_000)


def fed(hours: Sequence[tuple[int, int]] | None = None) -> StripeServer:
    """An account that was fed these hours (from, to), or each one after the other."""
    server, world = account(), World(PLAN)
    feed = StripeFeed(server)
    for low, high in hours or [(hour, hour + 1) for hour in range(HOURS)]:
        for hour in range(low, high):
            world.alive(hour)
            server.clock.set(OPENS + dt.timedelta(hours=hour + 1))
            feed.put(world.money(hour), PLAN.hour_start(hour), PLAN.hour_start(hour + 1))
    return server


def everything(server: StripeServer) -> dict[str, Any]:
    kinds = ("charge", "refund", "dispute", "payout", "balance_transaction", "event")
    return {kind: server.store.select(kind) for kind in kinds}


@cache
def movements() -> pd.DataFrame:
    """All that moves in the span."""
    world, parts = World(PLAN), []
    for hour in range(HOURS):
        world.alive(hour)
        start, end = PLAN.hour_start(hour), PLAN.hour_start(hour + 1)
        for each in world.money(hour):
            part: Movements = each.take((each.created_at >= start) & (each.created_at < end))
            names = ("order_id", "kind", "amount", "fee", "currency")
            parts.append(pd.DataFrame({name: getattr(part, name) for name in names}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def server() -> StripeServer:
    return fed()


def test_each_order_has_the_money_that_the_shop_says(server: StripeServer) -> None:
    expected: defaultdict[str, int] = defaultdict(int)
    moved = movements()
    names = [str(CURRENCIES[number]).lower() for number in moved["currency"]]
    nets = (moved["amount"] - moved["fee"]).tolist()
    for order, currency, net in zip(moved["order_id"].tolist(), names, nets, strict=True):
        expected[f"{order} {currency}"] += net
    charges = server.current("charge")
    orders = {key: charge["metadata"]["order_id"] for key, charge in charges.items()}
    for kind in ("refund", "dispute"):
        orders |= {key: orders[each["charge"]] for key, each in server.current(kind).items()}
    found: defaultdict[str, int] = defaultdict(int)
    for each in server.current("balance_transaction").values():
        if each["type"] != "payout":
            found[f"{orders[each['source']]} {each['currency']}"] += each["net"]
    assert found == {key: net for key, net in expected.items() if net or key in found}
    assert len(found) > 400


def test_it_has_what_the_shop_has(server: StripeServer) -> None:
    """Second charges, refunds of each kind, refunds over two charges, all currencies, payouts."""
    kinds = movements()["kind"].value_counts()
    assert {f"ch_{n}" for n in _orders(MORE)} <= {
        key.removesuffix("x") for key in server.current("charge") if key.endswith("x")
    }
    assert len(server.current("dispute")) == kinds.get(FEE, 0)
    suffixes = {key[-1] for key in server.current("refund") if not key[-1].isdigit()}
    assert {"x", "c"} <= suffixes
    assert {each["currency"] for each in server.current("charge").values()} == {"eur", "jpy", "kwd"}
    states = {each["status"] for each in server.current("payout").values()}
    assert states == {"paid", "in_transit"}


def _orders(kind: int) -> list[int]:
    found = movements()
    orders: list[int] = found.loc[found["kind"] == kind, "order_id"].tolist()
    return orders


def test_payouts_are_what_their_transactions_come_to(server: StripeServer) -> None:
    payouts = server.current("payout")
    assert len({each["created"] for each in payouts.values()}) >= 2
    for key, payout in payouts.items():
        covered = server.store.select("balance_transaction", "parent = ?", (key,))
        assert sum(t.body["net"] for t in covered if t.body["type"] != "payout") == payout["amount"]
        assert all(t.body["available_on"] <= payout["created"] for t in covered)


def test_the_same_span_twice_changes_nothing(server: StripeServer) -> None:
    hours = [(hour, hour + 1) for hour in range(HOURS)]
    again = fed(sorted([*hours, *[(max(0, h - 1), h + 1) for h in range(0, HOURS, 7)]]))
    states = [
        {kind: {o.id: o.body for o in found} for kind, found in everything(each).items()}
        for each in (server, again)
    ]
    for kind in ("charge", "refund", "dispute", "payout", "balance_transaction"):
        assert states[0][kind] == states[1][kind]
    before = everything(again)
    world = World(PLAN)
    world.alive(HOURS - 1)
    feed = StripeFeed(again)
    feed.put(world.money(HOURS - 1), PLAN.hour_start(HOURS - 1), END)
    assert everything(again) == before


def test_a_busy_hour_is_fed_fast() -> None:
    plan = DemoPlan(OPENS, orders_per_hour=2_000, seed=1, flash_sale=None, products=20)
    server, world = account(), World(plan)
    world.alive(0)
    money = world.money(0)
    began = time.process_time()
    StripeFeed(server).put(money, plan.hour_start(0), plan.hour_start(1))
    assert len(server.current("charge")) > 300
    assert time.process_time() - began < 20


@pytest.fixture(scope="module")
def published(server: StripeServer) -> dict[str, pd.DataFrame]:
    """What the preset makes of all that the connector reads."""
    with running(server) as api:
        reader = connector(api.url)
        return {stream: _published(stream, reader) for stream in preset("stripe")}


def _published(stream: str, reader: Any) -> pd.DataFrame:
    raw = assemble([batch.rows for batch in batches(reader, stream, SECONDS)], OPENS)
    raw = raw.append_column("_load_id", pa.array(["load"] * raw.num_rows))
    [(name, mapping)] = StreamBase.model_validate(preset("stripe")[stream]).entities.items()
    found = clean(raw, ENTITIES[name], mapping, StreamOrigin("pay", stream, "UTC", "EUR"))
    assert found.quarantined.empty, found.quarantined[["rule", "reason"]].drop_duplicates()
    newest = found.published.sort_values("version_at")
    return newest.drop_duplicates([*ENTITIES[name].key], keep="last")


def test_read_and_mapped_the_payments_are_the_shops_movements(
    published: dict[str, pd.DataFrame],
) -> None:
    moved = movements()
    unit = np.array([10_000, 1_000_000, 1_000])[moved["currency"]]
    expected = ((moved["amount"] - moved["fee"]) * unit).groupby(moved["order_id"]).sum()
    payments = published["balance_transactions"]
    payments = payments[payments["order_id"].notna()]
    net = payments["amount_micros"] - payments["fee_micros"]
    found = net.groupby(payments["order_id"].astype("int64")).sum()
    both = pd.concat({"found": found, "expected": expected}, axis=1).fillna(0).astype("int64")
    assert (both["found"] == both["expected"]).all()
    assert set(payments["type"]) >= {"charge", "refund"}


def test_read_and_mapped_the_objects_are_the_accounts(
    server: StripeServer, published: dict[str, pd.DataFrame]
) -> None:
    charges = published["charges"].set_index("charge_id")
    current = server.current("charge")
    assert set(charges.index) == set(current)
    assert charges["disputed"].to_dict() == {k: c["disputed"] for k, c in current.items()}
    assert charges["order_id"].to_dict() == {
        key: charge["metadata"]["order_id"] for key, charge in current.items()
    }
    euros = charges[charges["currency"] == "EUR"]
    assert euros["refunded_micros"].to_dict() == {
        key: current[key]["amount_refunded"] * 10_000 for key in euros.index
    }
    assert set(published["refunds"]["refund_id"]) == set(server.current("refund"))
    assert set(published["disputes"]["dispute_id"]) == set(server.current("dispute"))
    payouts = published["payouts"].set_index("payout_id")
    assert payouts["status"].to_dict() == {
        key: payout["status"] for key, payout in server.current("payout").items()
    }
    parts = published["payout_transactions"]
    sums = parts[parts["type"] != "payout"].groupby("payout_id")["net_micros"].sum()
    assert sums.to_dict() == payouts["amount_micros"].to_dict()
