"""What many tests share: an embedded stack for each worker, and the real data."""

import os
from collections.abc import Iterator
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

    What they reach, tests of single examples reach too.
    """
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")
