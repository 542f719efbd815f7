"""Rows of every kind: huge ones, hostile ones, ones that change while they are read."""

from __future__ import annotations

import re

from shop_assets.sources.protocol import ReadRequest
from shop_assets_tests.acceptance.reading import expect_rows, read, take
from shop_assets_tests.acceptance.subject import HOUR, NEXT, NOW, At, Read, every_step, needs

HOSTILE = [
    "nul \0 in it",
    "half \ud83d of a pair",
    "\u202egnp.exe\u202c and \u200e marks",
    "🧾 Größe ①\u00a0naïve 漢字 e\u0301",
    "'; DROP TABLE orders; --",
    '=HYPERLINK("http://x","y")',
    "+1+1",
    "@SUM(A1)",
    "  blanks at its ends  ",
    "line\nbreak, tab\t and \r\nreturn",
    'quote " comma , semicolon ; backslash \\ percent % brace {x} {{y}}',
    "\\u0000 written out",
    "null",
    "\ufeffmark",
    "\x01\x1b[31mred\x7f",
]
HUGE = 3 << 20


def test_every_text_comes_as_it_is_or_in_a_broken_row(at: At) -> None:
    if at.of.text is None:
        return
    texts = [text for text in HOSTILE if at.source.accepts(text)]
    assert len(texts) > len(HOSTILE) / 2
    moments = list(every_step(HOUR.start, len(texts), at.subject.resolution))
    keys = at.put(moments, texts)
    found = read(at)
    for key, text in zip(keys, texts, strict=True):
        if key in found.texts:
            assert found.texts[key] == text
    whole = {k for k, t in zip(keys, texts, strict=True) if "\0" not in t and "\ud83d" not in t}
    assert whole <= set(found.texts)
    missing = [key for key in keys if key not in found.texts]
    assert len(found.broken) >= len(missing)


def test_a_row_of_megabytes_harms_no_other(at: At) -> None:
    if at.of.text is None:
        return
    huge = "x" * HUGE
    keys = at.put(
        list(every_step(HOUR.start, 5, at.subject.resolution)), ["a", "b", huge, "d", "e"]
    )
    found = read(at)
    for key, text in zip(keys, ["a", "b", huge, "d", "e"], strict=True):
        assert found.texts.get(key) == text or (text == huge and found.broken)
    for batch in found.batches:
        for said in batch["_line"].to_pylist():
            assert said is None or len(said) <= 10_100
    assert all(re.search(r"[a-z]{3}", reason) and len(reason) < 300 for reason in found.broken)


@needs("changes")
def test_rows_that_change_while_they_are_read_are_in_this_window_or_the_next(at: At) -> None:
    """Where each page begins is not where it would have begun before."""
    at.pages()
    truth = at.truth()
    everything = sorted(truth, key=lambda seen: (seen.changed or NOW, seen.key))
    found, pending = Read(), [everything[0].key, everything[1].key, everything[-1].key]

    def change_one(_: object = None) -> None:
        if pending:
            at.source.change(at.stream, pending.pop(), NOW)

    if at.source.faults is not None:
        at.source.faults.before(change_one, skip=1, times=None)
    for number, batch in enumerate(at.connector().read(ReadRequest(at.stream, HOUR))):
        take(at, found, batch)
        if number == 0:
            change_one()
    if at.source.faults is not None:
        at.source.faults.clear()
    later = read(at, NEXT)
    expect_rows(later, at.truth(NEXT))
    lost = {seen.key for seen in truth} - found.keys() - later.keys()
    assert not lost, f"{len(lost)} rows are in neither window"
    assert max(found.rows.values(), default=1) == 1, "a row came twice"
    surplus = {seen for seen in found.rows if seen not in truth}
    assert not surplus, f"rows of another time: {sorted(surplus)[:3]}"
