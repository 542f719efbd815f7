"""The settings' models as data: which keys are expected where, their types and meanings."""

from __future__ import annotations

import ast
import datetime as dt
import inspect
import itertools
import textwrap
import types
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from shop_assets.settings.values import Words

_PLAIN: dict[Any, str] = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    dt.date: "date",
}


@dataclass(frozen=True)
class Key:
    """One key of the configuration. `default` is None where the key must be given."""

    name: str
    kind: str
    default: str | None
    meaning: str
    models: tuple[type[BaseModel], ...]


def keys(model: type[BaseModel]) -> list[Key]:
    """The keys of a part of the configuration, in the order in which they are declared."""
    meanings = _meanings(model)
    return [
        Key(
            name=info.alias or name,
            kind=_words(info.annotation, info.metadata),
            default=None if info.is_required() else _default(info),
            meaning=" ".join(meanings.get(name, "").split()),
            models=tuple(_models(info.annotation)),
        )
        for name, info in model.model_fields.items()
    ]


def _meanings(model: type[BaseModel]) -> dict[str, str]:
    """The texts below a model's keys, its parents' included.

    Read here, where somebody asks: Pydantic would read the sources of all models in each process.
    """
    found: dict[str, str] = {}
    for declared in reversed(model.__mro__):
        if not _is_model(declared) or declared is BaseModel:
            continue
        body = ast.parse(textwrap.dedent(inspect.getsource(declared))).body[0]
        for key, text in itertools.pairwise(cast("ast.ClassDef", body).body):
            match key, text:
                case (
                    ast.AnnAssign(target=ast.Name(id=name)),
                    ast.Expr(value=ast.Constant(value=str(meaning))),
                ):
                    found[name] = meaning
    return found


def expected_at(root: type[BaseModel], steps: Sequence[Any]) -> list[str]:
    """The names of the keys expected at a place; none where any name may stand.

    `steps`: as Pydantic counts them, with the branch of a union after its key.
    """
    place: Any = root
    for step in steps:
        place = _plain(_below(place, step))
    return [key.name for key in keys(place)] if _is_model(place) else []


def _below(place: Any, step: Any) -> Any:
    place = _plain(place)
    if _is_model(place):
        for name, info in place.model_fields.items():
            if step in (name, info.alias):
                return info.annotation
        return None
    origin, inner = get_origin(place), get_args(place)
    if origin in (Union, types.UnionType):
        for branch in inner:
            if _is_model(branch) and step in _tags(branch):
                return branch
        return _below(next((b for b in inner if b is not type(None)), None), step)
    if origin is dict:
        return inner[1]
    return inner[0] if origin is tuple else None


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    info = model.model_fields.get("connector")
    return get_args(info.annotation) if info is not None else ()


def _plain(place: Any) -> Any:
    """Without `Annotated` and `| None`."""
    while get_origin(place) is Annotated:
        place = get_args(place)[0]
    if get_origin(place) in (Union, types.UnionType):
        inner = [b for b in get_args(place) if b is not type(None)]
        return _plain(inner[0]) if len(inner) == 1 else Union[tuple(inner)]  # noqa: UP007
    return place


def _is_model(place: Any) -> bool:
    return isinstance(place, type) and issubclass(place, BaseModel)


def _models(place: Any) -> list[type[BaseModel]]:
    place = _plain(place)
    if _is_model(place):
        return [place]
    return [model for inner in get_args(place) for model in _models(inner)]


def _words(place: Any, metadata: Sequence[Any] = ()) -> str:
    origin, inner = get_origin(place), get_args(place)
    if origin is Annotated:
        return _words(inner[0], inner[1:])
    called = [mark.text for mark in metadata if isinstance(mark, Words)]
    if called:
        return called[0]
    if origin in (Union, types.UnionType):
        branches = [branch for branch in inner if branch is not type(None)]
        if {str, int, bool} <= set(branches):
            branches = [str, float, bool]
        return " or ".join(_words(branch) for branch in branches)
    if origin is Literal:
        return ", ".join(f"`{value}`" for value in inner)
    if origin is tuple:
        return f"list: {_words(inner[0])}"
    if origin is dict:
        return f"{_words(inner[0])} → {_words(inner[1])}"
    if not _is_model(place):
        return _PLAIN[place] + _bounds(metadata)
    return f"[{place.__name__}](#{place.__name__.lower()})"


def _bounds(metadata: Sequence[Any]) -> str:
    low = next((m.ge for m in metadata if hasattr(m, "ge")), None)
    high = next((m.le for m in metadata if hasattr(m, "le")), None)
    return f", {low} to {high}" if low is not None and high is not None else ""


def _default(info: FieldInfo) -> str:
    value = info.get_default(call_default_factory=True)
    if value is None or value in ((), {}, ""):
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{part}`" for part in value)
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"
