"""Source systems: one module per connector, all behind one small protocol.

`connect` gives the connector that a source's configuration asks for.
"""

from __future__ import annotations

from pathlib import Path

from shop_assets.settings.shop import Source, SqlSource
from shop_assets.sources.errors import SourceError
from shop_assets.sources.files import FilesConnector
from shop_assets.sources.protocol import (
    PROVENANCE,
    Batch,
    Connector,
    ReadRequest,
    StreamCheck,
    Window,
)

__all__ = [
    "PROVENANCE",
    "Batch",
    "Connector",
    "ReadRequest",
    "SourceError",
    "StreamCheck",
    "Window",
    "connect",
]


def connect(name: str, source: Source, *, base: Path) -> Connector:
    """The connector of a source. `base`: the folder of `shop.yaml`, for relative urls.

    Nothing is opened before the first read or check; `SourceError` for an impossible address.
    """
    if isinstance(source, SqlSource):
        from shop_assets.sources.sql import SqlConnector

        return SqlConnector(name, source, base=base)
    return FilesConnector(name, source, base=base)
