"""Runs that are broken off, run beside loads or beside each other, or meet an older warehouse."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import psycopg2
import pytest
from adbc_driver_manager import Error as AdbcError
from dagster import AssetCheckKey, AssetKey, AssetSelection, RunConfig, materialize

from shop_assets.assets.reconciliation import (
    DECLARED,
    READS,
    Declaration,
    Run,
    compare,
    providers,
    reconciliation_assets,
)
from shop_assets.checks import reconciliation as checks
from shop_assets.resources import WarehouseResource
from shop_assets.stack.endpoints import Endpoints
from shop_assets.warehouse.connection import Warehouse
from shop_assets.warehouse.reconciliation import Judge, Reconciled, leave_others
from shop_assets_tests.reconciliation.books import GRACE, START, STRIPE, Books, differences
from shop_assets_tests.reconciliation.test_checks import configured, settings_of
from shop_assets_tests.warehouse.loads import HOUR, table_of, wait_for_waiter

CHARGES, REFUNDS, PAYOUTS = DECLARED
LATER = {"A": START + 30 * HOUR, "B": START + 31 * HOUR}
UNPAID = ("charge", "A", "not_charged", 10, 0)


def run(warehouse: Warehouse, declared: Declaration = CHARGES, *, anew: bool = False) -> Reconciled:
    return run_both(warehouse, declared, anew=anew)[declared.name]


def run_both(warehouse: Warehouse, *made: Declaration, anew: bool = False) -> dict[str, Reconciled]:
    reads = READS[made[0].comparison]
    return compare(warehouse, made, reads, [STRIPE], GRACE, anew=anew)


def asked(warehouse: Warehouse) -> int:
    [(count,)] = table_of(
        warehouse, "SELECT coalesce(sum(cardinality(keys)), 0) FROM meta.stale_comparisons"
    )
    return int(count)


@pytest.fixture
def settled(warehouse: Warehouse) -> Warehouse:
    """A warehouse in which two orders are paid, and that has been compared."""
    books = Books()
    for order_id in ("A", "B"):
        books.order(order_id, 10)
        books.charge(order_id, 10, charge_id=f"ch_{order_id}")
    books.load(warehouse)
    assert differences(warehouse) == []
    return warehouse


def lose(warehouse: Warehouse, order_id: str) -> None:
    """Let the provider delete an order's charge."""
    books = Books()
    books.charge(order_id, 10, charge_id=f"ch_{order_id}", deleted=True,
                 version_at="2026-01-31 09:20")  # fmt: skip
    books.add_to(warehouse, LATER[order_id])


def test_only_what_has_changed_is_compared(settled: Warehouse) -> None:
    lose(settled, "A")
    done = run(settled)
    assert (done.compared, done.changed, done.anew) == (1, 1, False)
    assert done.kinds == {"not_charged": 1}
    done = run(settled)
    assert (done.compared, done.changed, done.kinds) == (0, 0, {"not_charged": 1})


def test_a_run_whose_server_process_is_killed_is_made_up_for_by_the_next(
    settled: Warehouse,
) -> None:
    def dying(declared: Declaration) -> Judge:
        def killed(compared: pd.DataFrame) -> pd.DataFrame:
            killer = psycopg2.connect(settled.url)
            with killer, killer.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks "
                    "WHERE relation = %s::regclass AND mode = 'ShareRowExclusiveLock'",
                    (f"analytics_base.{declared.name}",),
                )
                assert cursor.rowcount == 1
            killer.close()
            return declared.judge(compared)

        return killed

    lose(settled, "A")
    waiting = asked(settled)
    for declared in (CHARGES, REFUNDS):
        broken = dataclasses.replace(declared, judge=dying(declared))
        for anew in (False, True):
            with pytest.raises(AdbcError):
                run(settled, broken, anew=anew)
    assert asked(settled) == waiting > 0
    assert table_of(settled, "SELECT * FROM analytics_base.charge_differences") == []
    assert differences(settled) == [UNPAID]
    assert asked(settled) == 0


@pytest.mark.parametrize("anew", [False, True])
def test_a_load_that_ends_during_a_run_does_not_wait_and_is_seen_by_the_next(
    settled: Warehouse, anew: bool
) -> None:
    def slow(judge: Judge) -> Judge:
        def judged(compared: pd.DataFrame) -> pd.DataFrame:
            lose(settled, "B")
            return judge(compared)

        return judged

    lose(settled, "A")
    found = run(settled, dataclasses.replace(CHARGES, judge=slow(CHARGES.judge)), anew=anew)
    assert found.kinds == {"not_charged": 1}
    assert [ids for _, ids, *_ in differences(settled)] == ["A", "B"]


