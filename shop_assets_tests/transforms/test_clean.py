from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.entities import ENTITIES
from shop_assets.transforms.clean import MissingColumnError, combine, empty
from shop_assets.transforms.fields import UnfitValueError
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.raw_rows import (
    HOUR,
    attempts,
    cleaned,
    ends,
    load,
    mapping,
    read,
)

ORDERS: dict[str, Any] = {
    "order_id": "id",
    "placed_at": {"column": "at", "formats": ["iso", "%d.%m.%Y %H:%M"]},
    "status": {"column": "status", "map": {"done": "fulfilled"}, "strict_map": False},
    "shipping_micros": {"column": "shipping", "money": "major", "decimal": ","},
}
ITEMS: dict[str, Any] = {
    "order_id": "id",
    "item_id": {"fingerprint": ["id", "code"], "repeats": "keep"},
    "placed_at": "at",
    "product_id": "code",
    "quantity": "n",
    "unit_price_micros": "price",
}


def order(**changed: Any) -> dict[str, Any]:
    return {"id": "A", "at": "2026-05-04T10:00", "status": "open", "shipping": "4,90"} | changed


def item(**changed: Any) -> dict[str, Any]:
    return {"id": "A", "at": "2026-05-04T10:00", "code": "p", "n": "1", "price": "2.50"} | changed


def orders(*rows: dict[str, Any], **declared: Any) -> Any:
    return cleaned(load(read(rows)), mapping(fields=ORDERS, **declared))


def test_a_row_is_published_with_its_fields_typed_and_the_rest_as_nothing_was_said() -> None:
    found = orders(order(status="done"))
    row = found.published.iloc[0]
    assert row["placed_at"] == pd.Timestamp("2026-05-04T08:00Z")
    assert (row["source"], row["status"], row["currency"]) == ("shop", "fulfilled", "EUR")
    assert (row["shipping_micros"], row["tax_micros"], row["is_test"]) == (4_900_000, 0, False)
    assert row["version_at"] == pd.Timestamp(HOUR) == row["_hour"]
    assert pd.isna(row["customer_id"])
    assert found.counts.to_dict("records") == [
        {"hour": pd.Timestamp(HOUR), "source": "shop", "stream": "lines", "entity": "orders",
         "rows_read": 1, "rows_published": 1, "rows_repaired": 0, "rows_quarantined": 0,
         "rows_deduplicated": 0, "rows_folded": 0}
    ]  # fmt: skip


def test_no_rows_are_an_empty_result_with_every_column() -> None:
    for found in (cleaned(load(read([])), mapping(fields=ORDERS)), empty(ENTITIES["orders"])):
        assert ends(found) == {}
        assert list(found.published.columns) == [*ENTITIES["orders"].column_names, "_hour"]


@pytest.mark.parametrize(
    ("changed", "rule", "reason"),
    [
        ({"at": "soon"}, "unreadable_value", "placed_at cannot be read as a time"),
        ({"at": "9999-12-31"}, "unreadable_value", "placed_at cannot be read as a time"),
        ({"shipping": "4.90.1"}, "unreadable_value", "shipping_micros cannot be read as an amount"),
        ({"shipping": "9" * 30}, "unreadable_value", "shipping_micros cannot be read as an amount"),
        ({"id": "a\x00b"}, "unreadable_value", "order_id cannot be read as an id"),
        ({"id": "x" * 10_000_000}, "unreadable_value", "order_id cannot be read as an id"),
        ({"id": None}, "contract", "order_id fails not_nullable"),
        ({"at": ""}, "contract", "placed_at fails not_nullable"),
        ({"shipping": "-1"}, "contract", "shipping_micros fails greater_than_or_equal_to(0)"),
        ({"status": "lost"}, "contract", "status fails isin"),
    ],
)
def test_a_row_that_cannot_be_is_set_aside_with_rule_and_reason_and_others_go_on(
    changed: dict[str, Any], rule: str, reason: str
) -> None:
    found = orders(order(id="before"), order(**changed), order(id="after"))
    assert ends(found) == {"published": 2, "quarantined": 1}
    (aside,) = found.quarantined.to_dict("records")
    assert aside["rule"] == rule
    assert aside["reason"].startswith(reason)
    assert (aside["position"], aside["delivery"], aside["load_id"]) == ("a.csv:3", "a.csv", "run-1")
    assert json.loads(aside["row"]) == order(**changed)


