"""A simulated shop's life follows from its seed and its clock, and from nothing else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from shop_assets.demo import DemoPlan, DemoTargets, FlashSale, SimulatedShop, prepare_targets
from shop_assets.demo.world import World
from shop_assets.errors import UserError
from shop_assets_tests.demo import dumps
from shop_assets_tests.demo.conftest import PLAN, START, Targets

SMALL = replace(PLAN, flash_sale=FlashSale(4, 1))
UNTIL = START + dt.timedelta(hours=12, minutes=20)


def live(targets: DemoTargets, *moments: dt.datetime, plan: DemoPlan = SMALL) -> None:
    with SimulatedShop.create(plan, targets) as shop:
        for moment in moments:
            shop.live(moment)


def test_a_life_in_many_steps_and_restarts_is_the_life_in_one(targets: Targets) -> None:
    whole, stepwise = targets(), targets()
    live(whole, UNTIL)
    steps = [0.1, 1, 1.5, 3.999, 4.01, 4.5, 7, 7.2]
    for part in (steps[:3], steps[3:6], steps[6:]):  # each part is another process's
        live(stepwise, *(START + dt.timedelta(hours=step) for step in part))
    live(stepwise, *(START + dt.timedelta(hours=8, minutes=m) for m in range(0, 261, 7)), UNTIL)

    expected, found = dumps.tables(whole), dumps.tables(stepwise)
    assert [name for name in expected if found[name] != expected[name]] == []
    assert all(len(rows) > 10 for rows in expected.values() if rows is not expected["refunds"])
    assert dumps.files(stepwise.files_root) == dumps.files(whole.files_root)


def test_a_life_cut_off_in_the_middle_of_an_hour_is_taken_up_again(
    targets: Targets, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = targets(), targets()
    live(whole, UNTIL)
    live(broken, START + dt.timedelta(hours=4, minutes=30))
    with SimulatedShop.create(SMALL, broken) as shop, monkeypatch.context() as patched:
        # The storefront has its rows already, the warehouse and the clock have not.
        def fails(*_: object) -> None:
            raise RuntimeError("power cut")

        patched.setattr(World, "contact_hour", fails)
        with pytest.raises(RuntimeError, match="power cut"):
            shop.live(UNTIL)
        assert shop.now == START + dt.timedelta(hours=4, minutes=30)
    live(broken, UNTIL)

    assert dumps.tables(broken) == dumps.tables(whole)
    assert dumps.files(broken.files_root) == dumps.files(whole.files_root)


def test_another_seed_is_another_shop(targets: Targets) -> None:
    one, other = targets(), targets()
    live(one, START + dt.timedelta(hours=2))
    live(other, START + dt.timedelta(hours=2), plan=replace(SMALL, seed=7))
    left, right = dumps.tables(one), dumps.tables(other)
    assert [name for name in left if left[name] == right[name] and left[name]] == []


def test_time_does_not_go_back(targets: Targets) -> None:
    room = targets()
    live(room, UNTIL)
    before = dumps.tables(room)
    with SimulatedShop.create(SMALL, room) as shop:
        shop.live(START)
        assert shop.now == UNTIL
    assert dumps.tables(room) == before


def test_the_shop_of_another_plan_is_left_alone_unless_it_is_to_go(targets: Targets) -> None:
    room = targets()
    live(room, START + dt.timedelta(hours=1))
    before = dumps.tables(room)
    with pytest.raises(UserError, match=r"another simulated shop .*\(seed 20261103 instead of 7\)"):
        SimulatedShop.create(replace(SMALL, seed=7), room)
    assert dumps.tables(room) == before
    with SimulatedShop.create(replace(SMALL, seed=7), room, fresh=True) as shop:
        assert shop.now == START
    assert sum(len(rows) for rows in dumps.tables(room).values()) == 0
    assert dumps.files(room.files_root) == {}


def test_a_shop_that_was_never_made_cannot_go_on(targets: Targets) -> None:
    room = targets()
    with SimulatedShop.create(SMALL, room):
        pass
    unmade = replace(room, wms_url=room.storefront_url.replace("Pa55word", "wrong"))
    with pytest.raises(UserError, match="warehouse-management database cannot be reached") as error:
        SimulatedShop(SMALL, unmade)
    assert "wrong" not in str(error.value)


def test_rooms_are_made_on_a_server_and_kept_when_they_are_there(
    admin_url: str, targets: Targets
) -> None:
    folder = targets().files_root
    first = prepare_targets(admin_url, folder, password="one")
    live(first, START + dt.timedelta(hours=1))
    again = prepare_targets(admin_url, folder, password="two")
    with SimulatedShop.create(SMALL, again) as shop:
        assert shop.now == START + dt.timedelta(hours=1)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"start": dt.datetime(2026, 11, 3, 0, 30, tzinfo=dt.UTC)}, "opens at a full hour in UTC"),
        ({"orders_per_hour": 0.0}, "found 0.0 orders an hour"),
        ({"dirt": 0.5}, "found a share of dirt of 0.5, expected 0 to 0.2"),
        ({"products": 3}, "found 3 products, expected at least 20"),
    ],
)
def test_an_impossible_plan_is_refused_in_a_sentence(
    wrong: dict[str, object], sentence: str
) -> None:
    with pytest.raises(UserError, match=sentence):
        DemoPlan(**{"start": START, **wrong})  # type: ignore[arg-type]
