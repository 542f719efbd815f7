from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from dagster import AssetCheckSeverity

from shop_assets.checks import cleaning
from shop_assets.checks.outcome import Outcome
from shop_assets.entities import ENTITIES
from shop_assets.transforms.clean import Cleaned, empty
from shop_assets_tests.transforms.raw_rows import cleaned, load, mapping, read

ORDERS = ENTITIES["orders"]
DECLARED = mapping(
    fields={"order_id": "id", "placed_at": "at", "status": "status"},
    rules=[{"name": "odd", "when": {"status": {"is": "odd"}}, "set": {"status": "open"},
            "repair": True}],
)  # fmt: skip
FIRST, SECOND = "2026-05-04-09:00", "2026-05-04-10:00"


def rows(*statuses: str, at: int = 0, again: int = 0) -> list[dict[str, Any]]:
    made = [
        {"id": f"{at}-{n}", "at": "2026-05-04", "status": s, "_at": at}
        for n, s in enumerate(statuses)
    ]
    return [*made, *made[:again]]


def judge(found: Cleaned) -> dict[str, Outcome]:
    return {outcome.check: outcome for outcome in cleaning.judge(found, ORDERS)}


def changed(found: Cleaned, hour: str, **counts: int) -> Cleaned:
    """The result with other counts in one hour."""
    frame = found.counts.copy()
    here = cleaning.hour_keys(frame["hour"]) == hour
    for name, value in counts.items():
        frame.loc[here, name] = value
    return Cleaned(found.published, found.quarantined, frame)


@pytest.fixture(name="clean")
def _clean() -> Cleaned:
    delivered = rows(*["open"] * 3, again=1) + rows(*["open"] * 2, at=60)
    return cleaned(load(read(delivered)), DECLARED)


def test_clean_rows_pass_every_check_and_so_does_nothing_at_all(clean: Cleaned) -> None:
    for found in (clean, empty(ORDERS)):
        assert all(outcome.passed for outcome in judge(found).values())
    assert judge(clean)["accuracy"].metadata == {"accuracy": 1.0}
    assert judge(empty(ORDERS))["accuracy"].metadata == {}


def test_a_row_that_is_lost_or_counted_twice_is_found_in_its_hour(clean: Cleaned) -> None:
    for published, unaccounted in ((1, 1), (3, -1)):
        accounted = judge(changed(clean, SECOND, rows_published=published))["rows_accounted_for"]
        assert accounted.failed == {SECOND: {"unaccounted_rows": unaccounted}}
        assert accounted.severity == AssetCheckSeverity.ERROR


def test_losses_of_one_hour_do_not_make_up_for_gains_of_another(clean: Cleaned) -> None:
    off = changed(changed(clean, FIRST, rows_published=4), SECOND, rows_published=1)
    accounted = judge(off)["rows_accounted_for"]
    assert set(accounted.failed) == {FIRST, SECOND}


def test_accuracy_is_judged_for_each_hour_and_repeated_deliveries_do_not_count() -> None:
    mixed = rows(*["open"] * 199, "lost", again=50) + rows("open", "odd", "open", "lost", at=60)
    accuracy = judge(cleaned(load(read(mixed)), DECLARED))["accuracy"]
    assert accuracy.failed == {SECOND: {"accuracy": 0.5}}
    assert accuracy.severity == AssetCheckSeverity.WARN
    assert accuracy.metadata["accuracy"] == pytest.approx(201 / 204)


def test_an_hour_of_repeated_deliveries_alone_has_no_accuracy_to_judge(clean: Cleaned) -> None:
    again = changed(clean, SECOND, rows_published=0, rows_deduplicated=2)
    assert judge(again)["accuracy"].passed


def test_a_key_may_have_versions_but_each_version_stands_once_in_an_hour(clean: Cleaned) -> None:
    published = clean.published
    later = published.head(1).assign(version_at=pd.Timestamp("2026-05-04T09:30Z"))
    versions = Cleaned(pd.concat([published, later]), clean.quarantined, clean.counts)
    assert judge(versions)["contract"].passed
    doubled = Cleaned(pd.concat([published, published.tail(1)]), clean.quarantined, clean.counts)
    contract = judge(doubled)["contract"]
    assert contract.failed == {SECOND: {"repeated_versions": 1}}
    assert contract.severity == AssetCheckSeverity.ERROR


def test_a_broken_contract_is_found_in_its_hour_and_as_a_whole(clean: Cleaned) -> None:
    published = clean.published.copy()
    published.loc[0, "status"] = "odd"
    found = Cleaned(published, clean.quarantined, clean.counts)
    assert judge(found)["contract"].failed == {FIRST: {"failures": 1}}
    for column in ("status", "order_id", "version_at"):
        lacking = Cleaned(published.drop(columns=column), clean.quarantined, clean.counts)
        assert judge(lacking)["contract"].whole_failed


def test_a_moment_within_an_hour_has_the_key_of_its_hour() -> None:
    moments = pd.Series(
        pd.to_datetime(["2026-05-04T09:37:12Z", "2026-05-04T10:00:00Z"]), index=[7, 3]
    )
    found = cleaning.hour_keys(moments)
    assert found.tolist() == [FIRST, SECOND]
    assert found.index.tolist() == [7, 3]
    assert cleaning.hour_keys(moments.head(0)).tolist() == []
