"""Reading `shop.yaml`: `${NAME}` from the environment, `${file:/path}` from a secret file.

Every mistake is one sentence with the file's line, what was found and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from shop_assets.errors import UserError
from shop_assets.settings.shop import ShopSettings

_REFERENCE = re.compile(r"\$\{(file:)?([^}:]+)(?::-([^}]*))?\}")


class ConfigError(UserError):
    """`shop.yaml` (or a variable it names) is not as it should be."""


def load_settings(path: Path, environ: Mapping[str, str]) -> ShopSettings:
    """The settings in the file at `path`, with references replaced from `environ`.

    Raises `ConfigError`, naming file and line, where the file is missing, is no YAML, names a
    variable that is not set, has an unknown or missing key, or a value that cannot be.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; expected the shop's configuration (name it with --config or "
            "SHOP_CONFIG)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not YAML: {error.problem}") from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: found no keys, expected `shop:` and `sources:`")
    _refuse_repeated_keys(root, path)
    _resolve(root, path, environ)
    loader = yaml.SafeLoader("")
    document = loader.construct_document(root)
    try:
        settings = ShopSettings.model_validate(document)
    except ValidationError as error:
        raise ConfigError(_sentence(error, root, path)) from None
    return settings.model_copy(update={"path": path})


def _resolve(node: yaml.Node, path: Path, environ: Mapping[str, str]) -> None:
    if isinstance(node, yaml.MappingNode):
        for _, value in node.value:
            _resolve(value, path, environ)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _resolve(value, path, environ)
    elif isinstance(node, yaml.ScalarNode) and "${" in node.value:
        line = node.start_mark.line + 1

        def replace(match: re.Match[str]) -> str:
            return _lookup(match, f"{path}:{line}", environ)

        node.value = _REFERENCE.sub(replace, node.value)


def _lookup(match: re.Match[str], where: str, environ: Mapping[str, str]) -> str:
    from_file, name, default = match.groups()
    if from_file:
        try:
            return Path(name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError):
            raise ConfigError(f"{where}: secret file {name} cannot be read") from None
    value = environ.get(name, default)
    if value is None:
        raise ConfigError(
            f"{where}: environment variable {name} is not set, expected because of ${{{name}}}"
        )
    return value


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise ConfigError(
                        f"{path}:{key.start_mark.line + 1}: key {key.value} stands here twice, "
                        "expected once"
                    )
                seen.add(key.value)
            _refuse_repeated_keys(value, path)
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            _refuse_repeated_keys(value, path)


def _sentence(error: ValidationError, root: yaml.Node, path: Path) -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    steps = [s for s in first["loc"] if s not in ("sql", "files") or _is_key(root, s)]
    line, found = _locate(root, steps)
    where = ".".join(str(s) for s in steps) or "the file"
    if first["type"] == "extra_forbidden":
        return f"{path}:{line}: unknown key {where}; expected one that docs/configuration.md lists"
    if first["type"] == "missing":
        return f"{path}:{line}: key {where} is missing"
    said = first["msg"].removeprefix("Value error, ")
    shown = "" if found is None or _looks_secret(where) else f", found {found}"
    return f"{path}:{line}: {where}: {said[:1].lower()}{said[1:]}{shown}"


def _looks_secret(where: str) -> bool:
    return any(word in where.lower() for word in ("url", "password", "secret", "key", "token"))


def _is_key(root: yaml.Node, step: Any) -> bool:
    """Whether a step of the error's path is a key of the file, not the name of a union's branch."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, yaml.MappingNode):
            if any(k.value == step for k, _ in node.value):
                return True
            stack.extend(v for _, v in node.value)
        elif isinstance(node, yaml.SequenceNode):
            stack.extend(node.value)
    return False


def _locate(root: yaml.Node, steps: list[Any]) -> tuple[int, str | None]:
    """The line of the deepest part of `steps` that stands in the file, and its text if a scalar."""
    node = root
    line = root.start_mark.line + 1
    found: str | None = None
    for step in steps:
        following: yaml.Node | None = None
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if key.value == str(step):
                    line, following = key.start_mark.line + 1, value
        elif (
            isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value)
        ):
            following = node.value[step]
            line = following.start_mark.line + 1
        if following is None:
            found = None
            break
        node = following
        found = node.value if isinstance(node, yaml.ScalarNode) else None
    return line, found
