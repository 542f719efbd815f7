"""Benchmarks that stand for themselves, called as a user calls them, with what they print."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent


def said_by(script: str, *arguments: str) -> dict[str, Any]:
    """The JSON that a script of this folder prints first; `RuntimeError` where it fails."""
    done = subprocess.run(
        [sys.executable, str(_FOLDER / script), *arguments],
        cwd=_FOLDER.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{script}: {done.stderr.strip()[-2000:]}")
    found: dict[str, Any]
    found, _ = json.JSONDecoder().raw_decode(done.stdout)
    return found
