"""No test is held to a time: how fast something is, benchmarks say."""

from hypothesis import settings


def test_no_example_has_a_deadline() -> None:
    assert settings().deadline is None
