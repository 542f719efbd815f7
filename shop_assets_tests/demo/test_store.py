"""The store of the simulated shops' servers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from shop_assets.demo.apis import Clock
from shop_assets.demo.apis.shopify.connections import Listed
from shop_assets.demo.apis.store import Store, Stored
from shop_assets.demo.apis.stripe import StripeServer
from shop_assets.demo.apis.stripe.lists import page


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store()
    yield made
    made.close()


def thing(number: int, **more: Any) -> Stored:
    return Stored("thing", f"t{number}", number, "box", 1000 - number, number // 2, more)


def numbers(found: tuple[list[Stored], int]) -> list[int]:
    return [each.number for each in found[0]]


def test_a_page_is_what_select_gives_and_knows_how_many_there_are(store: Store) -> None:
    store.put(thing(number, name=str(number)) for number in range(50))
    store.put([Stored("other", "o1", 7, "", 0, 7, {})])
    for order in ("number", "created", "updated"):
        for descending in (False, True):
            for offset in (0, 3, 38, 45):
                given: dict[str, Any] = {"order": order, "descending": descending, "limit": 10}
                where, values = "updated >= ?", (5,)
                found = store.page("thing", where, values, offset=offset, **given)
                assert found[0] == store.select("thing", where, values, offset=offset, **given)
                assert found[1] == 40


def test_pages_show_what_was_put_or_deleted_since(store: Store) -> None:
    store.put(thing(number) for number in range(4))
    assert numbers(store.page("thing", limit=2, offset=2)) == [2, 3]
    store.put([thing(1, name="new")])
    assert store.page("thing", limit=2, offset=1)[0][0].body == {"name": "new"}
    store.delete("thing", "t0")
    assert numbers(store.page("thing", limit=2, offset=2)) == [3]
    assert store.page("thing", limit=2, offset=2)[1] == 3


def test_pages_show_what_another_process_has_put(tmp_path: Path) -> None:
    one, other = Store(tmp_path / "shop.sqlite"), Store(tmp_path / "shop.sqlite")
    one.put([thing(1)])
    assert one.page("thing", limit=5, offset=0)[1] == 1
    other.put([thing(2)])
    assert numbers(one.page("thing", limit=5, offset=0)) == [1, 2]
    one.close()
    other.close()


@contextmanager
def few_steps(store: Store) -> Iterator[None]:
    """What is done within has to take SQLite no more than it takes to find a page."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    store._connection.set_progress_handler(step, 10)
    yield
    store._connection.set_progress_handler(None, 10)
    assert 0 < taken < 100


def test_a_page_far_into_a_list_looks_at_its_own_objects_alone(store: Store) -> None:
    store.put(thing(number) for number in range(2_000))
    store.page("thing", "updated >= ?", (1,), limit=10, offset=0)
    with few_steps(store):
        found = store.page("thing", "updated >= ?", (1,), limit=10, offset=1_900)
    assert len(found[0]) == 10


@pytest.mark.parametrize("reverse", [False, True])
def test_a_page_far_into_a_list_of_shopify_does_so_too(store: Store, reverse: bool) -> None:
    store.put(thing(number) for number in range(2_000))
    where, values = "updated >= ? AND updated < ?", (1, 999)
    listed = Listed(store, "thing", where, values, "updated", reverse)
    position = (100, 200) if reverse else (900, 1_800)
    with few_steps(store):
        found = listed.after(position, 10, backwards=False)
    assert [each.number for each in found][:2] == ([199, 198] if reverse else [1_801, 1_802])


@pytest.mark.parametrize("name", ["charges", "events"])
def test_a_page_far_into_a_list_of_stripe_does_so_too(store: Store, name: str) -> None:
    clock = Clock(dt.datetime(2026, 3, 10, tzinfo=dt.UTC))
    server = StripeServer(store, clock)
    start = clock.seconds - 5_000
    with server.writing():
        made = [server.charge(100, "eur", at=start + n) for n in range(1_500)]
    [early] = store.select("event", "created = ?", ((start + 100) * 1_000_000,))
    after = early.id if name == "events" else made[100]
    query = [("starting_after", after), ("created[gte]", str(start)), ("limit", "10")]
    with few_steps(store):
        found = page(server, name, [*query, ("created[lt]", str(start + 4_000))])
    assert len(found["data"]) == 10


def test_put_keeps_all_or_nothing(store: Store) -> None:
    store.put([thing(1)])
    with pytest.raises(TypeError):
        store.put([thing(2), thing(3, name=object())])
    assert store.count("thing") == 1
