"""Presets: what a user writes wins over them, part by part."""

from __future__ import annotations

from typing import Any

import pytest

from shop_assets.settings import presets
from shop_assets.settings.file_streams import FileStream

BELOW: dict[str, Any] = {
    "format": "csv",
    "time": {"modified": True},
    "rename": {"a": "b"},
    "entities": {
        "orders": {
            "fields": {"order_id": "id", "status": {"column": "state", "clean": ["trim"]}},
            "rules": [
                {"name": "void", "when": {"state": {"is": "void"}}, "set": {"status": "cancelled"}},
                {"name": "test", "when": {"test": {"is": "1"}}, "set": {"is_test": True}},
            ],
        },
        "customers": {"fields": {"customer_id": "customer"}},
    },
}


def test_nothing_beside_a_preset_is_the_preset() -> None:
    assert presets.merged({}, BELOW) == BELOW


def test_what_is_given_takes_the_place_of_the_presets_and_the_rest_stays() -> None:
    given = {
        "time": {"name": "%Y-%m-%dT%H.csv"},
        "rename": {"c": "d"},
        "entities": {"orders": {"fields": {"status": {"value": "open"}, "currency": "cur"}}},
    }
    found: Any = presets.merged(given, BELOW)
    assert found["format"] == "csv"
    assert found["time"] == {"name": "%Y-%m-%dT%H.csv"}
    assert found["rename"] == {"a": "b", "c": "d"}
    fields = found["entities"]["orders"]["fields"]
    assert fields == {"order_id": "id", "status": {"value": "open"}, "currency": "cur"}
    assert found["entities"]["customers"] == BELOW["entities"]["customers"]


def test_what_is_given_as_nothing_is_left_out() -> None:
    given = {"entities": {"customers": None, "orders": {"fields": {"status": None}}}}
    found: Any = presets.merged(given, BELOW)
    assert list(found["entities"]) == ["orders"]
    assert found["entities"]["orders"]["fields"] == {"order_id": "id"}


def test_given_rules_come_first_and_replace_those_of_their_name() -> None:
    mine = {"name": "test", "when": {"mail": {"is": "x"}}, "set": {"is_test": True}}
    own = {"name": "own", "when": {"mail": {"is": "y"}}, "quarantine": "ours"}
    given = {"entities": {"orders": {"rules": [mine, own]}}}
    once: Any = presets.merged(given, BELOW)
    rules = once["entities"]["orders"]["rules"]
    assert rules == [mine, own, BELOW["entities"]["orders"]["rules"][0]]
    assert presets.merged(once, BELOW) == once


@pytest.mark.parametrize("given", [3, "orders", None, {"entities": 3}, {"entities": {"orders": 3}}])
def test_what_cannot_be_merged_is_left_for_validation_to_refuse(given: Any) -> None:
    found: Any = presets.merged(given, BELOW)
    if isinstance(given, dict):
        kept = found["entities"]
        assert kept == 3 or kept["orders"] == 3
    else:
        assert found == given


def test_the_streams_of_a_source_have_the_presets_by_their_names() -> None:
    [name] = presets.preset("google_ads")
    known = presets.preset("google_ads")[name]
    given = {"url": "x", "streams": {name: None, "other": {"format": "csv"}}}
    assert presets.with_streams(given, "google_ads") == {
        "url": "x",
        "streams": {name: known, "other": {"format": "csv"}},
    }
    assert presets.with_streams({"url": "x"}, "google_ads") == {
        "url": "x",
        "streams": {name: known},
    }
    for wrong in (3, {"streams": 3}):
        assert presets.with_streams(wrong, "google_ads") == wrong


def test_a_preset_is_ones_own_to_change() -> None:
    presets.preset("meta_ads").clear()
    presets.only_stream("meta_ads")["entities"].clear()
    assert presets.only_stream("meta_ads")["entities"]
    with pytest.raises(KeyError):
        presets.preset("no_such")


@pytest.mark.parametrize("name", ["google_ads", "meta_ads"])
def test_a_stream_that_was_validated_is_validated_again_to_the_same(name: str) -> None:
    once = FileStream.model_validate({"preset": name, "files": "*.csv"})
    assert set(once.entities) == {"ad_spend", "campaigns"}
    given = once.model_dump(by_alias=True, exclude_unset=True)
    assert FileStream.model_validate(given) == once
