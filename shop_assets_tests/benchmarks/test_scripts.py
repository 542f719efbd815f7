"""The benchmarks that stand for themselves find what they import."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from benchmarks import scripts


def test_no_module_hides_a_library_from_what_is_called_beside_it() -> None:
    """Python looks into the folder of a script before all others."""
    names = {path.stem for path in Path(scripts.__file__).parent.glob("*.py")} - {"__init__"}
    assert {"history", "freshness"} <= names
    assert {name for name in names if importlib.util.find_spec(name) is not None} == set()
