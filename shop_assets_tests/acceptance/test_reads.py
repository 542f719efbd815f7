"""A read gives the rows of its window, all of them and each once."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from shop_assets.sources.protocol import PROVENANCE, Window
from shop_assets_tests.acceptance.reading import expect_rows, read
from shop_assets_tests.acceptance.subject import (
    HOUR,
    NEXT,
    At,
    Seen,
    every_step,
    needs,
    representative,
)


def test_two_reads_in_a_row_give_what_the_source_has(at: At) -> None:
    at.pages()
    truth = at.truth()
    assert truth.total() >= at.of.page * 2
    reader = at.connector()
    for _ in range(2):
        expect_rows(read(at, connector=reader), truth)


def test_each_batch_says_where_its_rows_are_from(at: At) -> None:
    at.put([HOUR.start])
    for batch in read(at).batches:
        for field in PROVENANCE:
            assert batch.schema.field(field.name) == field
        assert all(batch["_position"].to_pylist())


@needs("windows")
def test_adjacent_windows_part_the_rows(at: At) -> None:
    step = at.subject.resolution
    borders = [HOUR.start + (HOUR.end - HOUR.start) * part / 4 for part in range(5)]
    moments = [edge + step * by for edge in borders for by in (-1, 0, 0, 1)]
    at.put(moments)
    reader = at.connector()
    read_in_all: Counter[Seen] = Counter()
    for start, end in pairwise(borders):
        window = Window(start, end)
        found = read(at, window, connector=reader)
        expect_rows(found, at.truth(window))
        assert all(start <= seen.changed < end for seen in found.rows if seen.changed)
        read_in_all += found.rows
    assert read_in_all == at.truth()
    inside = [each for each in moments if HOUR.start <= each < HOUR.end]
    assert {seen.changed for seen in read_in_all} >= set(inside)


@needs("windows")
@representative
def test_a_long_window_has_the_rows_of_its_parts(at: At) -> None:
    at.put(list(every_step(HOUR.start, 40, (NEXT.end - HOUR.start) / 40)))
    whole = Window(HOUR.start, NEXT.end)
    found = read(at, whole)
    expect_rows(found, at.truth(whole))
    assert found.rows == read(at).rows + read(at, NEXT).rows


def test_a_source_without_rows_is_no_mistake(at: At) -> None:
    expect_rows(read(at), Counter())


@needs("windows")
def test_a_window_without_rows_is_no_mistake(at: At) -> None:
    at.put([NEXT.start, HOUR.start - at.subject.resolution])
    expect_rows(read(at), Counter())


@needs("windows")
def test_a_window_of_no_length_has_no_rows(at: At) -> None:
    at.put([HOUR.start])
    expect_rows(read(at, Window(HOUR.start, HOUR.start)), Counter())


def test_check_says_which_columns_there_are(at: At) -> None:
    at.put([HOUR.start])
    found = at.connector().check(at.stream)
    assert set(at.of.key) <= set(found.columns)
    assert found.problems == []
