"""What a command imports is nothing that garbage is looked for in."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from shop_assets.cli.memory import importing


@pytest.fixture(autouse=True)
def collecting() -> Iterator[None]:
    """As the process was: looking for garbage among all that there is."""
    assert gc.isenabled()
    yield
    gc.unfreeze()
    gc.enable()


def test_no_garbage_is_looked_for_while_something_is_imported_nor_in_it() -> None:
    with importing():
        assert not gc.isenabled()
        held = [[n] for n in range(100)]
        with importing():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    assert gc.get_freeze_count() > len(held)


def test_what_cannot_be_imported_leaves_the_collector_on() -> None:
    with pytest.raises(ImportError), importing():
        raise ImportError
    assert gc.isenabled()
