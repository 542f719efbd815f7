"""What many tests share: an embedded stack for each worker, and the real data."""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import psutil
import pytest
from coverage import Coverage
from hypothesis import is_hypothesis_test, settings

from shop_assets.stack import embedded
from shop_assets.stack.endpoints import Endpoints

REPOSITORY = Path(__file__).parents[1]


_IN_MEMORY = Path("/dev/shm")  # noqa: S108 - pytest makes a folder of this user's own there
_ENOUGH = 8 * 2**30
"""How much memory is to be free, in bytes, for the files of three workers' tests to be in it."""


def pytest_configure() -> None:
    """No example is held to a time; what tests write is kept in memory, where there is enough.

    Hypothesis' own profile for CI has no deadline either: elsewhere a busy machine would make a
    test fail by chance.

    Each test has a warehouse of its own, of a thousand files: on a disk, a fifth of all time goes
    into writing what is deleted a second later. `PYTEST_DEBUG_TEMPROOT` says where else.
    """
    settings.register_profile("untimed", settings(deadline=None))
    settings.load_profile("untimed")
    if _IN_MEMORY.is_dir() and os.access(_IN_MEMORY, os.W_OK):
        free = min(shutil.disk_usage(_IN_MEMORY).free, psutil.virtual_memory().available)
        if free >= _ENOUGH:
            os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


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

    What they reach, tests of single examples reach too. So it is, but for some lines, with those of
    many rows, of real data and of many steps of Dagster, which say so themselves (`no_cover`).
    """
    for item in items:
        if is_hypothesis_test(getattr(item, "obj", None)):
            item.add_marker("no_cover")


def pytest_collection_finish() -> None:
    """What is there by now stays: no garbage is looked for in it, again and again."""
    gc.freeze()


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """A worker is traced as pytest-cov begins to now, and by nothing that it does not pause.

    Before, the environment may have begun to trace the process, and pytest-cov did, which took it
    for the one that starts the workers: either would go on through tests that are not traced.
    """
    if hasattr(session.config, "workerinput"):
        while (begun := Coverage.current()) is not None:
            begun.stop()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """What an untraced test needs first, and processes that it starts, are not traced either.

    Of itself pytest-cov pauses for the test's call alone.
    """
    if item.get_closest_marker("no_cover") is None:
        return (yield)
    tracing = Coverage.current()
    if tracing is not None:
        tracing.stop()
    kept = {name: os.environ.pop(name) for name in _TRACING if name in os.environ}
    try:
        return (yield)
    finally:
        os.environ.update(kept)
        if tracing is not None and Coverage.current() is None:
            tracing.start()


_TRACING = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
"""By which a process learns that it is to be traced."""
