from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st

from shop_assets.checks.contract import judge_contract
from shop_assets.checks.outcome import Outcome
from shop_assets.entities import ENTITIES
from shop_assets_tests.examples import examples
from shop_assets_tests.transforms.frames import frame_of

ORDERS = ENTITIES["orders"]
ROW: dict[str, Any] = {
    "source": "shop", "placed_at": "2026-05-04", "status": "open", "currency": "EUR",
    "email": "ada@example.com", "discount_micros": 0, "shipping_micros": 0, "tax_micros": 0,
    "is_test": False, "version_at": "2026-05-04", "deleted": False,
}  # fmt: skip


def orders(*changed: dict[str, Any]) -> pd.DataFrame:
    return frame_of("orders", [ROW | {"order_id": f"o{n}"} | c for n, c in enumerate(changed)])


def judge(rows: pd.DataFrame, *keys: str) -> Outcome:
    series = pd.Series(list(keys), index=rows.index, dtype="str") if keys else None
    return judge_contract(rows, ORDERS, series)


def test_rows_that_are_as_declared_pass_and_no_rows_do_too() -> None:
    assert judge(orders({}, {}), "h1", "h2").passed
    assert judge(orders()).passed
    assert judge_contract(ORDERS.empty(), ORDERS, pd.Series(dtype="str")).passed


def test_every_failure_is_counted_not_the_first_alone_and_by_partition() -> None:
    rows = orders({"status": "odd"}, {}, {"status": "odd", "tax_micros": -1}, {"currency": "eur"})
    found = judge(rows, "h1", "h1", "h2", "h3")
    assert not found.passed
    assert not found.whole_failed
    assert found.failed == {"h1": {"failures": 1}, "h2": {"failures": 2}, "h3": {"failures": 1}}
    assert (found.metadata["rows"], found.metadata["failures"]) == (4, 4)
    assert "status isin" in found.metadata["failing"]
    assert "tax_micros greater_than_or_equal_to(0): 1" in found.metadata["failing"]


def test_a_key_that_stands_twice_is_found() -> None:
    rows = orders({}, {"order_id": "o0"}, {"order_id": "o0"}, {})
    found = judge(rows, "h1", "h1", "h2", "h2")
    assert found.failed == {"h1": {"failures": 1}, "h2": {"failures": 1}}
    assert found.metadata["failing"] == "source, order_id unique key: 2"


@pytest.mark.parametrize(
    "broken",
    [
        lambda f: f.drop(columns="status"),
        lambda f: f.drop(columns="order_id"),
        lambda f: f.assign(extra=1),
        lambda f: f.assign(tax_micros=f["tax_micros"].astype("float64")),
        lambda f: f.assign(placed_at=f["placed_at"].dt.tz_localize(None)),
        lambda f: pd.concat([f, f["status"]], axis=1),
    ],
    ids=["missing", "missing key", "extra", "float", "naive time", "twice"],
)
def test_a_frame_of_another_shape_fails_for_all_its_partitions(
    broken: Callable[[pd.DataFrame], pd.DataFrame],
) -> None:
    for status in ("open", "odd"):
        found = judge(broken(orders({}, {"status": status})), "h1", "h2")
        assert not found.passed
        assert found.whole_failed


def test_keys_that_are_no_keys_are_failures_like_others() -> None:
    odd: Any = pd.Series([["a"], {"b": 1}], dtype=object)
    found = judge(orders({}, {}).assign(order_id=odd), "h1", "h2")
    assert set(found.failed) == {"h1", "h2"}


def test_rows_are_told_apart_by_their_place_whatever_the_index_says() -> None:
    rows = orders({}, {"status": "odd"})
    for index in ([7, 7], ["a", "b"], [1, 0]):
        found = judge(rows.set_axis(index, axis=0), "h1", "h2")
        assert found.failed == {"h2": {"failures": 1}}


def test_the_sample_is_bounded_and_names_no_person() -> None:
    long = "x" * 10_000_000
    rows = orders(
        {"status": long}, *({"status": f"s{n}"} for n in range(500)),
        {"currency": "eve@example.com"}, {"status": "mallory@example.com"},
    )  # fmt: skip
    rows.loc[1, "order_id"] = None
    for shown in (judge(rows, *(["h1"] * 503)), judge(rows)):
        text = str(shown.metadata) + str(shown.failed)
        assert len(text) < 1500
        assert "@" not in text
    personal = orders({}).assign(email=pd.Series([b"ada@example.com"], dtype=object), name="Ada")
    assert "ada" not in str(judge(personal).metadata).lower()


def odd_values(n: int) -> st.SearchStrategy[pd.Series]:
    moment = dt.datetime(2026, 5, 4, tzinfo=dt.UTC)
    value = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.binary(max_size=3),
        st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=1), st.none()),
        st.just(moment), st.just(moment.date()), st.just(pd.NA), st.just("ada@example.com"),
    )  # fmt: skip
    return st.lists(value, min_size=n, max_size=n).map(lambda v: pd.Series(v, dtype=object))


@examples(60, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_whatever_a_frame_holds_it_is_judged_and_never_raises(data: st.DataObject) -> None:
    n = data.draw(st.sampled_from([0, 1, 3]))
    rows = orders(*([{}] * n))
    names = data.draw(st.lists(st.sampled_from(ORDERS.column_names), min_size=1, max_size=3))
    for name in names:
        change = data.draw(st.sampled_from(["drop", "values", "plain"]))
        if change == "drop":
            rows = rows.drop(columns=name, errors="ignore")
        elif name in rows.columns:
            values = data.draw(odd_values(n))
            rows[name] = values if change == "values" else values.infer_objects()
    found = judge(rows, *(f"h{i}" for i in range(n)))
    assert "ada@" not in str(found.metadata)
    assert len(str(found.metadata)) < 3000
    if set(rows.columns) != set(ORDERS.column_names):
        assert not found.passed