def test_a_first_run_waits_for_the_loads_that_do_not_know_of_it(warehouse: Warehouse) -> None:
    books = Books()
    books.load(warehouse)
    books.order("A", 10)
    gate = psycopg2.connect(warehouse.url)
    with ThreadPoolExecutor(2) as pool:
        with gate, gate.cursor() as cursor:
            # The load has looked whether anybody is to be asked on behalf of, and waits there.
            cursor.execute("LOCK TABLE meta.stale_comparisons IN EXCLUSIVE MODE")
            load = pool.submit(books.load, warehouse)
            wait_for_waiter(warehouse, 1)
            first = pool.submit(run, warehouse)
            wait_for_waiter(warehouse, 2)
        gate.close()
        load.result()
        first.result()
    assert differences(warehouse) == [UNPAID]


def test_runs_at_once_leave_what_one_leaves(settled: Warehouse) -> None:
    lose(settled, "A")
    with ThreadPoolExecutor(3) as pool:
        done = list(pool.map(lambda _: run(settled), range(3)))
    assert sum(d.changed for d in done) == 1
    assert {d.kinds["not_charged"] for d in done} == {1}
    assert differences(settled) == [UNPAID]


def test_charges_and_refunds_are_compared_side_by_side(settled: Warehouse) -> None:
    lose(settled, "A")
    run(settled, REFUNDS)
    lose(settled, "B")
    done: list[Reconciled] = []

    def judged(compared: pd.DataFrame) -> pd.DataFrame:
        with ThreadPoolExecutor(1) as pool:
            done.append(pool.submit(run, settled, REFUNDS).result(timeout=60))
        return CHARGES.judge(compared)

    found = run(settled, dataclasses.replace(CHARGES, judge=judged))
    assert found.kinds == {"not_charged": 2}
    assert [d.compared for d in done] == [1]
    assert asked(settled) == 0


def test_charges_and_refunds_are_compared_once_for_both(settled: Warehouse) -> None:
    lose(settled, "A")
    run(settled, REFUNDS)  # which leaves what is asked for on behalf of the charges
    seen: list[pd.DataFrame] = []

    def judged(compared: pd.DataFrame) -> pd.DataFrame:
        seen.append(compared)
        return REFUNDS.judge(compared)

    lose(settled, "B")
    refunds = dataclasses.replace(REFUNDS, judge=judged)
    done = run_both(settled, CHARGES, refunds)
    assert {name: (d.compared, d.anew) for name, d in done.items()} == dict.fromkeys(
        (CHARGES.name, REFUNDS.name), (2, False)
    )
    assert done[CHARGES.name].kinds == {"not_charged": 2}
    assert done[REFUNDS.name].kinds == {}
    assert [set(compared["order_id"]) for compared in seen] == [{"A", "B"}]
    assert asked(settled) == 0


def test_a_table_that_is_new_here_makes_the_other_one_anew_too(settled: Warehouse) -> None:
    lose(settled, "A")
    with settled.transaction() as cursor:
        cursor.execute("DELETE FROM meta.reconciliations WHERE name = $1", (REFUNDS.name,))
    done = run_both(settled, CHARGES, REFUNDS)
    assert [d.anew for d in done.values()] == [True, True]
    assert done[CHARGES.name].kinds == {"not_charged": 1}
    assert asked(settled) == 0
    done = run_both(settled, CHARGES, REFUNDS)
    assert [(d.anew, d.compared) for d in done.values()] == [(False, 0)] * 2


def test_both_at_once_and_each_by_itself_wait_for_each_other(settled: Warehouse) -> None:
    lose(settled, "A")
    lose(settled, "B")
    wanted = [(CHARGES, REFUNDS), (REFUNDS, CHARGES), (CHARGES,), (REFUNDS,)] * 2
    with ThreadPoolExecutor(len(wanted)) as pool:
        done = list(pool.map(lambda made: run_both(settled, *made), wanted))
    assert sum(d[CHARGES.name].changed for d in done if CHARGES.name in d) == 2
    assert asked(settled) == 0
    assert differences(settled) == [UNPAID, ("charge", "B", "not_charged", 10, 0)]


