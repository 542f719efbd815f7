"""What is wrong with `shop.yaml`, in one sentence: where, what was found, what is expected."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from shop_assets.settings.shape import expected_at
from shop_assets.settings.values import WrongValueError

References = Mapping[int, tuple[str, str]]
"""By a node's `id`: its text as the file has it, and with references replaced."""

_TAGS_AT = 2
_SECRET = ("url", "password", "secret", "key", "token", "endpoint")
_TEXT = "text (in quotes, where YAML reads a number, a date or true)"
_EXPECTED = {
    "string_type": _TEXT,
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "date_type": "a date, such as 2026-01-31,",
    "date_parsing": "a date, such as 2026-01-31,",
    "date_from_datetime_parsing": "a date, such as 2026-01-31,",
    "date_from_datetime_inexact": "a date, such as 2026-01-31,",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "tuple_type": "a list",
}


def sentence(
    error: ValidationError, model: type[BaseModel], root: yaml.Node, references: References
) -> tuple[int, str]:
    """The line, and what is wrong there, of the first mistake."""
    first = _most_telling(error.errors(include_url=False))
    kind, loc, context = first["type"], list(first["loc"]), first.get("ctx", {})
    cause = context.get("error")
    if isinstance(cause, WrongValueError):
        loc += cause.at
    lacking = [loc.pop()] if kind == "missing" else []
    steps, line, node = _locate(root, _without_branches(loc, model))
    where = ".".join(steps)
    if lacking:
        known = expected_at(model, first["loc"][:-1])
        return line, f"{where or 'the file'} lacks the key {lacking[0]}; {_all_of(known)}"
    if kind == "extra_forbidden":
        known = expected_at(model, first["loc"][:-1])
        return line, _unknown(steps[-1], ".".join(steps[:-1]), known)
    if kind == "union_tag_not_found":
        return line, f"{where} lacks the key connector; {_branches(first)} is expected"
    if kind == "union_tag_invalid":
        _, line, node = _locate(root, [*steps, "connector"])
        found = _found(node, where, references)
        return line, f"{where}.connector: found {found}; {_branches(first)} is expected"
    if kind == "invalid_key":
        above = ".".join(steps[:-1])
        return line, f"the key {steps[-1]} in {above} is no text; {_TEXT} is expected"
    if isinstance(cause, WrongValueError):
        return line, f"{where}: {_masked(str(cause), node, references)}"
    return line, (
        f"{where}: found {_found(node, where, references)}; {_expected(kind, first)} is expected"
    )


def _most_telling(errors: Sequence[Any]) -> Any:
    """The first mistake; of a key that is missing and another that is unknown, the latter.

    A mistyped key is both.
    """
    first = errors[0]
    if first["type"] == "missing":
        for other in errors:
            if other["type"] == "extra_forbidden" and other["loc"][:-1] == first["loc"][:-1]:
                return other
    return first


def _branches(error: Mapping[str, Any]) -> str:
    """The names of a union's branches, as words."""
    tags = str(error.get("ctx", {}).get("expected_tags", "'sql', 'files'"))
    return f"one of {tags.replace(chr(39), '')}"


def _unknown(key: str, where: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    guess = f"{close[0]} is expected, or" if close else "expected"
    rest = [name for name in known if name not in close]
    others = f"{guess} one of {', '.join(rest)} " if rest else f"{guess} "
    place = f"in {where}" if where else "at the top"
    return f"unknown key {key} {place}; {others}(see docs/configuration.md)"


def _all_of(known: Sequence[str]) -> str:
    return f"expected are {', '.join(known)} (see docs/configuration.md)"


def _expected(kind: str, error: Mapping[str, Any]) -> str:
    context = error.get("ctx", {})
    if kind in _EXPECTED:
        return _EXPECTED[kind]
    if kind == "literal_error":
        return str(context["expected"])
    if kind == "greater_than_equal":
        return f"{context['ge']} or more"
    if kind == "less_than_equal":
        return f"{context['le']} or less"
    return str(error["msg"])


def _without_branches(loc: Sequence[Any], model: type[BaseModel]) -> list[Any]:
    """The steps without the name of a source's connector, which is no key of the file."""
    steps = [step for step in loc if step != "[key]"]
    if steps[:1] == ["sources"] and "sources" in model.model_fields:
        del steps[_TAGS_AT : _TAGS_AT + 1]
    return steps


def _locate(root: yaml.Node, steps: Sequence[Any]) -> tuple[list[str], int, yaml.Node]:
    """The steps that lead somewhere in the file, the line they lead to, and what stands there."""
    node, line, taken = root, root.start_mark.line + 1, []
    for step in steps:
        if isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode) and _is(key, step):
                    node, line = value, key.start_mark.line + 1
                    taken.append(key.value)
                    break
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
            taken.append(str(step + 1))
    return taken, line, node


def _is(key: yaml.ScalarNode, step: Any) -> bool:
    if key.value == str(step):
        return True
    # YAML reads `no:` as false; Pydantic then calls the key by that.
    return bool(key.tag == "tag:yaml.org,2002:bool" and str(step).lower() in ("true", "false"))


def _found(node: yaml.Node, where: str, references: References) -> str:
    if not isinstance(node, yaml.ScalarNode):
        return "a list" if isinstance(node, yaml.SequenceNode) else "keys"
    if id(node) in references:
        return references[id(node)][0]
    if not node.value:
        return "nothing"
    if any(word in where.rpartition(".")[2].lower() for word in _SECRET):
        return "something else"
    return str(node.value) if node.style is None else repr(node.value)


def _masked(said: str, node: yaml.Node, references: References) -> str:
    """What was said, with the reference in the place of what it stands for."""
    if id(node) not in references:
        return said
    written, value = references[id(node)]
    for form in (repr(value), value):
        if value:
            said = said.replace(form, written)
    return said
