"""A mistake in `shop.yaml` is one sentence: the line, what was found, what is expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from shop_assets.settings import load_settings
from shop_assets_tests.settings.writing import RIGHT, changed, refused, write


@pytest.mark.parametrize(
    ("old", "new", "line", "found", "expected"),
    [
        # Keys.
        ("  currency:", "  curency:", 4, "unknown key curency in shop", "currency is expected, or"),
        ("    streams:\n      lines", "    tmezone: UTC\n    streams:\n      lines", 27,
         "unknown key tmezone in sources.till", "timezone is expected, or one of"),
        ("cursor:", "cursr:", 13, "unknown key cursr in sources.storefront.streams.orders",
         "cursor is expected, or one of"),
        ("clean:", "cleen:", 18, "unknown key cleen in", "clean is expected, or one of column,"),
        ("missing:", "mising:", 39, "unknown key mising in", "missing is expected, or one of is,"),
        ("quarantine:", "quarantin:", 40, "unknown key quarantin in", "quarantine is expected"),
        ("        cursor:", "        files: x\n        cursor:", 13, "unknown key files in",
         "one of entities, busy, changed_columns, table, query, cursor, snapshot, key, columns,"),
        ("sources:", "path: x\nsources:", 6, "unknown key path at the top", "one of shop, sources"),
        ("  name: Example\n", "", 1, "shop lacks the key name", "name, timezone, currency, start"),
        ("        table: orders\n", "", 11, "streams.orders: found none of table and query",
         "exactly one of them is expected"),
        ("  name: Example", "  name: Example\n  name: B", 3, "key name stands here twice", "once"),
        ("order_id: receipt", "order_id: receipt\n              order_id: x", 36,
         "key order_id stands here twice", "once"),
        ("  name: Example", "  name: Example\n  1: x", 3, "the key 1 in shop is no text", "text"),
        # Values of the wrong type.
        ("name: Example", "name: true", 2, "shop.name: found true", "text (in quotes"),
        ("2026-01-01", "soon", 5, "shop.start: found soon", "a date, such as 2026-01-31,"),
        ("2026-01-01", "2026-02-30", 5, "found '2026-02-30'", "a date that there is"),
        ("    url: till", "    url: till\n    overlap_minutes: 1441", 27,
         "sources.till.overlap_minutes: found 1441", "1440 or less"),
        ("[trim]", "[trm]", 18, "clean.1: found trm", "'trim', 'upper', 'lower'"),
        ("[trim]", "trim", 18, "clean: found trim", "a list"),
        ("    url: till", "    url: [till]", 26, "sources.till.url: found a list", "text"),
        ("    url: till", "    files: {url: 5}\n    url: [till]", 27, "till.url: found a list",
         "text"),
        # Values of the right type that cannot be.
        ("Europe/Berlin", "Europe/Berln", 3, "no such time zone: 'Europe/Berln'", "IANA name"),
        ("Europe/Berlin", "../../etc/passwd", 3, "no such time zone: '../../etc/passwd'", "IANA"),
        ("formats: [iso]", "timezone: Mars/Base", 19, "no such time zone: 'Mars/Base'", "IANA"),
        ("[iso]", "[ISO]", 19, "formats.1: no such format of times: 'ISO'", "strptime"),
        ("EUR", "euro", 4, "shop.currency: 'euro' is no currency", "an ISO 4217 code"),
        ("{missing: true}", "{matches: '(a'}", 39, "'(a' is no regular expression", "compiles"),
        ("lines-*.csv", "/etc/*", 29, "files: '/etc/*' is no glob", "orders/*.csv.gz"),
        ("lines-*.csv", "../*.csv", 29, "files: '../*.csv' is no glob", "orders/*.csv.gz"),
        ("format: csv", "format: xlsx", 30, "format: found xlsx", "'jsonl', 'parquet' or 'excel'"),
        ("format: csv", "format: csv\n        encoding: utf-9", 31,
         "encoding: no such encoding: utf-9", "utf-8, utf-16, latin-1, cp1252 or another"),
        ("format: csv", "format: csv\n        delimiter: ';;'", 31,
         "delimiter: ';;' cannot delimit fields", "one ASCII character"),
        ("{column: at}", "{name: 'x-%Y-%m'}", 31, "time.name: name 'x-%Y-%m' lacks the day", "%d"),
        ("  till:", "  The Till:", 24, "'The Till' is no name of a source", "lower-case letters"),
        ("name: cancelled", "name: Is void", 21, "'Is void' is no name of a rule", "lower-case"),
        # What belongs together.
        ("connector: files", "connector: file", 25, "sources.till.connector: found file",
         "one of sql, files"),
        ("    connector: files\n", "", 24, "sources.till lacks the key connector", "sql, files"),
        ("          orders:\n", "          order:\n", 15, "no such entity: order",
         "one of customers, products, orders,"),
        ("status: {", "state: {", 18, "state is no field of orders", "one of order_id,"),
        ("set: {status:", "set: {state:", 23, "rules.1.set.state: state is no field", "order_id"),
        ("status: {", "source: {", 18, "source is no field of orders that can be set", "order_id"),
        ("when: {state:", "when: {'@state':", 22, "state is no field of orders", "status,"),
        ("              item_id: line\n", "", 34,
         "nothing says where item_id, a key of order_items",
         "item_id with a column"),
        ("{column: state, ", "{column: state, value: open, ", 18,
         "found column and value of column, value, fingerprint, concat", "exactly one of them"),
        ("{column: state, ", "{", 18, "found none of column, value,", "exactly one of them"),
        ("set: {status: cancelled}", "set: {status: open}\n                quarantine: void", 21,
         "found set and quarantine of set, quarantine", "exactly one of them"),
        ("                quarantine: the line names no article\n", "", 38,
         "found none of set, quarantine", "exactly one of them"),
        ("{column: at}", "{column: at, name: '%Y-%m-%d-%H'}", 31,
         "time: found name and column",
         "exactly one of them"),
        ("{column: at}", "{covers: day}", 31,
         "time: found none of name, column and modified",
         "exactly one"),
        ("{missing: true}", "{is: null}", 39, "the condition says nothing", "missing: true where"),
    ],
)  # fmt: skip
def test_a_mistake_is_said_with_its_line_what_was_found_and_what_is_expected(
    old: str, new: str, line: int, found: str, expected: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, changed(old, new))
    assert said.startswith(f"shop.yaml:{line}: "), said
    assert found in said
    assert expected in said.partition(found)[2]


def test_the_configuration_that_the_mistakes_are_made_in_is_right(tmp_path: Path) -> None:
    settings = load_settings(write(tmp_path, RIGHT), {})
    assert list(settings.entities) == ["orders", "order_items"]
    assert settings.path == tmp_path / "shop.yaml"


def test_a_key_that_resembles_none_is_answered_with_all(tmp_path: Path) -> None:
    said = refused(tmp_path, changed("  start:", "  zzz: 1\n  start:"))
    assert said == (
        "shop.yaml:5: unknown key zzz in shop; expected one of name, timezone, currency, start, "
        "end, owner (see docs/configuration.md)"
    )


def test_a_mistyped_key_is_called_unknown_not_the_right_one_missing(tmp_path: Path) -> None:
    said = refused(tmp_path, changed("    url: till", "    uri: till"))
    assert said.startswith("shop.yaml:26: unknown key uri in sources.till; url is expected, or")


def test_an_unknown_key_is_named_without_its_value(tmp_path: Path) -> None:
    said = refused(tmp_path, changed("    url: till", "    url: till\n    password: hunter2"))
    assert said.startswith("shop.yaml:27: unknown key password in sources.till;")
    assert "hunter2" not in said
