"""Reads compose.yaml as Docker Compose does: `${NAME:-default}`, `${NAME:?message}`, `$$`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"\$(?:(?P<escaped>\$)|\{(?P<name>\w+)(?::(?P<kind>[-?])(?P<rest>[^}]*))?\})")


@dataclass(frozen=True)
class Service:
    """One service of compose.yaml, with variables replaced."""

    name: str
    settings: Mapping[str, Any]

    @property
    def command(self) -> list[str]:
        return [str(word) for word in self.settings["command"]]

    @property
    def environment(self) -> dict[str, str]:
        return {str(k): str(v) for k, v in self.settings.get("environment", {}).items()}

    @property
    def health_test(self) -> list[str]:
        """The words of the health check; one for CMD-SHELL."""
        return [str(word) for word in self.settings["healthcheck"]["test"]]


def compose_text() -> str:
    return (ROOT / "compose.yaml").read_text("utf-8")


def compose_document(values: Mapping[str, str]) -> dict[str, Any]:
    """compose.yaml with variables from `values`; KeyError for a required one that has none."""
    return {key: _interpolate(part, values) for key, part in yaml.safe_load(compose_text()).items()}


def services(values: Mapping[str, str]) -> dict[str, Service]:
    """All services by name."""
    document = compose_document(values)
    return {name: Service(name, settings) for name, settings in document["services"].items()}


def variables() -> dict[str, bool]:
    """Every variable that compose.yaml names, and whether it must be set."""
    without_comments = re.sub(r"(?m)^\s*#.*$", "", compose_text())
    found: dict[str, bool] = {}
    for match in VARIABLE.finditer(without_comments):
        if match["name"]:
            found[match["name"]] = found.get(match["name"], False) or match["kind"] == "?"
    return found


def _interpolate(node: Any, values: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {key: _interpolate(value, values) for key, value in node.items()}
    if isinstance(node, list):
        return [_interpolate(value, values) for value in node]
    if isinstance(node, str):
        return VARIABLE.sub(lambda match: _value(match, values), node)
    return node


def _value(match: re.Match[str], values: Mapping[str, str]) -> str:
    if match["escaped"]:
        return "$"
    value = values.get(match["name"], "")
    if value:
        return value
    if match["kind"] == "-":
        return match["rest"]
    raise KeyError(match["name"])
