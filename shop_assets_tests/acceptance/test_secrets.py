"""The secret of a source is nowhere but in its calls."""

from __future__ import annotations

import json
import logging
import pickle
import traceback
from itertools import cycle

import pytest
from pydantic import TypeAdapter

from shop_assets.settings.shop import Source as SourceSettings
from shop_assets.sources.errors import SourceError
from shop_assets_tests.acceptance.reading import attempt, read
from shop_assets_tests.acceptance.subject import CANARY, At, needs, representative


@needs("secret")
def test_no_row_checkpoint_or_log_line_has_it(at: At, caplog: pytest.LogCaptureFixture) -> None:
    at.pages(1.2)
    with caplog.at_level(logging.DEBUG):
        found = read(at)
    assert found.rows
    for batch in found.batches:
        for column in batch.columns:
            assert CANARY not in str(column.to_pylist())
    assert CANARY not in json.dumps([kept for _, kept in found.checkpoints])
    assert CANARY not in caplog.text


@needs("secret")
@representative
def test_no_representation_has_it(at: At) -> None:
    at.pages(0.1)
    reader = at.connector()
    read(at, connector=reader)
    assert CANARY not in repr(reader)
    if at.settings()["connector"] != "sql":
        parsed = TypeAdapter(SourceSettings).validate_python(at.settings())
        assert CANARY not in repr(parsed)
        assert CANARY not in str(parsed)


@needs("secret", "http")
@representative
def test_no_error_has_it_even_if_the_source_repeats_it(
    at: At, caplog: pytest.LogCaptureFixture
) -> None:
    at.pages(0.1)
    echoed = [CANARY, "x" * 190 + CANARY, f'{{"error": {{"message": "key {CANARY} is wrong"}}}}']
    for status, body in zip((200, 400, 401, 403, 404, 429, 500), cycle(echoed), strict=False):
        at.faults.clear()
        at.faults.answer(status, body.encode(), times=None)
        with caplog.at_level(logging.DEBUG):
            outcome = attempt(at, retry_budget_seconds=0.02)
        assert isinstance(outcome, SourceError)
        shown = "".join(traceback.format_exception(outcome))
        assert CANARY[:24] not in shown
    assert CANARY[:24] not in caplog.text


@needs("secret")
@representative
def test_no_error_of_a_wrong_secret_has_it(at: At) -> None:
    at.pages(0.1)
    reader = at.connector()
    text = json.dumps(at.settings()).replace(CANARY, "wrong" + CANARY[6:])
    wrong = at.subject.connect(json.loads(text), at.source.folder, None, 1)
    at.connectors.append(wrong)
    outcome = attempt(at, connector=wrong)
    assert isinstance(outcome, SourceError)
    assert CANARY[6:] not in "".join(traceback.format_exception(outcome))
    # Errors go from process to process.
    assert CANARY[6:].encode() not in pickle.dumps(outcome)
    read(at, connector=reader)


@needs("secret", "http")
@representative
def test_no_error_of_a_server_that_is_gone_has_it(at: At) -> None:
    at.pages(0.1)
    text = json.dumps(at.settings(retry_budget_seconds=0.05))
    url = getattr(at.source, "url")  # noqa: B009
    gone = at.subject.connect(
        json.loads(text.replace(url, "http://127.0.0.1:9")), at.source.folder, None, 1
    )
    at.connectors.append(gone)
    outcome = attempt(at, connector=gone)
    assert isinstance(outcome, SourceError)
    assert outcome.transient
    assert CANARY not in "".join(traceback.format_exception(outcome))
