"""The Stripe connector gives each version of each object once, and the last one last."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shop_assets.demo.apis.faults import Call
from shop_assets.demo.apis.stripe import CallLimits, objects
from shop_assets.sources.errors import SourceError
from shop_assets.sources.stripe.amounts import major
from shop_assets_tests.stripe.accounts import NOW, Api, account, running, seconds
from shop_assets_tests.stripe.reading import HOUR, batches, connector, memory, newest, rows, said

T = seconds(NOW) - 2 * HOUR
SPAN = (T, T + HOUR)


def paths(calls: list[Call]) -> Counter[str]:
    return Counter(call.path.removeprefix("/v1/") for call in calls)


def test_each_event_is_a_version_as_of_then(api: Api) -> None:
    charge = api.server.charge(5000, "eur", order_id="17", capture=False, at=T)
    api.server.capture(charge, at=T + 60)
    api.server.refund(charge, 1500, at=T + 120)
    found = rows(connector(api.url), "charges", SPAN)
    assert [(r["captured"], r["amount_refunded"], r["order_id"]) for r in found] == [
        ("true", "1500", "17"),
        ("true", "0", "17"),
        ("false", "0", "17"),
    ]
    assert [said(row) for row in reversed(found)] == [
        version.body for version in api.server.versions("charge")
    ]
    assert {row["_position"] for row in found} == {
        version.event for version in api.server.versions("charge")
    }


def test_of_one_second_the_last_version_is_the_newest(api: Api) -> None:
    charge = api.server.charge(5000, "eur", at=T)
    for amount in (100, 200, 300):
        api.server.refund(charge, amount, at=T)
    other = api.server.charge(70, "eur", at=T)
    api.server.update_charge(charge, description="last", at=T)
    found = rows(connector(api.url), "charges", SPAN)
    places = {row["version_at"] for row in found if row["id"] == charge}
    assert places == {f"{T}.{place:06d}" for place in range(1, 6)}
    last = newest(found)
    assert said(last[charge]) == api.server.current("charge")[charge]
    assert last[charge]["description"] == "last"
    assert last[other]["version_at"] == f"{T}.000001"
    assert {row["_change_time"] for row in found} == {datetime.fromtimestamp(T, UTC)}


def test_the_place_in_a_second_does_not_hang_on_how_pages_part_it(api: Api) -> None:
    with api.server.writing():
        charges = [api.server.charge(1000, "eur", at=T + 30) for _ in range(120)]
        for charge in charges:
            api.server.refund(charge, 10, at=T + 30)
            api.server.refund(charge, 20, at=T + 30)
    found = rows(connector(api.url), "charges", SPAN)
    assert len(found) == 360
    assert {row["amount_refunded"] for row in newest(found).values()} == {"30"}


def test_what_happens_to_a_charge_without_an_event_of_its_own_is_seen(api: Api) -> None:
    disputed = api.server.charge(5000, "eur", at=T - 10 * HOUR)
    failed = api.server.charge(5000, "eur", at=T - 10 * HOUR)
    back = api.server.refund(failed, 700, at=T - 9 * HOUR)
    api.server.dispute(disputed, at=T + 5)
    api.server.fail_refund(back, at=T + 7)
    last = newest(rows(connector(api.url), "charges", SPAN))
    assert last[disputed]["disputed"] == "true"
    assert last[failed]["amount_refunded"] == "0"


def test_what_is_asked_for_comes_after_what_the_same_second_shows(api: Api) -> None:
    charge = api.server.charge(5000, "eur", at=T - HOUR)
    api.server.refund(charge, 100, at=T + 5)
    api.server.dispute(charge, at=T + 5)
    last = newest(rows(connector(api.url), "charges", SPAN))[charge]
    assert said(last) == api.server.current("charge")[charge]
    assert last["disputed"] == "true"


def test_an_event_some_seconds_late_makes_its_object_no_second_row(api: Api) -> None:
    """Wherever the read was broken in between."""
    with api.server.writing():
        for number in range(260):
            key = api.server.new_id("charge")
            body = objects.charge(key, T + number, 1000, "eur", metadata={})
            api.server.say("charge.succeeded", T + number + 20, api.server.add(body))
    reader = connector(api.url)
    whole = batches(reader, "charges", SPAN)
    listed = [row["id"] for batch in whole for row in batch.rows.to_pylist()]
    assert sorted(listed) == sorted(api.server.current("charge"))
    for done, batch in enumerate(whole[:-1], 1):
        rest = batches(reader, "charges", SPAN, batch.checkpoint)
        assert [b.rows.num_rows for b in rest] == [b.rows.num_rows for b in whole[done:]]


def test_refunds_that_no_event_announces_come_from_their_list() -> None:
    with running(account(api_version="2024-06-20")) as old:
        charge = old.server.charge(5000, "eur", at=T - HOUR)
        refund = old.server.refund(charge, 100, pending=True, at=T + 5)
        old.server.settle_refund(refund, at=T + 3 * 60)
        found = rows(connector(old.url), "refunds", SPAN)
    assert [(row["version_at"], row["status"]) for row in found] == [
        (f"{T + 180}.000001", "succeeded"),
        (f"{T + 5}.000000", "succeeded"),
    ]


def test_a_refund_updated_days_later_is_in_the_hour_of_its_update(api: Api) -> None:
    charge = api.server.charge(5000, "eur", at=T - 200 * HOUR)
    refund = api.server.refund(charge, 100, pending=True, at=T - 190 * HOUR)
    api.server.fail_refund(refund, at=T + 5)
    found = rows(connector(api.url), "refunds", SPAN)
    assert {(row["id"], row["status"]) for row in found} == {(refund, "failed")}


def test_disputes_have_their_states_and_deadlines(api: Api) -> None:
    dispute = api.server.dispute(api.server.charge(5000, "eur", at=T), at=T + 1)
    api.server.respond(dispute, at=T + 2)
    api.server.close_dispute(dispute, won=True, at=T + 3)
    found = rows(connector(api.url), "disputes", SPAN)
    states = [row["status"] for row in reversed(found)]
    assert sorted(states) == sorted(["needs_response"] * 2 + ["under_review"] + ["won"] * 2)
    assert newest(found)[dispute]["status"] == "won"
    assert found[0]["evidence_due"] == str(T + 1 + 20 * 24 * HOUR)


def test_balance_transactions_name_the_order_of_what_moved_them(api: Api) -> None:
    server = api.server
    charge = server.charge(5000, "eur", order_id="17", at=T)
    refund = server.refund(charge, 100, at=T + 1)
    dispute = server.dispute(server.charge(900, "jpy", order_id="18", at=T), at=T + 2)
    server.fee(250, "eur", at=T + 3)
    found = {r["source"]: r for r in rows(connector(api.url), "balance_transactions", SPAN)}
    assert {source: row["order_id"] for source, row in found.items()} == {
        charge: "17",
        refund: "17",
        dispute: "18",
        said(found[dispute])["source"]: "18",
        next(s for s in found if s not in (charge, refund, dispute) and s): "18",
        None: None,
    }
    assert (found[refund]["charge"], found[refund]["source_object"]) == (charge, "refund")


def test_another_place_can_name_the_order(api: Api) -> None:
    api.server.charge(5000, "eur", description="A-17", metadata={"shop": {"order": 5}}, at=T)
    for path, expected in (("description", "A-17"), ("metadata.shop.order", "5")):
        reader = connector(api.url, order_id=path)
        for stream in ("charges", "balance_transactions"):
            assert [row["order_id"] for row in rows(reader, stream, SPAN)] == [expected]


def test_more_columns_can_be_asked_for(api: Api) -> None:
    api.server.charge(5000, "eur", metadata={"gift": "yes"}, at=T)
    streams = {"charges": {"columns": {"gift": "metadata.gift"}}}
    reader = connector(api.url, streams=streams)
    assert [row["gift"] for row in rows(reader, "charges", SPAN)] == ["yes"]
    assert "gift" in reader.check("charges").columns


def test_a_payout_brings_its_transactions_when_it_changes(api: Api) -> None:
    server = api.server
    with server.writing():
        for _ in range(150):
            server.charge(1000, "eur", fee=10, at=T - 80 * HOUR)
    [payout] = server.pay_out(at=T + 10)
    manual = server.pay_out_manually(5, "eur", at=T + 20)
    server.send_payout(payout, at=T + 30)
    found = rows(connector(api.url), "payout_transactions", SPAN)
    assert len({row["id"] for row in found}) == len(found) == 151
    assert {row["payout"] for row in found} == {payout}
    assert sum(int(row["net"]) for row in found if row["type"] != "payout") == 150 * 990
    assert {row["version_at"] for row in found} == {f"{T + 30}.000002"}
    states = rows(connector(api.url), "payouts", SPAN)
    assert {row["id"] for row in states} == {payout, manual}
    assert newest(states)[payout]["status"] == "in_transit"


def test_a_read_of_payouts_goes_on_within_a_payout(api: Api) -> None:
    server = api.server
    for at in (T, T + HOUR // 2):
        with server.writing():
            moved = [server.fee(-10, "eur", at=T - HOUR) for _ in range(150)]
            covered = [server.body(key) for key in moved]
        server.pay_out_these(covered, at=at)
    reader = connector(api.url)
    whole = batches(reader, "payout_transactions", SPAN)
    sizes = [batch.rows.num_rows for batch in whole]
    assert sizes == [100, 51, 100, 51, 0]
    for done in range(1, 5):
        kept = json.loads(json.dumps(whole[done - 1].checkpoint))
        rest = batches(reader, "payout_transactions", SPAN, kept)
        assert [batch.rows for batch in rest] == [batch.rows for batch in whole[done:]]


@pytest.mark.parametrize("stream", ["charges", "refunds"])
def test_a_read_that_goes_on_gives_what_it_would_have_given(api: Api, stream: str) -> None:
    with api.server.writing():
        for number in range(260):
            charge = api.server.charge(1000, "eur", at=T + number // 3)
            api.server.refund(charge, 10, at=T + number // 3 + 40)
    reader = connector(api.url)
    whole = batches(reader, stream, SPAN)
    assert len(whole) > 2
    for done, batch in enumerate(whole[:-1], 1):
        rest = batches(reader, stream, SPAN, json.loads(json.dumps(batch.checkpoint)))
        given = [row for each in rest for row in each.rows.to_pylist()]
        assert given == [row for each in whole[done:] for row in each.rows.to_pylist()]


def test_an_open_window_is_read_until_now_and_remembered_so(api: Api) -> None:
    now = seconds(NOW)
    first = api.server.charge(100, "eur", at=now - 5)
    api.server.charge(100, "eur", at=now)
    found = batches(connector(api.url), "charges", (now - HOUR, now + HOUR))
    assert [row["id"] for batch in found for row in batch.rows.to_pylist()] == [first]
    assert memory(found)["memory"] == {"current_to": now}


def test_objects_that_come_while_it_is_read_shift_no_page(api: Api) -> None:
    now = seconds(NOW)
    with api.server.writing():
        made = [api.server.charge(100, "eur", at=now - 500 + n) for n in range(250)]

    def one_more(_: Call) -> None:
        api.server.charge(1, "eur", at=now)

    api.faults.before(one_more, times=None)
    found = rows(connector(api.url), "balance_transactions", (now - HOUR, now + HOUR))
    assert sorted(row["source"] for row in found) == sorted(made)


def test_a_pause_longer_than_events_are_kept_lists_anew(api: Api) -> None:
    server, reader = api.server, connector(api.url, relist_days=50)
    ancient = server.charge(1, "eur", at=T - 60 * 24 * HOUR)
    charge = server.charge(5000, "eur", at=T)
    kept = memory(batches(reader, "charges", SPAN))
    server.refund(charge, 100, at=T + 5 * 24 * HOUR)
    server.update_charge(ancient, description="x", at=T + 5 * 24 * HOUR)
    server.clock.advance(timedelta(days=40))
    later = seconds(NOW) + 40 * 24 * HOUR
    new = server.charge(1000, "eur", at=later - HOUR // 2)
    span = (later - HOUR, later)
    found = batches(reader, "charges", span, kept)
    listed = [row for batch in found for row in batch.rows.to_pylist()]
    assert [(row["id"], row["version_at"], row["amount_refunded"]) for row in listed] == [
        (new, f"{later - HOUR // 2}.000001", "0"),
        (charge, f"{later}.000000", "100"),
    ]
    assert listed[1]["_change_time"] == datetime.fromtimestamp(later - HOUR, UTC)
    assert memory(found)["memory"] == {"current_to": later}
    again = batches(reader, "charges", span, found[0].checkpoint)
    assert memory(again) == memory(found)


def test_without_a_pause_nothing_is_listed_anew(api: Api) -> None:
    reader = connector(api.url)
    api.server.charge(5000, "eur", at=T - 300 * HOUR)
    kept = memory(batches(reader, "charges", (T - HOUR, T)))
    api.faults.clear()
    assert rows(reader, "charges", SPAN, kept) == []
    assert paths(api.faults.calls) == {"charges": 1, "events": 1}


def test_refused_calls_are_made_again_at_stripes_pace() -> None:
    with running(account(limits=CallLimits(overall=None, per_endpoint=5))) as api:
        with api.server.writing():
            for number in range(1500):
                api.server.fee(1, "eur", at=T + number)
        api.server.lock(2)
        patient = connector(api.url, retry_budget_seconds=60)
        found = rows(patient, "balance_transactions", SPAN)
    assert len(found) == 1500
    # Fifteen pages, two of them after a lock; more, where the machine is faster than the limit.
    assert len(api.faults.calls) >= 17


def body(status: int, message: str) -> tuple[int, bytes]:
    return status, json.dumps({"error": {"type": "x", "message": message}}).encode()


@pytest.mark.parametrize(
    ("options", "stream", "expected"),
    [
        ({"api_key": "rk_test_other"}, "charges", r"pay \(Stripe\): the key is not known"),
        ({"api_key": "rk_test_few"}, "payouts", r"lacks the permission rak_payout_read"),
        ({"account": "acct_no"}, "charges", r"may not read this account"),
    ],
)
def test_what_the_key_may_not_do_is_said(
    options: dict[str, str], stream: str, expected: str
) -> None:
    with running(account(restricted={"rk_test_few": {"rak_charge_read"}})) as api:
        with pytest.raises(SourceError, match=expected) as error:
            rows(connector(api.url, **options), stream, SPAN)
        assert not error.value.transient
        assert "rk_test" not in str(error.value)


def test_check_names_all_that_a_key_lacks() -> None:
    with running(account(restricted={"rk_test_few": {"rak_dispute_read"}})) as api:
        found = connector(api.url, api_key="rk_test_few").check("charges")
    assert len(found.problems) == 2
    assert "rak_charge_read" in found.problems[0]
    assert "rak_event_read" in found.problems[1]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda each: each.pop("data"), "data.object"),
        (lambda each: each["data"]["object"].pop("id"), "data.object"),
    ],
)
def test_an_event_without_its_object_is_an_error(
    api: Api, change: Callable[[dict[str, object]], object], expected: str
) -> None:
    api.server.charge(100, "eur", at=T)

    def spoilt(answer: bytes) -> bytes:
        decoded = json.loads(answer)
        for each in decoded["data"]:
            change(each)
        return json.dumps(decoded).encode()

    api.faults.change(spoilt, matches=lambda call: call.path == "/v1/events")
    with pytest.raises(SourceError, match=expected):
        rows(connector(api.url), "charges", SPAN)


@pytest.mark.parametrize(
    ("amount", "currency", "expected"),
    [
        (1999, "eur", "19.99"),
        (-5, "usd", "-0.05"),
        (0, "eur", "0.00"),
        (500, "jpy", "500"),
        (-12_340, "kwd", "-12.340"),
        (500, "isk", "5.00"),
        (500, "ugx", "5.00"),
        (5, "mga", "5"),
        (None, "eur", None),
        (True, "eur", None),
        (5, None, None),
    ],
)
def test_amounts_are_counted_as_stripe_counts_them(
    amount: object, currency: object, expected: str | None
) -> None:
    assert major(amount, currency) == expected