def test_an_unknown_word_of_a_strict_map_sets_the_row_aside() -> None:
    strict = ORDERS | {"status": {"column": "status", "map": {"open": "open"}, "strict_map": True}}
    found = cleaned(load(read([order(), order(id="B", status="odd")])), mapping(fields=strict))
    assert found.quarantined["reason"].tolist() == ["status cannot be read as a word of its map"]
    assert ends(found) == {"published": 1, "quarantined": 1}


def test_sql_quotes_and_other_scripts_are_text_like_any_other() -> None:
    names = ["'; DROP TABLE warehouse.orders; --", "$1", "ключ", "a\nb\tc", "\u2028", "{}"]
    found = orders(*(order(id=name, status="odd" if name == "$1" else "open") for name in names))
    assert sorted(found.published["order_id"]) == sorted(set(names) - {"$1"})
    assert json.loads(found.quarantined["row"].iloc[0])["id"] == "$1"


def test_a_broken_line_is_set_aside_as_it_stood_by_one_entity_of_the_stream() -> None:
    broken: dict[str, Any] = {"_error": "9 fields, expected 4", "_line": 'A,"\ud7ff,,,,,'}
    raw = load(read([order(), dict.fromkeys(order()) | broken]))
    found = cleaned(raw, mapping(fields=ORDERS))
    (aside,) = found.quarantined.to_dict("records")
    assert (aside["rule"], aside["reason"], aside["row"]) == (
        "unreadable", "9 fields, expected 4", broken["_line"],
    )  # fmt: skip
    other = cleaned(raw, mapping(fields=ORDERS), takes_unreadable=False)
    assert ends(other) == {"published": 1}


def test_an_hour_of_broken_lines_alone_needs_no_columns() -> None:
    raw = load(read([{"_error": "no JSON", "_line": "{"}, {"_error": "no JSON", "_line": "["}]))
    rules = [{"name": "r", "when": {"gone": {"is": 1}}, "quarantine": "x"}]
    found = cleaned(raw, mapping(fields=ORDERS, rules=rules, only_when={"kind": {"is": "x"}}))
    assert ends(found) == {"quarantined": 2}


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ({"fields": ORDERS | {"channel": "shop"}}, "column shop, which orders.channel needs"),
        ({"fields": ORDERS | {"channel": {"concat": ["id", "z"]}}}, "column z, which orders.chan"),
        (
            {"rules": [{"name": "r", "when": {"zip": {"is": 1}}, "quarantine": "x"}]},
            "column zip, which rule r of orders needs",
        ),
        (
            {"rules": [{"name": "r", "when": {"@zip": {"is": 1}}, "quarantine": "x"}]},
            "field zip, which rule r of orders needs",
        ),
        ({"only_when": {"kind": {"is": "x"}}}, "column kind, which only_when of orders needs"),
    ],
)
def test_a_missing_column_is_one_clear_error(declared: dict[str, Any], said: str) -> None:
    with pytest.raises(MissingColumnError) as raised:
        cleaned(load(read([order()])), mapping(**({"fields": ORDERS} | declared)))
    assert str(raised.value.args[0]).startswith(said)
    assert str(raised.value.args[0]).endswith("is not there")


def test_the_first_rule_that_sets_a_field_decides_it() -> None:
    rules = [
        {"name": "a", "when": {"status": {"is": "x"}}, "set": {"status": "paid", "channel": "web"}},
        {"name": "b", "when": {"id": {"missing": False}}, "set": {"status": "open", "country": 49}},
        {"name": "c", "when": {"@status": {"is": "paid"}},
         "set": {"channel": None, "is_test": True}},
    ]  # fmt: skip
    rows = orders(order(status="x"), order(id="B", status="y"), rules=rules).published
    assert rows["status"].tolist() == ["paid", "open"]
    assert rows["channel"].fillna("-").tolist() == ["web", "-"]
    assert rows["country"].tolist() == ["49", "49"]
    assert rows["is_test"].tolist() == [True, False]


