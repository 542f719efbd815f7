"""JSON values as the text in which they are written."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

# Before a number, to tell it from text, which holds no half of a surrogate pair.
_NUMBER = "\ud800"
_MARKED = re.compile(f'"{_NUMBER}([^"]*)"')
_ENCODE = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


_mark = _NUMBER.__add__
_FLAT = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_refuse)
_NESTED = json.JSONDecoder(parse_float=_mark, parse_int=_mark, parse_constant=_refuse)


def decoded(text: str) -> Any:
    """A JSON text's value, numbers in it as the text that stands there.

    What is nested in an object is JSON text again, without spaces; true and false remain what they
    are. `ValueError` where the text is no JSON or holds what no database keeps, `RecursionError`
    where it is nested too deeply.
    """
    nested = "[" in text or text.count("{") > 1
    if not nested:
        value = _FLAT.decode(text)
        if "\\u" in text:
            _refuse_unstorable(value)
        return value
    if "\\u" in text:
        # Without the marks of numbers, which are just what is refused.
        _refuse_unstorable(_FLAT.decode(text))
    value = _NESTED.decode(text)
    if isinstance(value, dict):
        for key, item in value.items():
            if type(item) is str:
                if _NUMBER in item:
                    value[key] = item[1:]
            elif isinstance(item, dict | list):
                # Every second part is a number.
                value[key] = "".join(_MARKED.split(_ENCODE(item)))
    return value


def _refuse_unstorable(value: Any) -> None:
    """`ValueError` for text that no database keeps."""
    if isinstance(value, str):
        if "\0" in value:
            raise ValueError("a NUL character stands in the row")
        if not value.isascii() and any("\ud800" <= mark <= "\udfff" for mark in value):
            raise ValueError("half a surrogate pair stands in the row")
    elif isinstance(value, dict):
        for key, item in value.items():
            _refuse_unstorable(key)
            _refuse_unstorable(item)
    elif isinstance(value, list):
        for item in value:
            _refuse_unstorable(item)
