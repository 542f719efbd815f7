"""`shop-assets` in a process of its own, as a user calls it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any


class Command:
    """`shop-assets` for one home folder; `variables` are set for it beside that."""

    def __init__(self, home: Path, **variables: str) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SHOP_", "DAGSTER_"))}
        self.home = home
        self.environment = {**kept, "SHOP_HOME": str(home), **variables}

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.program("shop-assets"), *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def json(self, *arguments: str) -> Any:
        """What it printed as JSON; it must have succeeded."""
        done = self(*arguments, "--json")
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout)

    def start(self, *arguments: str, log: Path) -> subprocess.Popen[bytes]:
        """Start it as a shell's script does in the background, and leave it running.

        So it begins with Ctrl-C ignored, which is not to become that of what it starts itself.
        """
        with log.open("wb") as output:
            return subprocess.Popen(
                [
                    "sh",
                    "-c",
                    'trap \'\' INT; exec "$0" "$@"',
                    self.program("shop-assets"),
                    *arguments,
                ],
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @staticmethod
    def program(name: str) -> str:
        """A command of this environment."""
        return str(Path(sys.executable).with_name(name))
