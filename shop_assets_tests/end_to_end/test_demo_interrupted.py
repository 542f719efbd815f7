"""Ctrl-C while a demo makes its shop, and while it loads it: it ends soon, in one sentence."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg2
import pytest

from shop_assets.errors import UserError
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import resolve_endpoints
from shop_assets_tests.end_to_end.commands import Command
from shop_assets_tests.stack.servers import processes

pytestmark = pytest.mark.no_cover

SOON = 30
"""Seconds: two to four on a quiet machine."""


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    embedded.stop(tmp_path / "demo")


def lives(home: Path) -> bool:
    return (home / "demo" / "plan.json").exists()


def loads(home: Path) -> bool:
    """Whether some slices are loaded, and others are under way."""
    with suppress(UserError, psycopg2.Error):
        connection = psycopg2.connect(resolve_endpoints(home / "demo", {}).postgres_url)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) > 2 FROM meta.loads")
                return cursor.fetchall() == [(True,)]
        finally:
            connection.close()
    return False


@pytest.mark.parametrize("phase", [lives, loads])
def test_ctrl_c_ends_a_demo_soon_and_in_one_sentence(
    home: Path, phase: Callable[[Path], bool]
) -> None:
    command = Command(home)
    with (home / "said").open("wb") as said:
        process = subprocess.Popen(
            [command.program("shop-assets"), "demo", "--days", "2", "--orders-per-hour", "60"],
            env=command.environment,
            stdout=said,
            stderr=subprocess.STDOUT,
            # Tests that run in the background ignore Ctrl-C, and so would what they start.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
        )
        try:
            deadline = time.monotonic() + 300
            while not phase(home) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.05)
            os.kill(process.pid, signal.SIGINT)
            assert process.wait(timeout=SOON) == 130
        finally:
            process.kill()
            process.wait()
    *bars, last = (home / "said").read_text("utf-8").splitlines()
    assert last == "shop-assets: stopped; what was loaded stays"
    assert all("hours" in bar for bar in bars), bars
    assert not processes(home / "demo")
