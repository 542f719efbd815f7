"""Reading a stream under test, and what a read may come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import Batch, Connector, ReadRequest, Window
from shop_assets_tests.acceptance.subject import CANARY, HOUR, At, Read, Seen

LONGEST_SENTENCE = 700


def read(
    at: At,
    window: Window = HOUR,
    *,
    checkpoint: Mapping[str, Any] | None = None,
    connector: Connector | None = None,
    **options: Any,
) -> Read:
    """All of the window, by a connector of its own if none is given."""
    found = Read()
    reader = connector or at.connector(**options)
    for batch in reader.read(ReadRequest(at.stream, window, checkpoint)):
        take(at, found, batch)
    return found


def take(at: At, found: Read, batch: Batch) -> None:
    """Add a batch to what was read."""
    seen = at.seen(batch.rows)
    found.batches.append(batch.rows)
    found.rows.update(seen)
    found.broken += [reason for reason in batch.rows["_error"].to_pylist() if reason is not None]
    if batch.checkpoint is not None:
        found.checkpoints.append((len(found.batches), batch.checkpoint))
    if at.of.text is not None and at.of.text in batch.rows.column_names:
        good = batch.rows.filter(batch.rows["_error"].is_null())
        texts = good[at.of.text].to_pylist()
        found.texts.update(zip((each.key for each in seen), texts, strict=True))


def attempt(at: At, window: Window = HOUR, **given: Any) -> Read | SourceError:
    """What a read gives; or how it fails, which must be in one sentence without the secret."""
    try:
        return read(at, window, **given)
    except SourceError as error:
        expect_one_sentence(error)
        return error


def expect_one_sentence(error: SourceError) -> None:
    """A user's sentence: where first, on one line, short, and no secret in it."""
    said = str(error)
    assert said.startswith("shop"), said
    assert "\n" not in said, said
    assert "Traceback" not in said, said
    assert len(said) <= LONGEST_SENTENCE, said
    assert CANARY not in said, said


def expect_rows(found: Read, truth: Counter[Seen]) -> None:
    """Exactly the rows of the truth, each once: none is lost, none doubled, none broken."""
    lost, surplus = truth - found.rows, found.rows - truth
    assert not lost, f"{lost.total()} of {truth.total()} rows are lost, as {sorted(lost)[:3]}"
    assert not surplus, f"{surplus.total()} rows too many, as {sorted(surplus)[:3]}"
    assert not found.broken, f"broken: {found.broken[:3]}"


def expect_rows_or_error(outcome: Read | SourceError, truth: Counter[Seen]) -> None:
    """Either all rows, or an error that says so."""
    if not isinstance(outcome, SourceError):
        expect_rows(outcome, truth)
