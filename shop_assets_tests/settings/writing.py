"""A small right configuration, and what is said of it once a part of it is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from shop_assets.settings import ConfigError, load_settings

RIGHT = """\
shop:
  name: Example
  timezone: Europe/Berlin
  currency: EUR
  start: 2026-01-01
sources:
  storefront:
    connector: sql
    url: postgresql://reader:hunter2@db/shop
    streams:
      orders:
        table: orders
        cursor: updated_at
        entities:
          orders:
            fields:
              order_id: id
              status: {column: state, clean: [trim]}
              placed_at: {column: created, formats: [iso]}
            rules:
              - name: cancelled
                when: {state: {in: [void, gone]}}
                set: {status: cancelled}
  till:
    connector: files
    url: till
    streams:
      lines:
        files: lines-*.csv
        format: csv
        time: {column: at}
        entities:
          order_items:
            fields:
              order_id: receipt
              item_id: line
            rules:
              - name: no_article
                when: {article: {missing: true}}
                quarantine: the line names no article
"""


def changed(old: str, new: str) -> str:
    """The right configuration with one part of it, which stands there once, replaced."""
    assert RIGHT.count(old) == 1, f"{old!r} stands there {RIGHT.count(old)} times"
    return RIGHT.replace(old, new)


def refused(folder: Path, text: str | bytes, environ: Mapping[str, str] | None = None) -> str:
    """What is said of the file, which must be one sentence, without the folder's name."""
    path = write(folder, text)
    with pytest.raises(ConfigError) as refusal:
        load_settings(path, environ or {})
    said = str(refusal.value)
    assert said.count("\n") == 0, said
    assert refusal.value.__cause__ is None
    # Nothing that a traceback would show below the sentence.
    assert refusal.value.__context__ is None or refusal.value.__suppress_context__
    assert said.startswith(str(path)), said
    return said.removeprefix(f"{folder}/")


def write(folder: Path, text: str | bytes) -> Path:
    """The file `shop.yaml` with that text."""
    path = folder / "shop.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path
