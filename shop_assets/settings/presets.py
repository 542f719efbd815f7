"""Presets: the settings of well-known streams, merged under what a user writes beside them.

A preset is a data file, `shop_assets/sources/presets/NAME.yaml`: streams by name, each in the
language of `shop.yaml`. It is merged before anything is validated, and a mistake is located in
what the user wrote: a wrong value there by its line, a conflict with the preset by the nearest
line above it.

    class ShopifySource(SourceBase):
        @model_validator(mode="before")
        @classmethod
        def _preset(cls, given: object) -> object:
            return with_streams(given, "shopify")    # every stream of `streams:`, by its name

    class FileStream(StreamBase):                    # one stream, of any name
        ...
            return merged(given, only_stream("google_ads"))
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

Stream = Mapping[str, Any]

_BY_KEY = ("entities", "fields", "rename", "units")
"""Settings that are merged key by key; any other that the user gives takes the preset's place."""


def preset(name: str) -> dict[str, dict[str, Any]]:
    """The streams of a preset, by name, as `shop.yaml` would have them. Yours to change.

    `KeyError` where there is no preset of that name.
    """
    return copy.deepcopy(_loaded(name))


def only_stream(name: str) -> dict[str, Any]:
    """The stream of a preset that has one."""
    (stream,) = preset(name).values()
    return stream


def with_streams(given: object, name: str) -> object:
    """A source's settings with the preset's streams merged into those that it names, by name.

    A stream without settings (`orders:`, or `orders: {}`) is the preset's; a source without
    `streams` has all of the preset's. What is not keys with values stays, for validation to refuse.
    """
    if not isinstance(given, Mapping):
        return given
    known = preset(name)
    streams = given.get("streams", {key: {} for key in known})
    if not isinstance(streams, Mapping):
        return given
    filled = {
        key: merged({} if stream is None else stream, known[key]) if key in known else stream
        for key, stream in streams.items()
    }
    return {**given, "streams": filled}


def merged(given: object, below: Stream) -> object:
    """A stream's settings over a preset's: what is given wins.

    Entities are merged one by one, and so are their fields, each of which is taken whole: a field
    with `value` is not also the preset's `column`. One that is given as nothing (`campaigns:`,
    `status:`) is left out. Given rules come first, since the first that sets a field decides it,
    and a given rule takes the place of the preset's of its name.
    """
    if not isinstance(given, Mapping):
        return given
    result = {**below, **given}
    for key in _BY_KEY:
        if isinstance(given.get(key), Mapping) and isinstance(below.get(key), Mapping):
            result[key] = _by_key(given[key], below[key], whole=key != "entities")
    if isinstance(given.get("rules"), list) and "rules" in below:
        names = {rule.get("name") for rule in given["rules"] if isinstance(rule, Mapping)}
        result["rules"] = [*given["rules"], *(r for r in below["rules"] if r["name"] not in names)]
    return result


def _by_key(given: Stream, below: Stream, *, whole: bool) -> dict[str, Any]:
    result = dict(below)
    for key, value in given.items():
        if value is None and key in below:
            del result[key]
        else:
            result[key] = value if whole or key not in below else merged(value, below[key])
    return result


@cache
def _loaded(name: str) -> dict[str, dict[str, Any]]:
    file = files("shop_assets").joinpath("sources", "presets", f"{name}.yaml")
    if not file.is_file():
        raise KeyError(name)
    streams: dict[str, dict[str, Any]] = yaml.safe_load(file.read_text("utf-8"))
    return streams
