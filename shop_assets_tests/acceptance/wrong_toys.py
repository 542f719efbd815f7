"""All wrong connectors to the toy's API, each of which the suite has to catch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from shop_assets_tests.acceptance import wrong_answers, wrong_reads
from shop_assets_tests.acceptance.subject import Feature, Subject
from shop_assets_tests.acceptance.toy import FEATURES, STREAMS, Toy, toy_source

WRONG: dict[str, type[Toy]] = {
    name: kind
    for module in (wrong_reads, wrong_answers)
    for name, kind in vars(module).items()
    if isinstance(kind, type) and issubclass(kind, Toy) and kind is not Toy
}
"""The wrong ones, by name."""


def subject_of(name: str) -> Subject:
    """A subject with a wrong connector, which is not registered."""

    def wrong(
        settings: Mapping[str, Any], _: Path, redis_url: str | None = None, shares: int = 1
    ) -> Toy:
        return WRONG[name](settings, redis_url, shares)

    features: frozenset[Feature] = frozenset(FEATURES)
    return Subject(name, toy_source, STREAMS, features, many=4_000, connect=wrong)
