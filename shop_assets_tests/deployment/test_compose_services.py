"""Code server, webserver and daemon as compose.yaml starts them, with their own health checks.

Addresses are those of this machine instead of the networks'; everything else is as it stands.
"""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from shop_assets_tests.deployment.compose_file import ROOT, services
from shop_assets_tests.deployment.conftest import Postgres
from shop_assets_tests.deployment.processes import environment, free_port, running, wait_until
from shop_assets_tests.deployment.test_compose import filled

pytestmark = [pytest.mark.xdist_group("compose-services"), pytest.mark.no_cover]

LOCATIONS = """{ workspaceOrError { ... on Workspace { locationEntries { name locationOrLoadError {
  __typename
  ... on PythonError { message }
  ... on RepositoryLocation {
    repositories { assetNodes { assetKey { path } } schedules { name } sensors { name } }
  }
} } } } }"""


@dataclass(frozen=True)
class Platform:
    """Where the parts run: their folder (DAGSTER_HOME), environment, and ports."""

    home: Path
    env: dict[str, str]
    code_port: int
    ui_port: int

    def here(self, words: list[str]) -> list[str]:
        """A command or health check of compose.yaml with this machine's ports."""
        ports = {"4000": str(self.code_port), "3000": str(self.ui_port), "0.0.0.0": "127.0.0.1"}
        replaced = [ports.get(word, word) for word in words]
        return [word.replace(":3000/", f":{self.ui_port}/") for word in replaced]

    def is_healthy(self, service: str) -> bool:
        """Whether the service's own health check passes."""
        kind, *words = services(filled())[service].health_test
        assert kind == "CMD"
        done = subprocess.run(
            self.here(words), env=self.env, cwd=self.home, capture_output=True, check=False
        )
        return done.returncode == 0

    def start(self, service: str) -> Any:
        """The service's command, started; a context manager of the process."""
        words = self.here(services(filled())[service].command)
        return running(words, env=self.env, cwd=self.home, name=service)


@pytest.fixture(scope="module", name="platform")
def _platform(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    home = tmp_path_factory.mktemp("platform")
    code_port = free_port(1)
    workspace = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text("utf-8"))
    workspace["load_from"][0]["grpc_server"].update(host="127.0.0.1", port=code_port)
    (home / "workspace.yaml").write_text(yaml.safe_dump(workspace), "utf-8")
    (home / "dagster.yaml").write_bytes((ROOT / "dagster.yaml").read_bytes())
    env = environment(
        PYTHONPATH=str(ROOT),
        DAGSTER_HOME=str(home),
        SHOP_MAX_CONCURRENT_RUNS="2",
        SHOP_DAGSTER_POSTGRES_URL=postgres.url("shop_dagster", "dagster", "postgresql+psycopg2"),
        SHOP_POSTGRES_URL=postgres.url("shop_loader", "warehouse"),
        SHOP_POSTGRES_READER_URL=postgres.url("shop_reader", "warehouse"),
        SHOP_HOME=str(home / "shop"),
        SHOP_CONFIG=str(ROOT / "examples" / "online_retail" / "shop.yaml"),
        **{
            name: value
            for name, value in services(filled())["code-server"].environment.items()
            if name.startswith(("AWS_", "SHOP_S3", "SHOP_REDIS"))
        },
    )
    platform = Platform(home, env, code_port, code_port + 1)
    with platform.start("code-server") as process:
        log = home / "code-server.log"
        wait_until(lambda: "Started Dagster code server" in log.read_text(), process, log, 120)
        yield platform


def test_the_code_server_is_healthy_by_its_own_check(platform: Platform) -> None:
    assert platform.is_healthy("code-server")


def test_the_webserver_shows_the_location_that_the_code_server_serves(platform: Platform) -> None:
    with platform.start("webserver") as process:
        log = platform.home / "webserver.log"
        wait_until(lambda: platform.is_healthy("webserver"), process, log, 120)
        asked = urllib.request.Request(
            f"http://127.0.0.1:{platform.ui_port}/graphql",
            data=json.dumps({"query": LOCATIONS}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            (entry,) = json.load(answer)["data"]["workspaceOrError"]["locationEntries"]
        assert entry["name"] == "shop_assets"
        location = entry["locationOrLoadError"]
        assert location["__typename"] == "RepositoryLocation", location.get("message")
        (repository,) = location["repositories"]
        keys = {tuple(node["assetKey"]["path"]) for node in repository["assetNodes"]}
        assert {path[0] for path in keys} == {
            *("raw", "clean", "warehouse", "marts", "analytics", "maintenance")
        }
        assert ("marts", "sales_daily") in keys
        assert repository["schedules"]
        assert repository["sensors"]
        process.terminate()
        process.wait(timeout=30)


def test_the_daemon_is_alive_by_its_own_check_and_ends_at_the_signal(platform: Platform) -> None:
    assert not platform.is_healthy("daemon")
    with platform.start("daemon") as process:
        log = platform.home / "daemon.log"
        wait_until(lambda: platform.is_healthy("daemon"), process, log, 120)
        process.terminate()
        process.wait(timeout=30)
        said = log.read_text("utf-8", "replace")
        assert "Traceback" not in said, said


def test_the_code_server_listens_where_it_is_told_and_nowhere_else(platform: Platform) -> None:
    command = platform.here(services(filled())["code-server"].command)
    assert command[command.index("-h") + 1] == "127.0.0.1"
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(f"http://127.0.0.2:{platform.code_port}", timeout=5)
