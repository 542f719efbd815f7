"""Every connector there is, with its options and streams, read from the settings' models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import get_args

from pydantic import BaseModel

from shop_assets.settings.apis import ApiSource
from shop_assets.settings.file_streams import FilePreset
from shop_assets.settings.presets import preset
from shop_assets.settings.shape import keys
from shop_assets.settings.shop import Source
from shop_assets.settings.streams import SourceBase, StreamBase

_ENTITIES = "entities"
_SECRET = "secret"  # noqa: S105 - a word, not one


@dataclass(frozen=True)
class Option:
    """One option. `default` is None where it must be given; `secret`: never to stand in a file."""

    name: str
    kind: str
    default: str | None
    meaning: str
    secret: bool


@dataclass(frozen=True)
class KnownStream:
    """A stream whose meaning is known: `becomes` names the entities; none is kept as it is."""

    name: str
    becomes: tuple[str, ...]


@dataclass(frozen=True)
class KnownConnector:
    """A kind of system that can be a source.

    `streams`: those that it has by itself, all of them read unless `shop.yaml` names some.
    `presets`: for files, the vendors' exports that may be named. Where there are neither, streams
    are what the configuration says. `stream_options`: of each stream.
    """

    name: str
    about: str
    options: tuple[Option, ...]
    streams: tuple[KnownStream, ...]
    presets: tuple[KnownStream, ...]
    stream_options: tuple[Option, ...]


def connectors() -> list[KnownConnector]:
    """All of them, in the order of the documentation."""
    return [_connector(model) for model in source_models()]


def source_models() -> list[type[SourceBase]]:
    """The settings' model of each kind of source."""
    return list(get_args(get_args(Source)[0]))


def connector_name(model: type[SourceBase]) -> str:
    """What a source calls itself by, in `connector:`."""
    return str(get_args(model.model_fields["connector"].annotation)[0])


def stream_model(model: type[SourceBase]) -> type[StreamBase]:
    """The settings' model of a source's streams."""
    (found,) = (key.models[0] for key in keys(model) if key.name == "streams")
    if not issubclass(found, StreamBase):
        raise TypeError(f"{found.__name__} is no model of a stream")
    return found


def _connector(model: type[SourceBase]) -> KnownConnector:
    name = connector_name(model)
    own: tuple[KnownStream, ...] = ()
    if issubclass(model, ApiSource):
        known = preset(name)
        own = tuple(_stream(stream, known.get(stream, {})) for stream in model.STREAMS)
    vendors: tuple[KnownStream, ...] = ()
    if "preset" in stream_model(model).model_fields:
        vendors = tuple(
            _stream(vendor, next(iter(preset(vendor).values()))) for vendor in get_args(FilePreset)
        )
    return KnownConnector(
        name, _words(model.__doc__), _options(model), own, vendors, _options(stream_model(model))
    )


def _stream(name: str, settings: dict[str, object]) -> KnownStream:
    becomes = settings.get(_ENTITIES, {})
    return KnownStream(name, tuple(becomes) if isinstance(becomes, dict) else ())


def _options(model: type[BaseModel]) -> tuple[Option, ...]:
    """The options of a source or stream, first those that must be given."""
    options = [
        Option(
            key.name,
            _kind(key.kind),
            None if key.default is None else key.default.replace("`", ""),
            key.meaning.replace("`", ""),
            _SECRET in key.kind,
        )
        for key in keys(model)
        # Which connector it is stands above them.
        if key.name != "connector"
    ]
    return tuple(sorted(options, key=lambda option: option.default is not None))


def _kind(kind: str) -> str:
    """A type in words, without the marks that lead to its section of the reference."""
    named = re.sub(r"\[(\w+)\]\(#\w+\)", lambda match: _spaced(match[1]), kind)
    return named.replace("`", "")


def _spaced(model: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", " ", model).lower()


def _words(text: str | None) -> str:
    return " ".join((text or "").split("\n\n")[0].split())
