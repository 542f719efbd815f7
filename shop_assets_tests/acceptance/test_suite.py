"""The suite itself: each wrong connector of `wrong_toys` fails a test of it."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import Any, get_args

import httpx
import pytest

from shop_assets.settings.shop import Source
from shop_assets.sources import http
from shop_assets.sources.errors import SourceError
from shop_assets.stack.endpoints import Endpoints
from shop_assets_tests.acceptance import (
    test_broken_answers,
    test_checkpoints,
    test_memory,
    test_rate_limit,
    test_reads,
    test_refusals,
    test_rows,
    test_secrets,
    test_shapes,
)
from shop_assets_tests.acceptance.subject import SUBJECTS, Servers, opened
from shop_assets_tests.acceptance.wrong_toys import WRONG, subject_of

Test = Callable[..., None]

CAUGHT: dict[str, list[Test]] = {
    "LosesARow": [test_reads.test_two_reads_in_a_row_give_what_the_source_has],
    "DoublesARow": [test_reads.test_two_reads_in_a_row_give_what_the_source_has],
    "TakesTheEnd": [test_reads.test_adjacent_windows_part_the_rows],
    "KnowsNoEmptyShop": [
        test_reads.test_a_source_without_rows_is_no_mistake,
        test_reads.test_a_window_without_rows_is_no_mistake,
    ],
    "StopsAtACutPage": [
        test_broken_answers.test_a_server_that_always_answers_so_is_an_error,
        test_refusals.test_a_source_that_refuses_for_good_is_one_transient_error,
        test_refusals.test_a_key_that_is_refused_is_an_error_that_waiting_does_not_cure,
    ],
    "TakesAnythingForAPage": [
        test_broken_answers.test_a_strange_answer_to_each_call,
        test_broken_answers.test_each_part_of_an_answers_envelope_is_looked_at,
    ],
    "IgnoresCheckpoints": [test_checkpoints.test_a_read_goes_on_from_each_of_its_checkpoints],
    "SkipsAtCheckpoints": [test_checkpoints.test_a_read_goes_on_from_each_of_its_checkpoints],
    "TrustsAnyCheckpoint": [test_checkpoints.test_a_checkpoint_from_the_future_loses_nothing],
    "TakesPagesTwice": [test_broken_answers.test_every_answer_delivered_twice_doubles_nothing],
    "LoopsForEver": [test_broken_answers.test_an_answer_that_comes_again_and_again_ends_the_read],
    "PagesByNumber": [
        test_rows.test_rows_that_change_while_they_are_read_are_in_this_window_or_the_next
    ],
    "GivesUpAtOnce": [
        test_refusals.test_each_call_is_made_again_once_it_is_refused,
        test_broken_answers.test_a_connection_that_breaks_in_each_answer,
        test_refusals.test_an_answer_that_does_not_come_in_time_is_asked_for_again,
    ],
    "WaitsAsItLikes": [test_refusals.test_the_source_is_left_alone_as_long_as_it_says],
    "CallsAsItLikes": [test_rate_limit.test_without_redis_the_shares_stay_below_the_limit_together],
    "HoldsAllRows": [test_memory.test_many_rows_are_read_in_bounded_memory],
    "TellsItsKey": [
        test_refusals.test_a_source_that_refuses_for_good_is_one_transient_error,
        test_secrets.test_no_error_of_a_server_that_is_gone_has_it,
    ],
    "ShowsItsKey": [test_secrets.test_no_representation_has_it],
    "KeepsItsKey": [test_secrets.test_no_row_checkpoint_or_log_line_has_it],
    "LogsItsKey": [test_secrets.test_no_row_checkpoint_or_log_line_has_it],
    "InventsTimes": [test_shapes.test_rows_that_lack_their_key_or_time_are_an_error_or_broken],
    "InventsKeys": [test_shapes.test_rows_that_lack_their_key_or_time_are_an_error_or_broken],
    "NeedsEveryField": [test_shapes.test_what_no_row_depends_on_may_change],
    "DropsHugeRows": [test_rows.test_a_row_of_megabytes_harms_no_other],
    "CleansText": [test_rows.test_every_text_comes_as_it_is_or_in_a_broken_row],
}
"""Each wrong connector, and the tests that must not pass with it."""

GIVEN: dict[str, dict[str, Any]] = {
    "InventsTimes": {"how": "no change time"},
    "InventsKeys": {"how": "no key"},
    "NeedsEveryField": {"how": "no optional"},
}
CASES = [
    pytest.param(name, test, id=f"{name}-{test.__name__}")
    for name, tests in CAUGHT.items()
    for test in tests
]


def test_all_wrong_connectors_are_tried() -> None:
    assert set(CAUGHT) == set(WRONG)


@pytest.mark.parametrize(("name", "test"), CASES)
def test_the_suite_catches_a_wrong_connector(
    name: str,
    test: Test,
    servers: Servers,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "_FIRST_WAIT", 0.02)
    given: dict[str, Any] = dict(GIVEN.get(name, {}))
    if "caplog" in test.__code__.co_varnames[: test.__code__.co_argcount]:
        given["caplog"] = request.getfixturevalue("caplog")
    wrong = subject_of(name)
    # A test that cannot end well: it finds something, or the connector fails in its own words.
    inspect.getcallargs(test, None, **given)
    failure = pytest.raises((AssertionError, SourceError, httpx.HTTPError, TypeError))
    with opened(wrong, "things", servers) as at, failure:
        test(at, **given)


def test_a_redis_shared_by_wrong_connectors_is_no_help(servers: Servers, stack: Endpoints) -> None:
    wrong = subject_of("CallsAsItLikes")
    with opened(wrong, "things", servers) as at, pytest.raises(AssertionError):
        test_rate_limit.test_hours_at_once_share_the_limit_through_redis(at, stack)


def test_each_connector_of_the_product_is_a_subject() -> None:
    """Each kind of source has a module of its name, which has registered something."""
    kinds = {
        argument
        for source in get_args(get_args(Source)[0])
        for argument in get_args(source.model_fields["connector"].annotation)
    }
    assert {"sql", "files"} <= kinds
    for kind in kinds:
        module = importlib.import_module(f"shop_assets_tests.acceptance.subjects.{kind}")
        made_by = {getattr(each.open, "func", each.open).__module__ for each in SUBJECTS.values()}
        assert module.__name__ in made_by, f"{kind} has no subject"