def test_a_shop_without_a_provider_asks_for_nothing(warehouse: Warehouse) -> None:
    books = Books()
    books.order("A", 10)
    books.charge("A", 10)
    books.payout("po", 1, ("t", 1))
    books.load(warehouse)
    assert asked(warehouse) == 0
    run(warehouse, PAYOUTS)
    lose(warehouse, "A")
    assert asked(warehouse) == 0


def test_a_charge_that_moves_to_another_order_is_missed_at_the_one_that_it_leaves(
    settled: Warehouse,
) -> None:
    books = Books()
    books.charge("B", 10, charge_id="ch_A", version_at="2026-01-31 09:20")
    books.add_to(settled, LATER["A"])
    assert differences(settled) == [UNPAID, ("charge", "B", "charged_twice", 10, 20)]


def test_a_refund_that_moves_to_another_order_is_missed_at_the_one_that_it_leaves(
    settled: Warehouse,
) -> None:
    books = Books()
    books.refund("A", 4, refund_id="R")
    books.given("A", 4)
    books.add_to(settled, LATER["A"])
    assert differences(settled) == []
    moved = Books()
    moved.refund("B", 4, refund_id="R", version_at="2026-01-31 09:20")
    moved.add_to(settled, LATER["B"])
    assert differences(settled) == [
        ("refund", "A", "refund_unknown_to_shop", 0, 4),
        ("refund", "B", "refund_not_paid_out", 4, 0),
    ]


@pytest.fixture
def reserved(settled: Warehouse) -> Warehouse:
    """Besides, a charge for B was reserved and released by a refund, which names A."""
    books = Books()
    books.charge("B", 4, charge_id="ch_reserved", captured=False)
    books.given("A", 4, charge_id="ch_reserved")
    books.add_to(settled, LATER["A"])
    assert differences(settled) == []
    return settled


def test_a_refund_counts_at_the_order_that_it_names_once_its_charge_is_captured(
    reserved: Warehouse,
) -> None:
    books = Books()
    books.charge("B", 4, charge_id="ch_reserved", version_at="2026-01-31 09:20")
    books.add_to(reserved, LATER["B"])
    done = run_both(reserved, CHARGES, REFUNDS)
    assert not done[REFUNDS.name].anew
    assert differences(reserved) == [
        ("charge", "B", "amount_differs", 10, 14),
        ("refund", "A", "refund_unknown_to_shop", 0, 4),
    ]


def test_a_refund_of_reserved_money_counts_no_more_when_its_order_changes(
    reserved: Warehouse,
) -> None:
    books = Books()
    books.order("A", 11, version_at="2026-01-31 09:20")
    books.rows["order_items"][0]["version_at"] = "2026-01-31 09:20"
    books.add_to(reserved, LATER["B"])
    assert differences(reserved) == [("charge", "A", "amount_differs", 11, 10)]


def test_a_transaction_is_the_later_payouts_once_the_earlier_one_has_failed(
    settled: Warehouse,
) -> None:
    books = Books()
    books.payout("po_1", 10, ("t", 10), created_at="2026-01-31 08:00")
    books.payout("po_2", 10, ("t", 10))
    books.add_to(settled, LATER["A"])
    doubled = ("payout", "po_2 t", "transaction_in_two_payouts", 0, 10)
    assert differences(settled) == [doubled]
    failed = Books()
    failed.payout("po_1", 10, status="failed", created_at="2026-01-31 08:00",
                  version_at="2026-01-31 09:20")  # fmt: skip
    failed.add_to(settled, LATER["B"])
    assert differences(settled) == []


def test_a_longer_grace_takes_back_what_counted_and_a_shorter_one_tells_it_again(
    settled: Warehouse,
) -> None:
    lose(settled, "A")
    for grace, expected in ((GRACE, [UNPAID]), (10 * GRACE, []), (GRACE, [UNPAID])):
        assert differences(settled, grace=grace) == expected