def test_the_first_rule_that_sets_a_row_aside_names_it() -> None:
    rules = [
        {"name": "first", "when": {"status": {"is": "x"}}, "quarantine": "one"},
        {"name": "second", "when": {"id": {"is": "A"}}, "quarantine": "two"},
    ]
    found = orders(order(status="x", at="soon"), order(at="soon"), rules=rules)
    assert found.quarantined[["rule", "reason"]].to_numpy().tolist() == [
        ["first", "one"], ["second", "two"],
    ]  # fmt: skip


def test_a_rule_mends_what_could_not_be_read() -> None:
    rules = [
        {"name": "mend", "when": {"shipping": {"is": "n/a"}}, "set": {"shipping_micros": 0},
         "repair": True},
        {"name": "when", "when": {"at": {"is": "0000-00-00"}},
         "set": {"placed_at": "2026-05-01T00:00:00Z"}, "repair": True},
    ]  # fmt: skip
    found = orders(order(shipping="n/a"), order(id="B", at="0000-00-00"), order(id="C"),
                   order(id="D", shipping="n/a", at="soon"), rules=rules)  # fmt: skip
    assert ends(found) == {"published": 3, "repaired": 2, "quarantined": 1}
    assert found.published["shipping_micros"].tolist() == [0, 4_900_000, 4_900_000]
    assert found.published["placed_at"].iloc[1] == pd.Timestamp("2026-05-01T00:00Z")


@pytest.mark.parametrize(("name", "value"), [("tax_micros", "much"), ("placed_at", "soon")])
def test_a_rule_that_sets_what_a_field_cannot_hold_is_one_clear_error(
    name: str, value: str
) -> None:
    rules = [{"name": "r", "when": {"id": {"is": "A"}}, "set": {name: value}}]
    with pytest.raises(UnfitValueError, match=f"'{value}', to which rule r of orders sets {name}"):
        orders(order(), rules=rules)


def test_only_the_rows_that_concern_an_entity_are_its_own() -> None:
    found = orders(order(status="x"), order(id="B"), only_when={"status": {"not": {"is": "x"}}})
    assert ends(found) == {"published": 1}
    assert ends(orders(order(), only_when={"id": {"is": "nobody"}})) == {}


@pytest.mark.parametrize("n", ["1", "999999999999999"])
def test_a_line_whose_amount_no_sum_could_hold_is_set_aside(n: str) -> None:
    rows = [item(n=n, price="99999999999.5"), item(n=n, price="-99999999999.5"), item()]
    found = cleaned(load(read(rows)), mapping(fields=ITEMS), "order_items")
    expected = {"published": 3} if n == "1" else {"published": 1, "quarantined": 2}
    assert ends(found) == expected
    assert set(found.quarantined["rule"]) <= {"too_large"}


def test_the_last_delivered_of_the_same_version_stays() -> None:
    rows = [order(shipping="1", _delivery="b", _position="b:2"),
            order(shipping="2", _delivery="a", _position="a:10"),
            order(shipping="3", _delivery="b", _position="b:10"),
            order(shipping="4", _delivery="b", _position="b:9")]  # fmt: skip
    found = orders(*rows)
    assert ends(found) == {"published": 1, "deduplicated": 3}
    assert found.published["shipping_micros"].tolist() == [3_000_000]


def test_versions_of_a_key_are_rows_of_their_own() -> None:
    found = orders(order(_at=1), order(_at=2, status="paid"), order(_at=2, status="paid"))
    assert ends(found) == {"published": 2, "deduplicated": 1}


def test_equal_lines_of_one_delivery_count_and_another_delivery_of_them_does_not() -> None:
    first = read([item(), item(), item(code="q")], delivery="a")
    again = read([item(), item(), item(code="q"), item()], delivery="b")
    found = cleaned(load(first, again), mapping(fields=ITEMS), "order_items")
    assert ends(found) == {"published": 4, "deduplicated": 3}


