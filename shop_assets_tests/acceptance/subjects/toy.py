"""The toy's right connector, which passes all of the suite."""

from __future__ import annotations

from shop_assets_tests.acceptance.subject import Subject, register
from shop_assets_tests.acceptance.toy import FEATURES, STREAMS, right, toy_source

register(
    Subject(
        "toy",
        toy_source,
        STREAMS,
        frozenset(FEATURES),
        many=4_000,
        connect=right,
    )
)
