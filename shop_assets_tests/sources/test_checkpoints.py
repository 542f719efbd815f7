"""Checkpoints are of one stream and window, and nothing that is not ours is taken for one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shop_assets.sources.checkpoints import checkpoint, memory, position
from shop_assets.sources.protocol import ReadRequest, Window
from shop_assets_tests.sources.reading import hour

EIGHT, NINE, TEN = (hour(f"2026-01-01T{h}:00") for h in ("08", "09", "10"))
AT = {"after": "x"}
SEEN = {"events": ["a"]}


def kept(window: Window = NINE, stream: str = "orders") -> dict[str, Any]:
    found = checkpoint(ReadRequest(stream, window), position=AT, memory=SEEN)
    stored: dict[str, Any] = json.loads(json.dumps(found))
    return stored


def request(given_checkpoint: Any, window: Window = NINE, stream: str = "orders") -> ReadRequest:
    return ReadRequest(stream, window, given_checkpoint)


def test_a_read_of_the_same_window_goes_on() -> None:
    assert position(request(kept())) == AT
    assert memory(request(kept())) is None


def test_a_read_of_a_later_window_remembers_and_starts_anew() -> None:
    assert position(request(kept(EIGHT))) is None
    assert memory(request(kept(EIGHT))) == SEEN


def test_windows_that_overlap_follow_each_other() -> None:
    overlapping = Window(NINE.start - timedelta(minutes=10), NINE.end)
    assert memory(request(kept(EIGHT), overlapping)) == SEEN
    assert memory(request(kept(overlapping), Window(TEN.start, TEN.end))) == SEEN


@pytest.mark.parametrize("window", [TEN, Window(NINE.start, TEN.end), Window(EIGHT.start, TEN.end)])
def test_a_checkpoint_of_a_window_that_is_not_before_is_none(window: Window) -> None:
    assert position(request(kept(window))) is None
    assert memory(request(kept(window))) is None


def test_a_checkpoint_of_another_stream_is_none() -> None:
    assert position(request(kept(stream="refunds"))) is None
    assert memory(request(kept(EIGHT, "refunds"))) is None


def test_a_read_that_is_done_has_no_position() -> None:
    done = checkpoint(request(None), memory=SEEN)
    assert position(request(done)) is None


def test_no_checkpoint_is_none() -> None:
    assert position(request(None)) is None
    assert memory(request(None)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda part: st.lists(part) | st.dictionaries(st.text(), part),
    max_leaves=5,
)


@given(st.dictionaries(st.sampled_from(list(kept())), JSON), st.sampled_from([EIGHT, NINE]))
def test_a_checkpoint_with_anything_in_it_is_one_or_none(
    changed: dict[str, Any], window: Window
) -> None:
    garbled = request({**kept(window), **changed})
    for found in (position(garbled), memory(garbled)):
        assert found is None or isinstance(found, Mapping)
