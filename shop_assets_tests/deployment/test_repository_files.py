"""The files around the code agree with each other."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from shop_assets_tests.deployment.compose_file import ROOT

LOCKS = ("requirements.lock", "requirements.runtime.lock", "requirements.build.lock")
PINNED = re.compile(
    r"^(?P<name>[A-Za-z0-9._-]+)(\[[^\]]+\])?==(?P<version>[^\s;\\]+)", re.MULTILINE
)


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def pinned(lock: str) -> dict[str, set[str]]:
    """Versions by canonical name: more than one where they depend on the Python version."""
    found: dict[str, set[str]] = {}
    for match in PINNED.finditer((ROOT / lock).read_text("utf-8")):
        found.setdefault(str(canonicalize_name(match["name"])), set()).add(match["version"])
    return found


def assert_locked(requirements: list[str], lock: str) -> None:
    versions = pinned(lock)
    for requirement in map(Requirement, requirements):
        name = str(canonicalize_name(requirement.name))
        assert name in versions, f"{lock} lacks {name}: run `make lock`"
        for version in versions[name]:
            assert requirement.specifier.contains(version, prereleases=True), (
                f"{lock} has {name} {version}, pyproject.toml wants {requirement.specifier}"
            )


def test_the_development_lock_holds_every_dependency() -> None:
    table = project()
    assert_locked(
        [
            *table["project"]["dependencies"],
            *table["project"]["optional-dependencies"]["dev"],
            *table["dependency-groups"]["build"],
        ],
        "requirements.lock",
    )


def test_the_runtime_lock_holds_what_runs_and_no_more() -> None:
    table = project()
    assert_locked(table["project"]["dependencies"], "requirements.runtime.lock")
    runtime = pinned("requirements.runtime.lock")
    for tool in ("pytest", "mypy", "ruff", "hypothesis", "pre-commit", "hatchling"):
        assert tool not in runtime


def test_the_build_lock_holds_what_builds_the_package() -> None:
    table = project()
    assert_locked(table["build-system"]["requires"], "requirements.build.lock")
    assert_locked(table["dependency-groups"]["build"], "requirements.build.lock")


@pytest.mark.parametrize("lock", LOCKS[1:])
def test_the_smaller_locks_have_the_versions_that_were_tested(lock: str) -> None:
    tested = pinned("requirements.lock")
    for name, versions in pinned(lock).items():
        assert versions <= tested[name], name


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_of_a_lock_has_a_hash_and_no_registry_is_named(lock: str) -> None:
    text = (ROOT / lock).read_text("utf-8")
    assert not re.search(r"https?://|--(extra-)?index-url|--find-links|file:", text)
    entries = re.split(r"(?m)^(?=[A-Za-z0-9])", text)
    assert len([e for e in entries if e.strip()]) == len(PINNED.findall(text)) > 3
    for entry in entries:
        if entry.strip():
            assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_the_changelog_has_an_entry_for_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    version = re.escape(project()["project"]["version"])
    assert re.search(rf"(?m)^## \[{version}\] - \d{{4}}-\d{{2}}-\d{{2}}$", text)
    assert text.index("## [Unreleased]") < text.index(f"## [{project()['project']['version']}]")


def test_the_licence_is_apache_2_and_whole() -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    assert "Apache License\n                           Version 2.0, January 2004" in text
    for section in (*(f"\n   {n}. " for n in range(1, 10)), "END OF TERMS AND CONDITIONS"):
        assert section in text
    assert project()["project"]["license"] == "Apache-2.0"


def make(*words: str) -> str:
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(
        ["make", "--no-print-directory", *words],
        cwd=ROOT,
        env=clean,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_make_alone_lists_its_targets() -> None:
    listed = make()
    for target in ("venv", "demo", "up", "test", "lint", "lock", "clean", "help"):
        assert f"make {target} " in listed


@pytest.mark.parametrize(
    ("target", "command"),
    [
        ("demo", ".venv/bin/shop-assets demo"),
        ("up", ".venv/bin/shop-assets up"),
        ("test", ".venv/bin/python -m pytest -n 3"),
        ("lint", ".venv/bin/mypy"),
    ],
)
def test_a_target_installs_first_and_then_runs_its_command(target: str, command: str) -> None:
    planned = make("--dry-run", "--assume-new=requirements.lock", target)
    installed = planned.index("--require-hashes -r requirements.lock")
    assert planned.index("--no-deps --no-build-isolation -e .") > installed
    assert planned.index(command) > installed


def test_test_arguments_reach_pytest() -> None:
    assert "-k ledger" in make("--dry-run", "test", "PYTEST_ARGS=-k ledger")


def test_make_says_so_where_no_python_fits(tmp_path: Path) -> None:
    failed = subprocess.run(
        ["make", "--no-print-directory", "venv", "PYTHON=", f"VENV={tmp_path / 'venv'}"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert failed.returncode == 2
    assert "No Python 3.11, 3.12 or 3.13 found" in failed.stderr
    assert not (tmp_path / "venv").exists()


def test_continuous_integration_is_a_program_that_bash_understands() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert "set -euo pipefail" in script.read_text("utf-8")


def test_the_pre_commit_configuration_is_valid_and_fetches_nothing() -> None:
    pre_commit = [sys.executable, "-m", "pre_commit", "validate-config", ".pre-commit-config.yaml"]
    subprocess.run(pre_commit, cwd=ROOT, check=True)
    text = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    assert re.findall(r"(?m)^  - repo: (.+)$", text) == ["local"]


def test_what_must_not_be_committed_is_ignored() -> None:
    paths = [".venv/x", ".shop/credentials.json", ".env", ".coverage.host.1", "a/__pycache__/b.pyc"]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", *paths],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.split() == paths


def test_the_wheel_holds_the_package_and_nothing_else(tmp_path: Path) -> None:
    pip_wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    offline = ["--no-index", "--no-deps", "--no-build-isolation"]
    subprocess.run([*pip_wheel, *offline, "--wheel-dir", str(tmp_path), "."], cwd=ROOT, check=True)
    (wheel,) = tmp_path.glob("shop_assets-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "shop_assets",
        f"shop_assets-{project()['project']['version']}.dist-info",
    }
    packed = {name for name in names if name.endswith(".py")}
    sources = {str(p.relative_to(ROOT)) for p in (ROOT / "shop_assets").rglob("*.py")}
    assert packed == sources
    assert "shop_assets/py.typed" in names


def test_an_installed_package_carries_what_its_commands_need(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", str(tmp_path), str(ROOT)),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        for name in ("dagster.yaml", "examples/demo/shop.yaml"):
            shipped = archive.read(f"shop_assets/shipped/{name}")
            assert shipped == (ROOT / name).read_bytes()
