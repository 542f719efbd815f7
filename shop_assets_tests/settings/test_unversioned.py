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
         "visits.sweep: a sweep of web_events", "a stream that is only added to"),
        (of_a_table("        key: [id]\n"), 24,
         "visits: a comparison of all rows of web_events", "a stream that is only added to"),
        (with_web("time: {column: at}", "time: {name: 'x-%Y-%m-%dT%H'}\n        " + RESTATES), 32,
         "lines.restates: restated days of web_events", "a stream that is only added to"),
        (with_web("deleted: {value: false}", "deleted: gone"), 40,
         "fields.deleted: a mark of deletion of web_events", "a rule with quarantine"),
    ],
    ids=["sweep", "no cursor", "restates", "deleted"],
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
    "text", [of_a_table("        cursor: at\n"), with_web("", "")], ids=["cursor", "files"]
)
def test_what_is_only_added_to_is_not(text: str, tmp_path: Path) -> None:
    assert "web_events" in load_settings(write(tmp_path, text), {}).entities
