"""compose.yaml: what is reachable from where, as whom, and with which secrets."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from shop_assets_tests.deployment.compose_file import (
    ROOT,
    Service,
    compose_document,
    compose_text,
    services,
    variables,
)

APP = ("code-server", "webserver", "daemon", "live", "bucket")
SERVERS = ("postgres", "s3", "redis")


def example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, value in pairs}  # noqa: C416 - split gives lists, not tuples


def filled() -> dict[str, str]:
    return {name: value or f"made-up-{name.lower()}" for name, value in example().items()}


@pytest.fixture(name="compose")
def _compose() -> dict[str, Any]:
    return compose_document(filled())


@pytest.fixture(name="parts")
def _parts() -> dict[str, Service]:
    return services(filled())


def test_there_are_three_servers_three_parts_of_dagster_live_and_the_maker_of_the_bucket(
    parts: dict[str, Service],
) -> None:
    assert set(parts) == {*APP, *SERVERS}


def test_only_the_ui_is_published_and_only_on_loopback(parts: dict[str, Service]) -> None:
    published = {name: part.settings.get("ports", []) for name, part in parts.items()}
    assert {name for name, ports in published.items() if ports} == {"webserver"}
    assert published["webserver"] == ["127.0.0.1:3000:3000"]
    for part in parts.values():
        assert part.settings.get("network_mode") != "host"


def test_the_backend_network_has_no_way_in_or_out(
    compose: dict[str, Any], parts: dict[str, Service]
) -> None:
    assert compose["networks"]["backend"] == {"internal": True}
    for name in (*SERVERS, "daemon", "bucket"):
        assert parts[name].settings["networks"] == ["backend"]
    assert "ui" not in parts["code-server"].settings["networks"]


def test_every_service_is_health_checked_restarted_and_pinned(parts: dict[str, Service]) -> None:
    for part in parts.values():
        if part.name == "bucket":
            assert part.settings["restart"] == "on-failure"
        else:
            assert part.settings["restart"] == "unless-stopped"
            assert part.health_test[0] in ("CMD", "CMD-SHELL")
        tag = part.settings["image"].rpartition(":")[2]
        assert re.match(r"\d", tag), part.settings["image"]


def test_the_postgres_volume_is_where_version_18_keeps_its_data(parts: dict[str, Service]) -> None:
    postgres = parts["postgres"].settings
    assert postgres["image"] == "postgres:18"
    assert "postgres-data:/var/lib/postgresql" in postgres["volumes"]


@pytest.mark.parametrize("name", APP)
def test_the_platform_runs_without_root_without_capabilities_and_read_only(
    name: str, parts: dict[str, Service]
) -> None:
    settings = parts[name].settings
    assert settings["user"] == "10001:10001"
    assert settings["read_only"] is True
    assert settings["cap_drop"] == ["ALL"]
    assert settings["security_opt"] == ["no-new-privileges:true"]
    assert settings["image"] == parts["code-server"].settings["image"]


def test_the_image_is_tagged_with_the_project_version() -> None:
    version = re.search(r'(?m)^version = "(.+)"$', (ROOT / "pyproject.toml").read_text("utf-8"))
    assert version
    assert example()["SHOP_IMAGE"] == f"shop-assets:{version[1]}"
    assert f"${{SHOP_IMAGE:-shop-assets:{version[1]}}}" in compose_text()


def test_webserver_and_daemon_know_no_secret_but_dagsters_own(parts: dict[str, Service]) -> None:
    for name in ("webserver", "daemon"):
        assert set(parts[name].environment) == {
            "SHOP_DAGSTER_POSTGRES_URL",
            "SHOP_MAX_CONCURRENT_RUNS",
        }


def test_each_server_gets_only_its_own_secrets(parts: dict[str, Service]) -> None:
    assert set(parts["redis"].environment) == {"REDIS_PASSWORD"}
    assert {
        n for n in parts["bucket"].environment if not n.startswith(("AWS_", "SHOP_S3_"))
    } == set()
    assert set(parts["s3"].environment) == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert all(name.endswith("PASSWORD") for name in parts["postgres"].environment)


def test_no_command_or_health_check_carries_a_secret(parts: dict[str, Service]) -> None:
    for part in parts.values():
        words = [*part.command, *(part.health_test if part.name != "bucket" else [])]
        assert not [word for word in words if "made-up" in word]


def test_the_example_environment_names_every_variable_and_no_other() -> None:
    assert set(example()) == set(variables())


def test_the_example_has_no_password_and_compose_refuses_to_start_without_one() -> None:
    empty = {name for name, value in example().items() if not value}
    assert {name for name in example() if "PASSWORD" in name or name.startswith("AWS_")} == empty
    required = {name for name, must in variables().items() if must}
    assert empty < required
    for name in required:
        with pytest.raises(KeyError, match=name):
            compose_document({**filled(), name: ""})


def test_a_part_starts_after_what_it_needs_is_healthy(parts: dict[str, Service]) -> None:
    healthy = {"condition": "service_healthy"}
    assert parts["bucket"].settings["depends_on"] == {"s3": healthy}
    assert parts["code-server"].settings["depends_on"] == {
        "postgres": healthy,
        "redis": healthy,
        "bucket": {"condition": "service_completed_successfully"},
    }
    for name in ("webserver", "daemon", "live"):
        assert parts[name].settings["depends_on"] == {"code-server": healthy}


def test_webserver_and_daemon_find_the_code_server_where_it_listens(
    parts: dict[str, Service],
) -> None:
    workspace = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text("utf-8"))
    (server,) = [entry["grpc_server"] for entry in workspace["load_from"]]
    command = parts[server["host"]].command
    assert command[command.index("-p") + 1] == str(server["port"])
    assert command[command.index("--location-name") + 1] == server["location_name"]
    for name in ("webserver", "daemon"):
        command = parts[name].command
        assert command[command.index("-w") + 1] == "workspace.yaml"


def test_named_volumes_and_networks_are_declared(
    compose: dict[str, Any], parts: dict[str, Service]
) -> None:
    for part in parts.values():
        assert set(part.settings["networks"]) <= set(compose["networks"])
        for volume in part.settings.get("volumes", []):
            if isinstance(volume, str):
                source = volume.split(":")[0]
                declared = source in compose["volumes"]
                assert declared or (ROOT / source).exists(), volume
