"""JSON values as the text in which they are written."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from typing import Any, NoReturn


class WrittenNumber(str):
    """A number as it is written, told apart from text."""

    __slots__ = ()


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


FLAT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
NESTED = json.JSONDecoder(
    parse_float=WrittenNumber, parse_int=WrittenNumber, parse_constant=_refuse
)


def as_text(value: Any) -> str | None:
    """A value as a row has it: text as it is, anything else as JSON; null as None."""
    if value is None or isinstance(value, str):
        return value
    return _json(value)


def _json(value: Any) -> str:
    """The JSON text of a parsed value, with its numbers as they were written."""
    if isinstance(value, WrittenNumber):
        return str(value)
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, dict):
        inner = ",".join(f"{encode_basestring(key)}:{_json(item)}" for key, item in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(map(_json, value))}]"
    return {True: "true", False: "false", None: "null"}[value]


def refuse_unstorable(value: Any) -> None:
    """`ValueError` for text that no database keeps."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a NUL character stands in the row")
        if not value.isascii() and any("\ud800" <= mark <= "\udfff" for mark in value):
            raise ValueError("half a surrogate pair stands in the row")
    elif isinstance(value, dict):
        for key, item in value.items():
            refuse_unstorable(key)
            refuse_unstorable(item)
    elif isinstance(value, list):
        for item in value:
            refuse_unstorable(item)