def test_a_row_that_every_attempt_saw_is_one_row() -> None:
    one = read([item(), item()])
    two = read([item(), item(), item(code="late")])
    raw = attempts(load(one), load(two, attempt=2), load(two, attempt=3))
    found = cleaned(raw, mapping(fields=ITEMS), "order_items")
    assert ends(found) == {"published": 3}


def test_lines_that_moved_within_a_file_between_two_attempts_are_not_more() -> None:
    one, two = read([item(), item()]), read([item(code="new"), item(), item()])
    found = cleaned(attempts(load(one), load(two, attempt=2)), mapping(fields=ITEMS), "order_items")
    assert len(found.published) == 3


def test_of_two_attempts_that_read_a_version_differently_the_later_wins() -> None:
    wrong = load(read([order(id="B"), order(shipping="1")]))
    right = load(read([order(shipping="2")]), attempt=2)
    for raw in (attempts(wrong, right), attempts(right, wrong)):
        rows = cleaned(raw, mapping(fields=ORDERS)).published
        assert rows.loc[rows["order_id"] == "A", "shipping_micros"].tolist() == [2_000_000]


def test_an_hour_is_cleaned_the_same_whatever_the_hour_before_it_brought() -> None:
    later = HOUR + dt.timedelta(hours=1)
    seen, late = item(_at=50), item(code="late", _at=55, _position="a.csv:9")
    own = item(code="own", _at=70, _position="a.csv:10")
    first, second = load(read([seen])), load(read([seen, late, own]), start=later, attempt=2)
    single = cleaned(second, mapping(fields=ITEMS), "order_items")
    assert ends(single) == {"published": 3}
    both = cleaned(attempts(first, second), mapping(fields=ITEMS), "order_items").published
    of_hour = both[both["_hour"] == pd.Timestamp(later)].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_hour, single.published)


def test_folded_rows_are_one_for_each_key_and_hour_the_newest_with_the_earliest_time() -> None:
    declared = mapping(
        grain="folded",
        fields={"customer_id": "who", "country": "land", "created_at": "at"},
        rules=[{"name": "nobody", "when": {"who": {"missing": True}}, "quarantine": "no one"}],
    )
    rows: list[dict[str, Any]] = [
        {"who": "c", "land": "FR", "at": "2026-05-02T00:00Z", "_at": 5},
        {"who": "c", "land": "DE", "at": "2026-05-03T00:00Z", "_at": 9},
        {"who": "c", "land": "BE", "at": "2026-05-04T00:00Z", "_at": 70},
        {"who": "d", "land": None, "at": None, "_at": 1},
        {"who": None, "land": "DE", "at": "2026-05-01T00:00Z", "_at": 1},
    ]
    found = cleaned(load(read(rows)), declared, "customers")
    assert ends(found) == {"published": 3, "folded": 1, "quarantined": 1}
    first = found.published[found.published["customer_id"] == "c"].iloc[0]
    assert (first["country"], first["created_at"]) == ("DE", pd.Timestamp("2026-05-02T00:00Z"))


def test_columns_that_the_source_has_typed_are_taken_by_their_values() -> None:
    typed = mapping(
        fields=ORDERS | {"is_test": "test", "shipping_micros": "paid", "order_id": "id"}
    )
    row = {
        "id": 7, "at": dt.datetime(2026, 5, 4, 8, tzinfo=dt.UTC), "status": "open", "test": True,
        "paid": Decimal("4.90"),
    }  # fmt: skip
    found = cleaned(load(read([row, row | {"id": 8, "test": None, "paid": None}])), typed)
    (first,) = found.published.to_dict("records")
    assert (first["order_id"], first["is_test"], first["shipping_micros"]) == ("7", True, 4_900_000)
    (aside,) = found.quarantined.to_dict("records")
    assert aside["rule"] == "contract"
    assert combine([found], ENTITIES["orders"]) is found


