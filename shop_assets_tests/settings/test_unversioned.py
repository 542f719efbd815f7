"""Web events are told once: a stream whose rows change or go later is refused for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop_assets.settings import load_settings
from shop_assets_tests.settings.writing import changed, refused, write

WEB = """\
          web_events:
            fields:
              event_id: receipt
              occurred_at: at
              visitor_id: who
              step: what
              is_bot: {value: false}
              deleted: {value: false}
          order_items:
"""
KNOWN = "              deleted: {value: false}\n"
RULES = """\
            rules:
              - {name: here, when: {gone: {missing: true}}, set: {deleted: false}}
"""
MARKED = """\
              - name: gone
                when: {gone: {is: 1}}
                set: {deleted: true}
"""
RESTATES = "restates: {day: at, key: [receipt]}"
ONCE = "of which none changes or goes once its hour is loaded"


def with_web(old: str, new: str) -> str:
    """The till's lines are visits too, and one part of the configuration is replaced."""
    return changed("          order_items:\n", WEB).replace(old, new)


def of_a_table(options: str) -> str:
    """They are of a table of the storefront."""
    table = f"      visits:\n        table: visits\n{options}        entities:\n"
    return changed("  till:\n", f"{table}{WEB.rpartition('          order_items')[0]}  till:\n")


@pytest.mark.parametrize(
    ("text", "line", "found", "expected"),
    [
        (of_a_table("        cursor: at\n        key: [id]\n        sweep: daily\n"), 28,
         "visits.sweep: a sweep of web_events", "no sweep"),
        (of_a_table("        key: [id]\n"), 24,
         "visits: a comparison of all rows of web_events", "cursor with the column"),
        (with_web("time: {column: at}", "time: {name: 'x-%Y-%m-%dT%H'}\n        " + RESTATES), 32,
         "lines.restates: restated days of web_events", "files that tell each row once"),
        (with_web("deleted: {value: false}", "deleted: gone"), 40,
         "fields.deleted: a mark of deletion of web_events", "no such mark"),
        (with_web(KNOWN, KNOWN + RULES + MARKED), 45,
         "rules.2.set.deleted: a mark of deletion of web_events", "no such mark"),
    ],
    ids=["sweep", "no cursor", "restates", "a field", "a rule"],
)  # fmt: skip
def test_what_may_change_later_is_refused(
    text: str, line: int, found: str, expected: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, text)
    assert said.startswith(f"shop.yaml:{line}: "), said
    assert found in said
    assert ONCE in said
    assert expected in said.partition(found)[2]


@pytest.mark.parametrize(
    "text",
    [of_a_table("        cursor: at\n"), with_web("", ""), with_web(KNOWN, KNOWN + RULES)],
    ids=["cursor", "files", "a rule"],
)
def test_what_is_only_added_to_is_not(text: str, tmp_path: Path) -> None:
    assert "web_events" in load_settings(write(tmp_path, text), {}).entities
