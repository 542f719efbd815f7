"""What lets the simulated Shopify be large: work beside the calls, and none that is done twice."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from shop_assets.demo.apis.shopify import bulk, export, server
from shop_assets_tests.shopify.conftest import Shop
from shop_assets_tests.shopify.test_server import LINES, LOOK, data, ended, run


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """What bulk operations wait for after their first line; no look waits for them."""
    opened, lines = threading.Event(), export.lines

    def waiting(*args: Any, **options: Any) -> Iterator[Any]:
        for number, line in enumerate(lines(*args, **options)):
            yield line
            if number == 0:
                opened.wait(30)

    monkeypatch.setattr(bulk, "lines", waiting)
    monkeypatch.setattr(bulk, "_LOOK_SECONDS", 0.05)
    yield opened
    opened.set()


def looked(shop: Shop, id_: str) -> dict[str, Any]:
    found: dict[str, Any] = data(shop.ask(LOOK, {"id": id_}))["bulkOperation"]
    return found


def test_a_long_bulk_operation_goes_on_beside_the_calls(shop: Shop, gate: threading.Event) -> None:
    for _ in range(3):
        shop.place()
    id_ = run(shop, LINES)["bulkOperation"]["id"]
    states = [looked(shop, id_) for _ in range(6)]
    assert {state["status"] for state in states} == {"RUNNING"}
    assert states[-1]["objectCount"] == "1"
    assert len(shop.rows("orders")) == 3
    gate.set()
    operation = ended(shop, id_)
    assert operation["status"] == "COMPLETED"
    assert operation["objectCount"] == "9"


def test_a_bulk_operation_that_is_cancelled_writes_no_more(
    shop: Shop, gate: threading.Event
) -> None:
    for _ in range(3):
        shop.place()
    id_ = run(shop, LINES)["bulkOperation"]["id"]
    for _ in range(3):
        looked(shop, id_)
    [work] = shop.server.bulk._works.values()
    shop.ask(f'mutation {{ bulkOperationCancel(id: "{id_}") {{ userErrors {{ message }} }} }}')
    gate.set()
    work.done.result(5)
    assert work.objects == 1
    assert looked(shop, id_)["status"] == "CANCELED"


def test_a_question_under_another_name_is_not_looked_over_again(shop: Shop) -> None:
    shop.place()
    asked = "query($n: Int!) {{ {} orders(first: $n) {{ nodes {{ id {} }} }} }}"
    shop.ask(asked.format("first:", ""), {"n": 1})
    known = server._valid.cache_info().currsize
    for name in ("second", "any_name", "query", "orders"):
        answer = data(shop.ask(asked.format(f"{name}:", ""), {"n": 1}))
        assert [len(found["nodes"]) for found in answer.values()] == [1]
        assert list(answer) == [name]
    assert server._valid.cache_info().currsize == known
    assert list(data(shop.ask(asked.format("", "other: id"), {"n": 1}))) == ["orders"]


def test_a_wrong_question_is_refused_as_it_was_asked(shop: Shop) -> None:
    wrong = shop.ask("{ mine: orders(first: 1) { nodes { nothing } } }").json()["errors"]
    assert wrong[0]["locations"] == [{"line": 1, "column": 36}]
    twice = shop.ask("{ a: shop { name } b: shop { name } b: shop { name: id } }").json()
    assert "conflict" in twice["errors"][0]["message"]
