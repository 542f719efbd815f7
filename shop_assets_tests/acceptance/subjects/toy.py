"""The toy's right connector, which passes all of the suite."""

from __future__ import annotations

from shop_assets_tests.acceptance.subject import Subject, register
from shop_assets_tests.acceptance.toy import STREAMS, right, toy_source

register(
    Subject(
        "toy",
        toy_source,
        STREAMS,
        frozenset({"windows", "http", "checkpoints", "changes", "secret", "schema"}),
        many=4_000,
        connect=right,
    )
)
