"""What many tests share: an embedded stack for each worker, and the real data."""

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import is_hypothesis_test

from shop_assets.stack import embedded
from shop_assets.stack.endpoints import Endpoints

REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def stack_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of this worker's embedded stack."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="session")
def stack(stack_home: Path) -> Iterator[Endpoints]:
    """A running embedded stack: PostgreSQL, S3 and Redis."""
    with embedded.running(stack_home, environ={}, durable=False) as endpoints:
        yield endpoints


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of the real shops' data."""
    folder = Path(os.environ.get("SHOP_REAL_DATA", REPOSITORY.parent / "shared" / "data"))
    if not (folder / "online_retail").is_dir():
        pytest.skip("no real data: neither SHOP_REAL_DATA nor ../shared/data has online_retail")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of many random examples are not traced: that takes longer than the examples.

    What they reach, tests of single examples reach too. So it is with those of many rows, and of
    real data, which say so themselves (`no_cover`).
    """
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Processes that an untraced test starts, or what it needs first, are not traced either."""
    untraced = item.get_closest_marker("no_cover") is not None
    kept = {n: os.environ.pop(n) for n in _TRACING if untraced and n in os.environ}
    try:
        return (yield)
    finally:
        os.environ.update(kept)


_TRACING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""By which a process learns that it is to be traced."""