def test_two_streams_that_tell_the_same_version_publish_it_once() -> None:
    fix = [{"name": "fix", "when": {"id": {"is": "A"}}, "set": {"channel": "x"}, "repair": True}]
    one = orders(order(), order(id="B"), rules=fix)
    two = orders(order(shipping="7"), order(id="C", at="soon"))
    found = combine([one, empty(ENTITIES["orders"]), two], ENTITIES["orders"])
    assert sorted(found.published["order_id"]) == ["A", "B"]
    assert found.published.set_index("order_id").loc["A", "shipping_micros"] == 7_000_000
    # What is published of A is the other stream's, which no rule has mended.
    assert ends(found) == {"published": 2, "deduplicated": 1, "quarantined": 1}
    assert found.counts["rows_read"].tolist() == [2, 2]
    assert combine([], ENTITIES["orders"]).published.empty


@pytest.mark.parametrize(("mended", "repaired"), [("A", 0), ("B", 1), ("C", 1)])
def test_a_mended_row_counts_unless_another_stream_tells_the_same_version(
    mended: str, repaired: int
) -> None:
    fix = [{"name": "fix", "when": {"id": {"is": mended}}, "set": {"channel": "x"}, "repair": True}]
    parts = [orders(order(), order(id="B"), rules=fix), orders(order(), order(id="C"), rules=fix)]
    parts.append(orders(order()))
    found = combine(parts, ENTITIES["orders"])
    assert found.counts["rows_repaired"].sum() == repaired


def test_bytes_and_nested_values_in_a_row_that_is_set_aside_are_shown_as_text() -> None:
    odd = {"raw": b"\xff\x00", "tags": [{"a": b"\xfe"}], "at": "soon"}
    found = orders(order(**odd))
    shown = json.loads(found.quarantined["row"].iloc[0])
    assert shown["raw"] == "\\xff\x00"
    assert shown["tags"] == [{"a": "\\xfe"}]


@st.composite
def deliveries(draw: st.DrawFn) -> list[list[dict[str, Any]]]:
    """Some deliveries of lines, equal ones among them, with whatever a source may write."""
    odd = st.text(st.characters(exclude_categories=["Cs"]), max_size=3)
    line = st.fixed_dictionaries(
        {
            "id": st.one_of(st.sampled_from(["A", "B", None]), odd),
            "at": st.one_of(st.sampled_from(["2026-05-04T10:00", "now", None]), odd),
            "code": st.sampled_from(["p", "POST", "bad", None]),
            "n": st.one_of(st.integers(-3, 10**18).map(str), odd),
            "price": st.one_of(st.decimals(allow_nan=True).map(str), st.just("1")),
            "_at": st.integers(-30, 119),
            "_error": st.sampled_from([None, None, None, "cut"]),
        }
    )
    return draw(st.lists(st.lists(line, min_size=1, max_size=6), min_size=1, max_size=3))


@examples(25)
@given(deliveries(), st.sampled_from(["merge", "keep"]))
def test_whatever_is_delivered_every_row_ends_in_exactly_one_way(
    delivered: list[list[dict[str, Any]]], repeats: str
) -> None:
    declared = mapping(
        fields=ITEMS | {"item_id": {"fingerprint": ["id", "code", "n"], "repeats": repeats}},
        rules=[
            {"name": "post", "when": {"code": {"is": "POST"}}, "set": {"line_type": "shipping"}},
            {"name": "one", "when": {"n": {"missing": True}}, "set": {"quantity": 1},
             "repair": True},
            {"name": "bad", "when": {"code": {"is": "bad"}}, "quarantine": "a bad code"},
        ],
    )  # fmt: skip
    kinds = pa.schema([(name, pa.string()) for name in ("id", "at", "code", "n", "price")])
    loads = [
        load(read(rows, delivery=f"d{n}", schema=kinds), attempt=n)
        for n, rows in enumerate(delivered)
    ]
    once = cleaned(attempts(*loads), declared, "order_items")
    assert once.counts["rows_read"].sum() == sum(map(len, delivered))
    again = cleaned(attempts(*loads, *loads), declared, "order_items")
    assert sorted(again.published["item_id"]) == sorted(once.published["item_id"])
