"""Of a web event an hour of change tells one version, the newest: it has no others."""

from __future__ import annotations

import itertools
from typing import Any

import pandas as pd
import pytest

from shop_assets.checks.cleaning import judge_published
from shop_assets.entities import ENTITIES
from shop_assets.transforms.clean import Cleaned, combine
from shop_assets.transforms.sessions import funnel_hourly, session_counts, web_activity
from shop_assets_tests.transforms.raw_rows import attempts, cleaned, ends, load, mapping, read

SPEC = ENTITIES["web_events"]
FIELDS = {
    "event_id": "id",
    "occurred_at": {"value": "2026-05-04T09:05Z"},
    "visitor_id": "who",
    "step": "step",
    "is_bot": "bot",
    "deleted": {"column": "gone", "default": False},
}


def event(**changed: Any) -> dict[str, Any]:
    return {"id": "1", "who": "v", "step": "view", "bot": "false", "gone": None} | changed


def told(*rows: dict[str, Any]) -> Cleaned:
    return cleaned(load(read(rows)), mapping(fields=FIELDS), "web_events")


def counted(found: Cleaned) -> list[tuple[int, ...]]:
    """Sessions of people, those that bought something, and those of programs."""
    made = funnel_hourly(session_counts(web_activity(found.published)))
    figures = made[["sessions", "converted_sessions", "bot_sessions"]]
    return list(figures.itertuples(index=False, name=None))


@pytest.mark.parametrize(
    ("before", "after", "funnel"),
    [
        ({}, {"gone": "true"}, []),
        ({}, {"who": "known"}, [(1, 0, 0)]),
        ({"bot": "true"}, {"bot": "false"}, [(1, 0, 0)]),
        ({"step": "purchase"}, {"step": "view"}, [(1, 0, 0)]),
    ],
    ids=["deleted", "another visitor", "no program", "another step"],
)
def test_what_an_event_was_before_it_changed_within_the_hour_does_not_count(
    before: dict[str, Any], after: dict[str, Any], funnel: list[tuple[int, ...]]
) -> None:
    versions = [event(**before, _at=5), event(**after, _at=7)]
    for rows in itertools.permutations(versions):
        found = told(*rows)
        assert ends(found) == {"published": 1, "deduplicated": 1}
        assert counted(found) == counted(told(versions[1])) == funnel


def test_a_version_that_cannot_be_read_leaves_the_one_before_it() -> None:
    found = told(event(_at=5), event(step="nowhere", _at=7))
    assert ends(found) == {"published": 1, "quarantined": 1}


def test_each_hour_tells_what_it_was_told() -> None:
    found = told(event(_at=5), event(_at=61), event(_at=62), event(id="2", _at=61))
    assert ends(found) == {"published": 3, "deduplicated": 1}


def test_of_two_attempts_the_newest_version_stays_whichever_came_first() -> None:
    old, new = (load(read([event(who=who, _at=at)])) for who, at in (("old", 5), ("new", 7)))
    again = load(read([event(who="old", _at=5)]), attempt=2)
    for raw in (attempts(old, new), attempts(new, again)):
        found = cleaned(raw, mapping(fields=FIELDS), "web_events")
        assert found.published["visitor_id"].tolist() == ["new"]


def test_of_two_streams_the_newest_version_stays_and_of_equals_the_last_stream_s() -> None:
    fix = [{"name": "fix", "when": {"id": {"is": "1"}}, "set": {"url": "/"}, "repair": True}]
    raw = load(read([event(who="new", _at=7), event(id="2", _at=7), event(id="3", who="x")]))
    one = cleaned(raw, mapping(fields=FIELDS, rules=fix), "web_events")
    two = told(event(who="old", _at=5), event(id="2", who="of two", _at=7))
    found = combine([one, two], SPEC)
    assert found.published.set_index("event_id")["visitor_id"].to_dict() == {
        "1": "new", "2": "of two", "3": "x",
    }  # fmt: skip
    assert found.counts[["rows_published", "rows_repaired", "rows_deduplicated"]].to_numpy(
        dtype=int
    ).tolist() == [[2, 1, 1], [1, 0, 1]]
    assert ends(combine([two, one], SPEC)) == {"published": 3, "deduplicated": 2, "repaired": 1}


def test_two_versions_in_one_hour_break_the_contract() -> None:
    several = told(event(_at=5), event(id="2", _at=6)).published
    assert judge_published(several, SPEC).passed
    broken = several.assign(event_id=pd.Series(["1", "1"], dtype="str"))
    assert judge_published(broken, SPEC).failed == {"2026-05-04-09:00": {"repeated_versions": 1}}
