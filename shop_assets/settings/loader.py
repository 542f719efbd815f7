"""Reading `shop.yaml`: `${NAME}` from the environment, `${file:/path}` from a secret file.

Every mistake is one sentence with the file's line, what was found and what was expected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import ValidationError

from shop_assets.errors import UserError
from shop_assets.settings.access import access_span, in_url
from shop_assets.settings.mistakes import sentence
from shop_assets.settings.shop import ShopSettings

_REFERENCE = re.compile(r"\$\{[^}]*\}?")
_FORMS = re.compile(
    r"\$\{(?:file:(?P<file>[^}]+)|(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?)\}"
)


class ConfigError(UserError):
    """`shop.yaml` (or a variable it names) is not as it should be."""


def load_settings(path: Path, environ: Mapping[str, str]) -> ShopSettings:
    """The settings in the file at `path`, with references replaced from `environ`.

    Raises `ConfigError`, naming file and line, where the file is missing, is no YAML, names a
    variable that is not set, has an unknown or missing key, or a value that cannot be.
    """
    try:
        root = _parse(_text(path), path)
        _refuse_repeated_keys(root, path)
        references = _References(path, environ)
        references.replace(root)
        document = _construct(root, path)
    except RecursionError:
        raise ConfigError(f"{path}:1: nested too deeply; a few levels are expected") from None
    try:
        settings = ShopSettings.model_validate(document)
    except ValidationError as error:
        line, said = sentence(error, ShopSettings, root, references.replaced)
        raise ConfigError(f"{path}:{line}: {said}") from None
    return settings.read_from(path)


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file; expected the shop's configuration (name it with --config or "
            "SHOP_CONFIG)"
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be read ({error.strerror}); a file that this user may read is expected"
        ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ConfigError(
            f"{path}:{line}: found the byte 0x{content[error.start]:02x}; text in UTF-8 is expected"
        ) from None


def _parse(text: str, path: Path) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not YAML: {error.problem}") from None
    except yaml.reader.ReaderError as error:
        line = text[: error.position].count("\n") + 1
        raise ConfigError(
            f"{path}:{line}: found the character U+{ord(text[error.position]):04X}; printable text "
            "is expected"
        ) from None
    if not isinstance(root, yaml.MappingNode):
        raise ConfigError(f"{path}:1: found no keys; `shop:` and `sources:` are expected")
    return root


def _construct(root: yaml.MappingNode, path: Path) -> object:
    try:
        return yaml.SafeLoader("").construct_document(root)
    except yaml.constructor.ConstructorError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{path}:{line}: not plain YAML: {error.problem}") from None
    except ValueError:
        # Only of a node that looks like a number or a date is YAML sure and then disappointed.
        line, found = _first_impossible(root)
        raise ConfigError(
            f"{path}:{line}: found {found!r}; a number or a date that there is, or text in quotes, "
            "is expected"
        ) from None


def _first_impossible(root: yaml.Node) -> tuple[int, str]:
    nodes, seen = [root], set()
    while nodes:
        node = nodes.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode):
            try:
                yaml.SafeLoader("").construct_document(node)
            except ValueError:
                return node.start_mark.line + 1, str(node.value)
        else:
            nodes += reversed(_children(node))
    return root.start_mark.line + 1, ""


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


@dataclass
class _References:
    """Replaces `${...}` in values; `replaced` has both texts of each node, by its `id`."""

    path: Path
    environ: Mapping[str, str]
    replaced: dict[int, tuple[str, str]] = field(default_factory=dict)
    _seen: set[int] = field(default_factory=set)

    def replace(self, node: yaml.Node) -> None:
        """Replace in the node and below."""
        # Once only: an anchor's node stands in several places, and what a secret says is text.
        if id(node) in self._seen:
            return
        self._seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            for _, value in node.value:
                self.replace(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                self.replace(value)
        elif isinstance(node, yaml.ScalarNode) and "${" in node.value:
            where = f"{self.path}:{node.start_mark.line + 1}"
            written = node.value
            node.value = self._filled(written, where)
            self.replaced[id(node)] = (written, node.value)

    def _filled(self, written: str, where: str) -> str:
        """The text with its references replaced; as a URL has it, a user's name or password."""
        blank = _REFERENCE.sub(lambda match: "x" * len(match[0]), written)
        first, last = access_span(blank)

        def value(match: re.Match[str]) -> str:
            found = self._lookup(match[0], where)
            return in_url(found) if first <= match.start() < last else found

        return _REFERENCE.sub(value, written)

    def _lookup(self, reference: str, where: str) -> str:
        form = _FORMS.fullmatch(reference)
        if form is None:
            raise ConfigError(
                f"{where}: found {reference}; ${{NAME}}, ${{NAME:-default}} or ${{file:/path}} is "
                "expected"
            )
        if form["file"] is not None:
            return self._secret(form["file"], where)
        value = self.environ.get(form["name"])
        if form["default"] is not None:
            return value or str(form["default"])
        if value is None:
            raise ConfigError(
                f"{where}: environment variable {form['name']} is not set; because of {reference} "
                "it is expected"
            )
        return value

    def _secret(self, name: str, where: str) -> str:
        try:
            return (self.path.parent / name).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(
                f"{where}: secret file {name} cannot be read ({reason}); a text file that this "
                "user may read is expected"
            ) from None


def _refuse_repeated_keys(node: yaml.Node, path: Path) -> None:
    seen_nodes: set[int] = set()
    nodes = [node]
    while nodes:
        node = nodes.pop()
        if id(node) in seen_nodes:
            continue
        seen_nodes.add(id(node))
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, _ in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in seen:
                        raise ConfigError(
                            f"{path}:{key.start_mark.line + 1}: key {key.value} stands here twice; "
                            "once is expected"
                        )
                    seen.add(key.value)
        nodes += reversed(_children(node))
