"""What the benchmarks compare with is pinned, and needed by nothing else."""

from __future__ import annotations

import re
import subprocess
import tomllib

from packaging.requirements import Requirement

from shop_assets_tests.conftest import REPOSITORY

LOCK = "requirements.bench.lock"


def pinned(lock: str) -> dict[str, set[str]]:
    """Versions by name: more than one where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    text = (REPOSITORY / lock).read_text("utf-8")
    for name, version in re.findall(r"(?m)^([a-z0-9._-]+)(?:\[[^\]]+\])?==([^\s;\\]+)", text):
        found.setdefault(name, set()).add(version)
    return found


def test_the_lock_holds_the_peers_and_the_platform_at_the_versions_that_are_tested() -> None:
    table = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]
    versions, tested = pinned(LOCK), pinned("requirements.lock")
    for requirement in map(Requirement, table["optional-dependencies"]["bench"]):
        assert all(map(requirement.specifier.contains, versions[requirement.name]))
        assert requirement.name not in tested
    for name in pinned("requirements.runtime.lock"):
        assert versions[name] <= tested[name], f"{name}: run `make lock`"


def test_every_requirement_has_a_hash_and_no_registry_is_named() -> None:
    text = (REPOSITORY / LOCK).read_text("utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)
    for entry in re.split(r"(?m)^(?=[A-Za-z0-9])", text):
        assert not entry.strip() or "--hash=sha256:" in entry, entry.splitlines()[0]


def test_make_bench_installs_the_peers_and_then_runs() -> None:
    planned = subprocess.run(
        ["make", "--no-print-directory", "--dry-run", "--assume-new", LOCK, "bench", "BENCH=quick"],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    installed = planned.index(f"--require-hashes -r {LOCK}")
    assert planned.index(".venv/bin/python -m benchmarks.run quick") > installed
