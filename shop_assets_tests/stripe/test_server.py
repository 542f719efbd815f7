"""The test server answers as Stripe does: shapes, keys, paging, limits, and what actions leave."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shop_assets.demo.apis import Clock, Store
from shop_assets.demo.apis.stripe import KEY, CallLimits, StripeServer
from shop_assets.demo.apis.stripe.limits import Buckets
from shop_assets.errors import UserError
from shop_assets_tests.conftest import REPOSITORY
from shop_assets_tests.stripe.accounts import NOW, Api, account, running, seconds

T = seconds(NOW) - 3600
LEGACY = {"charge": {"refunds", "source"}, "payout": {"statement_descriptor"}}
"""Keys that newer versions of the API show only on demand."""


@pytest.fixture(scope="module")
def fixtures() -> dict[str, Any]:
    folder = Path(os.environ.get("SHOP_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    path = folder / "stripe" / "fixtures3.json"
    if not path.is_file():
        pytest.skip("no real data: neither SHOP_REAL_DATA nor ../shared/data has stripe")
    found: dict[str, Any] = json.loads(path.read_text())["resources"]
    return found


def busy() -> StripeServer:
    """An account in which everything has happened once."""
    server = account()
    charge = server.charge(5000, "eur", order_id="1", at=T)
    server.refund(charge, 1000, at=T + 1)
    server.dispute(server.charge(900, "jpy", at=T), at=T + 2)
    server.pay_out(at=T + 3 * 86_400)
    server.clock.set(NOW + timedelta(days=4))
    return server


def types(server: StripeServer) -> list[str]:
    return [each.body["type"] for each in server.store.select("event", order="created")]


@pytest.mark.parametrize("kind", ["charge", "refund", "dispute", "payout", "balance_transaction"])
def test_objects_have_the_keys_that_stripe_gives_them(fixtures: dict[str, Any], kind: str) -> None:
    [found, *_] = busy().store.select(kind)
    assert set(fixtures[kind]) - set(found.body) <= LEGACY.get(kind, set())
    assert set(found.body) <= set(fixtures[kind])


def test_events_have_the_keys_that_stripe_gives_them(fixtures: dict[str, Any]) -> None:
    [found, *_] = busy().store.select("event")
    assert set(found.body) == set(fixtures["event"])


def test_lists_are_newest_first_ten_at_a_time_within_a_second_too(api: Api) -> None:
    made = [api.server.charge(100 + n, "eur", at=T + n // 5) for n in range(25)]
    first = api.ask("charges").json()
    assert [each["id"] for each in first["data"]] == made[:14:-1]
    assert (first["has_more"], first["object"], first["url"]) == (True, "list", "/v1/charges")
    second = api.ids(f"charges?limit=20&starting_after={made[15]}")
    assert second == made[14::-1]
    before = api.ask(f"charges?limit=3&ending_before={made[4]}").json()
    assert [each["id"] for each in before["data"]] == made[7:4:-1]
    assert before["has_more"] is True


def test_pages_stay_in_place_while_new_objects_come(api: Api) -> None:
    made = [api.server.charge(100, "eur", at=T + n) for n in range(4)]
    api.server.charge(100, "eur", at=T + 10)
    assert api.ids(f"charges?limit=2&starting_after={made[2]}") == [made[1], made[0]]


def test_created_bounds_a_list(api: Api) -> None:
    made = [api.server.charge(100, "eur", at=T + n) for n in range(4)]
    assert api.ids(f"charges?created[gte]={T + 1}&created[lt]={T + 3}") == [made[2], made[1]]
    assert api.ids(f"charges?created[gt]={T + 1}&created[lte]={T + 3}") == [made[3], made[2]]
    assert api.ids(f"charges?created={T}") == [made[0]]


@pytest.mark.parametrize(
    ("path", "status", "expected"),
    [
        (
            "charges?starting_after=ch_gone",
            400,
            {"code": "resource_missing", "param": "starting_after"},
        ),
        ("refunds?starting_after=ch_gone", 400, {"code": "resource_missing"}),
        ("charges/ch_gone", 404, {"code": "resource_missing", "param": "id"}),
        ("charges?limit=101", 400, {"code": "parameter_invalid_integer", "param": "limit"}),
        ("charges?limit=0", 400, {"code": "parameter_invalid_integer", "param": "limit"}),
        ("charges?limit=ten", 400, {"code": "parameter_invalid_integer", "param": "limit"}),
        ("charges?updated[gte]=1", 400, {"code": "parameter_unknown", "param": "updated"}),
        ("charges?expand[]=data.card", 400, {}),
        ("events?" + "&".join(f"types[]=a.{n}" for n in range(21)), 400, {"param": "types"}),
        ("invoices", 404, {}),
    ],
)
def test_refusals_have_the_shape_of_stripes_errors(
    api: Api, path: str, status: int, expected: dict[str, str]
) -> None:
    answer = api.ask(path)
    error = answer.json()["error"]
    assert (answer.status_code, error["type"]) == (status, "invalid_request_error")
    assert expected.items() <= error.items()
    assert error["message"]


def test_a_key_is_needed_and_its_permissions_count() -> None:
    server = account(restricted={"rk_test_charges_only": {"rak_charge_read"}})
    with running(server) as api:
        assert api.client.get(f"{api.url}/v1/charges").status_code == 401
        wrong = api.ask("charges", key="sk_test_somebody_elses_key")
        assert wrong.status_code == 401
        assert "somebody" not in wrong.text
        basic = api.client.get(f"{api.url}/v1/charges", auth=(KEY, ""))
        assert basic.status_code == 200
        assert api.ask("refunds", key="rk_test_charges_only").status_code == 200
        lacking = api.ask("payouts", key="rk_test_charges_only")
        assert lacking.status_code == 403
        assert "rak_payout_read" in lacking.json()["error"]["message"]
        other = api.ask("charges", **{"stripe-account": "acct_other"})
        assert (other.status_code, other.json()["error"]["code"]) == (403, "account_invalid")
        assert api.ask("charges", **{"stripe-version": "yesterday"}).status_code == 400


def test_calls_beyond_the_limit_are_refused_by_endpoint_and_overall(api: Api) -> None:
    clock = [0.0]
    api.server.limits = Buckets(CallLimits(overall=6, per_endpoint=3), now=lambda: clock[0])
    assert [api.ask("charges").status_code for _ in range(4)] == [200, 200, 200, 429]
    refused = api.ask("charges")
    assert refused.json()["error"]["code"] == "rate_limit"
    assert refused.headers["stripe-rate-limited-reason"] == "endpoint-rate"
    assert [api.ask("refunds").status_code for _ in range(3)] == [200, 200, 200]
    assert api.ask("payouts").headers["stripe-rate-limited-reason"] == "global-rate"
    clock[0] += 0.5
    # Half of what a second brings has come back.
    assert [api.ask("charges").status_code for _ in range(2)] == [200, 429]
    assert [api.ask("payouts").status_code for _ in range(3)] == [200, 200, 429]


def test_a_locked_object_answers_429_without_a_limit_being_reached(api: Api) -> None:
    charge = api.server.charge(100, "eur")
    api.server.lock()
    refused = api.ask(f"charges/{charge}")
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "lock_timeout")
    assert "stripe-rate-limited-reason" not in refused.headers
    assert api.ask(f"charges/{charge}").status_code == 200


def test_ids_expand_to_what_they_name(api: Api) -> None:
    charge = api.server.charge(5000, "eur", order_id="77", at=T)
    api.server.refund(charge, 1000, at=T + 1)
    api.server.fee(10, "eur", at=T + 2)
    path = "balance_transactions?expand[]=data.source&expand[]=data.source.charge"
    fee, refund, paid = api.data(path)
    assert refund["source"]["charge"]["metadata"] == {"order_id": "77"}
    assert paid["source"]["metadata"] == {"order_id": "77"}
    assert fee["source"] is None
    one = api.ask(f"charges/{charge}?expand[]=balance_transaction").json()
    assert one["balance_transaction"]["id"] == paid["id"]


def test_a_charge_can_be_authorised_first_and_captured_in_part_later(api: Api) -> None:
    charge = api.server.charge(5000, "eur", capture=False, at=T)
    before = api.ask(f"charges/{charge}").json()
    assert (before["captured"], before["balance_transaction"]) == (False, None)
    api.server.capture(charge, 3000, at=T + 60)
    after = api.ask(f"charges/{charge}").json()
    assert (after["captured"], after["amount_captured"]) == (True, 3000)
    moved = api.data("balance_transactions")
    assert {(t["reporting_category"], t["amount"]) for t in moved} == {
        ("charge", 5000),
        ("partial_capture_reversal", -2000),
    }
    assert types(api.server) == ["charge.succeeded", "charge.captured"]
    api.server.charge(100, "eur", fails=True)
    assert types(api.server)[-1] == "charge.failed"
    assert len(api.data("balance_transactions")) == 2


def test_refunds_settle_or_fail_later_and_events_show_each_state(api: Api) -> None:
    server = api.server
    charge = server.charge(5000, "eur", at=T)
    first = server.refund(charge, 2000, pending=True, at=T + 10)
    second = server.refund(charge, pending=True, at=T + 20)
    server.settle_refund(first, at=T + 30)
    server.fail_refund(second, at=T + 40)
    seen = [(v.id, v.type, v.body["status"]) for v in server.versions("refund")]
    assert seen == [
        (first, "refund.created", "pending"),
        (second, "refund.created", "pending"),
        (first, "charge.refund.updated", "succeeded"),
        (first, "refund.updated", "succeeded"),
        (second, "charge.refund.updated", "failed"),
        (second, "refund.updated", "failed"),
        (second, "refund.failed", "failed"),
    ]
    said = [v.body["amount_refunded"] for v in server.versions("charge")]
    assert said == [0, 2000, 5000]
    assert server.current("charge")[charge]["amount_refunded"] == 2000
    assert sum(t["amount"] for t in api.data("balance_transactions")) == 3000


def test_before_october_2024_only_charges_told_of_refunds() -> None:
    server = account(api_version="2024-06-20")
    server.settle_refund(server.refund(server.charge(100, "eur"), pending=True))
    assert types(server) == ["charge.succeeded", "charge.refunded", "charge.refund.updated"]


def test_disputes_take_money_and_a_fee_and_give_back_what_was_won(api: Api) -> None:
    server = api.server
    won = server.dispute(server.charge(5000, "eur", fee=0, at=T), at=T + 5)
    lost = server.dispute(server.charge(7000, "eur", fee=0, at=T), at=T + 5)
    server.respond(won, at=T + 6)
    server.close_dispute(won, won=True, at=T + 7)
    server.close_dispute(lost, won=False, at=T + 7)
    moved = api.data(f"balance_transactions?created[gt]={T}")
    assert sorted((t["reporting_category"], t["net"]) for t in moved) == [
        ("dispute", -8500),
        ("dispute", -6500),
        ("dispute_reversal", 5000),
    ]
    assert [v.type.rpartition(".")[2] for v in server.versions("dispute") if v.id == won] == [
        *("created", "funds_withdrawn", "updated", "closed", "funds_reinstated")
    ]
    with pytest.raises(UserError, match="won already"):
        server.close_dispute(won, won=False)


def test_payouts_cover_each_transaction_once_by_currency(api: Api) -> None:
    server = api.server
    for amount, currency in ((5000, "eur"), (3000, "eur"), (900, "jpy")):
        server.charge(amount, currency, fee=100, at=T)
    assert server.pay_out(at=T + 60) == []
    day = T + 3 * 86_400
    euros, yen = server.pay_out(at=day)
    assert server.pay_out(at=day + 1) == []
    assert api.ask(f"payouts/{euros}").json()["amount"] == 7800
    assert api.ask(f"payouts/{yen}").json()["amount"] == 800
    covered = api.data(f"balance_transactions?payout={euros}")
    assert sorted((t["type"], t["net"]) for t in covered) == [
        *(("charge", 2900), ("charge", 4900), ("payout", -7800))
    ]
    server.send_payout(euros, at=day + 60)
    server.fail_payout(euros, at=day + 120)
    [again] = server.pay_out(at=day + 180)
    assert api.ask(f"payouts/{again}").json()["amount"] == 7800


def test_a_balance_transaction_becomes_available_by_itself(api: Api) -> None:
    api.server.charge(100, "eur", at=T)
    [pending] = api.data("balance_transactions")
    assert pending["status"] == "pending"
    api.server.clock.advance(timedelta(days=2))
    [available] = api.data("balance_transactions")
    assert available == {**pending, "status": "available"}


def test_events_are_kept_for_thirty_days(api: Api) -> None:
    old = api.server.charge(100, "eur", at=seconds(NOW - timedelta(days=30)) - 1)
    new = api.server.charge(100, "eur", at=seconds(NOW - timedelta(days=30)) + 1)
    [event] = api.data("events?type=charge.*")
    assert event["data"]["object"]["id"] == new
    first = api.server.versions("charge")[0]
    assert first.id == old
    assert api.ask(f"events/{first.event}").status_code == 404
    assert api.ask(f"events?starting_after={first.event}").status_code == 400


def test_events_can_be_asked_for_by_several_types(api: Api) -> None:
    charge = api.server.charge(100, "eur", at=T)
    api.server.refund(charge, 50, at=T + 1)
    found = api.data("events?types[]=charge.refunded&types[]=charge.succeeded")
    assert [each["type"] for each in found] == ["charge.refunded", "charge.succeeded"]
    assert found[1]["data"]["object"]["amount_refunded"] == 0
    assert found[0]["data"]["previous_attributes"] == {"amount_refunded": 0, "refunded": False}


def test_a_server_of_a_file_goes_on_after_a_restart(tmp_path: Path) -> None:
    store = Store(tmp_path / "stripe.sqlite")
    first = StripeServer(store, Clock(NOW))
    old = first.charge(100, "eur", at=T)
    store.close()
    again = StripeServer(Store(tmp_path / "stripe.sqlite"), Clock(NOW))
    new = again.charge(200, "eur", at=T)
    assert list(again.current("charge")) == [old, new]
    assert [version.id for version in again.versions("charge")] == [old, new]


def test_what_fails_within_a_bulk_leaves_nothing() -> None:
    server = account()

    def two_charges() -> None:
        with server.writing():
            server.charge(100, "eur")
            server.charge(12_345, "kwd")

    with pytest.raises(UserError, match="multiple of ten"):
        two_charges()
    assert server.current("charge") == {}
    assert types(server) == []


def test_no_more_than_was_paid_is_given_back() -> None:
    server = account()
    charge = server.charge(100, "jpy")
    server.refund(charge, 60)
    with pytest.raises(UserError, match="of which 40 is left"):
        server.refund(charge, 41)
