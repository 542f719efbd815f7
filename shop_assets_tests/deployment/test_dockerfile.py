"""The image: non-root, hash-checked, without secrets, and built from files that exist."""

from __future__ import annotations

import json
import re
import subprocess
import sysconfig
from pathlib import Path

import pytest

from shop_assets_tests.deployment.compose_file import ROOT, services


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions with their arguments, continuation lines joined."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (ROOT / "Dockerfile").read_text("utf-8"))
    joined = re.sub(r"\\\n\s*", "", text)
    lines = [line for line in joined.splitlines() if line.strip()]
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in lines]


def last_stage() -> list[tuple[str, str]]:
    found = instructions()
    starts = [i for i, (word, _) in enumerate(found) if word == "FROM"]
    return found[starts[-1] :]


def copied() -> list[str]:
    """What the Dockerfile copies from the repository."""
    sources: list[str] = []
    for word, rest in instructions():
        if word == "COPY" and not rest.startswith("--from"):
            sources.extend(rest.split()[:-1])
    return sources


def test_hadolint_finds_nothing() -> None:
    hadolint = Path(sysconfig.get_path("scripts")) / "hadolint"
    done = subprocess.run(
        [str(hadolint), "Dockerfile"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_both_stages_start_from_one_pinned_slim_image() -> None:
    images = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert len(images) == 2
    assert set(images) == {"python:3.12-slim-trixie"}


def test_the_image_runs_as_a_numbered_user_that_is_not_root() -> None:
    users = [rest for word, rest in last_stage() if word == "USER"]
    assert users == ["10001:10001"]


def test_everything_installed_is_checked_against_a_hash_or_comes_from_this_repository() -> None:
    installs = [
        part
        for word, rest in instructions()
        if word == "RUN"
        for part in rest.split("&&")
        if "pip install" in part
    ]
    assert len(installs) == 3
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install
    assert any("requirements.runtime.lock" in install for install in installs)


def test_no_secret_is_baked_in() -> None:
    for word, rest in instructions():
        assert word != "ARG"
        if word == "ENV":
            assert not re.search(r"(?i)password|secret|token|_key\b|://", rest), rest


def test_what_is_copied_exists_and_passes_the_dockerignore() -> None:
    allowed = {
        line[1:]
        for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines()
        if line[:1] == "!"
    }
    assert copied()
    for source in copied():
        path = source.removeprefix("./")
        assert (ROOT / path).exists(), path
        assert path in allowed, path
    assert allowed == {source.removeprefix("./") for source in copied()}


@pytest.mark.parametrize("instruction", ["HEALTHCHECK", "CMD"])
def test_the_image_alone_is_a_healthy_code_server_on_loopback(instruction: str) -> None:
    (rest,) = [rest for word, rest in last_stage() if word == instruction]
    words = json.loads(rest[rest.index("[") :])
    assert words[0] == "dagster"
    if instruction == "CMD":
        composed = services(dict.fromkeys(ENVIRONMENT, "x"))["code-server"].command
        assert words == [word.replace("0.0.0.0", "127.0.0.1") for word in composed]


def test_dagster_home_in_the_image_has_the_production_settings() -> None:
    environment = " ".join(rest for word, rest in last_stage() if word == "ENV")
    assert "DAGSTER_HOME=/opt/dagster/home" in environment
    assert ("COPY", "dagster.yaml deploy/workspace.yaml /opt/dagster/home/") in last_stage()


ENVIRONMENT = (
    "SHOP_CONFIG_DIR",
    "POSTGRES_PASSWORD",
    "SHOP_LOADER_PASSWORD",
    "SHOP_READER_PASSWORD",
    "SHOP_DAGSTER_PASSWORD",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "REDIS_PASSWORD",
)
