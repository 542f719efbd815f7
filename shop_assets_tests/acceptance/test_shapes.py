"""What a source adds, drops or changes is taken as it is, or said; it makes no wrong row."""

from __future__ import annotations

import pytest

from shop_assets.sources.errors import SourceError
from shop_assets_tests.acceptance.reading import attempt, expect_rows, read
from shop_assets_tests.acceptance.subject import Alteration, At, needs


@needs("schema")
@pytest.mark.parametrize("how", ["new field", "no optional", "other type"])
def test_what_no_row_depends_on_may_change(at: At, how: Alteration) -> None:
    at.pages(0.1)
    truth = at.truth()
    assert truth
    at.source.alter(at.stream, how)
    expect_rows(read(at), truth)


@needs("schema", "windows")
@pytest.mark.parametrize("how", ["no key", "no change time"])
def test_rows_that_lack_their_key_or_time_are_an_error_or_broken(at: At, how: Alteration) -> None:
    at.pages(0.1)
    truth = at.truth()
    assert truth
    at.source.alter(at.stream, how)
    outcome = attempt(at, **at.hurried())
    if isinstance(outcome, SourceError):
        return
    surplus = {row for row in outcome.rows - truth if row.key != "None"}
    assert not surplus, f"rows that the source does not have: {sorted(surplus)[:3]}"
    # A table without its key column: whoever needs the key misses it, and says so.
    columns = {name for batch in outcome.batches for name in batch.column_names}
    unkeyed = not set(at.of.key) <= columns
    assert unkeyed or outcome.rows == truth or outcome.broken, "rows were lost without a word"