def test_an_older_warehouse_is_compared_as_a_whole_once(settled: Warehouse) -> None:
    lose(settled, "A")
    assert differences(settled) == [UNPAID]
    with settled.transaction() as cursor:  # as an older release leaves it
        for table in ("reconciliations", "waiting_comparisons", "difference_counts"):
            cursor.execute(f"DELETE FROM meta.{table}")
        cursor.execute(
            "INSERT INTO analytics_base.charge_differences SELECT 'shop', 'gone', '', 'EUR', "
            "'not_charged', 1, 0, -1, now()"
        )
    done = run(settled)
    assert (done.anew, done.changed, done.kinds) == (True, 1, {"not_charged": 1})
    assert not run(settled).anew


def test_everything_is_compared_anew_when_somebody_says_so(
    settled: Warehouse, stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = configured({"shop": ("orders", "order_items"), "stripe": ("charges",)})
    settings = settings_of(tmp_path, text)
    [asset] = reconciliation_assets(settings, settings.entities)
    compare(settled, [CHARGES], ("orders", "order_items", "charges"), providers(settings), GRACE)
    with settled.transaction() as cursor:  # nobody has noticed
        cursor.execute("DELETE FROM warehouse.charges")
        cursor.execute("DELETE FROM warehouse.charges_versions")
    places = {"SHOP_POSTGRES_URL": settled.url, "SHOP_HOME": str(tmp_path)}
    for name, value in {**stack.environment(), **places}.items():
        monkeypatch.setenv(name, value)
    found = []
    for config in (Run(), Run(anew=True), Run()):
        done = materialize(
            [asset],
            resources={"warehouse": WarehouseResource(zone="UTC")},
            run_config=RunConfig(ops={"analytics__order_differences": config}),
        )
        [event] = done.asset_materializations_for_node("analytics__order_differences")
        found.append((event.metadata["compared"].value, event.metadata["dagster/row_count"].value))
    assert found == [("what has changed", 0), ("everything", 2), ("what has changed", 2)]


def test_one_table_or_check_of_several_is_made_alone(
    settled: Warehouse, stack: Endpoints, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = configured(
        {"shop": ("orders", "order_items", "refunds"), "stripe": ("charges", "payment_refunds")}
    )
    settings = settings_of(tmp_path, text)
    [both] = reconciliation_assets(settings, settings.entities)
    places = {"SHOP_POSTGRES_URL": settled.url, "SHOP_HOME": str(tmp_path)}
    for name, value in {**stack.environment(), **places}.items():
        monkeypatch.setenv(name, value)
    lose(settled, "A")
    charges, refunds = (AssetKey(["analytics", table.name]) for table in (CHARGES, REFUNDS))
    agrees = AssetCheckKey(charges, checks.AGREES)
    for selection, made, checked in (
        # A check alone finds what stands there: nothing yet, and one thing at last.
        (AssetSelection.checks(agrees), set(), {(charges, agrees.name, True)}),
        (AssetSelection.assets(refunds).without_checks(), {refunds}, set()),
        (
            AssetSelection.assets(charges),
            {charges},
            {(charges, "contract", True), (charges, agrees.name, False)},
        ),
        (AssetSelection.checks(agrees), set(), {(charges, agrees.name, False)}),
    ):
        done = materialize(
            [both],
            resources={"warehouse": WarehouseResource(zone="UTC")},
            selection=selection,
        )
        assert {event.asset_key for event in done.get_asset_materialization_events()} == made
        evaluated = done.get_asset_check_evaluations()
        assert {(e.asset_key, e.check_name, e.passed) for e in evaluated} == checked


def test_a_table_that_the_shop_no_longer_has_is_emptied_and_no_longer_asked_for(
    settled: Warehouse,
) -> None:
    books = Books()
    books.refund("A", 5)
    books.add_to(settled, LATER["A"])
    tables = [CHARGES.name, PAYOUTS.name, REFUNDS.name]
    rows = f"SELECT count(*) FROM analytics_base.{REFUNDS.name}"
    run_both(settled, CHARGES, REFUNDS)
    assert leave_others(settled, tables) == []
    assert table_of(settled, rows) == [(1,)]
    assert leave_others(settled, tables[:2]) == [REFUNDS.name]
    assert leave_others(settled, tables[:2]) == []
    assert table_of(settled, rows) == [(0,)]
    lose(settled, "B")
    assert table_of(settled, "SELECT DISTINCT name FROM meta.stale_comparisons") == [
        (CHARGES.name,)
    ]
    # Should the shop have it again, everything is compared.
    assert run_both(settled, CHARGES, REFUNDS)[REFUNDS.name].anew
    assert table_of(settled, rows) == [(1,)]
