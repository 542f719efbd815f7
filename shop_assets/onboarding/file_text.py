"""The text of a first `shop.yaml`, with comments for whoever goes on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from shop_assets.onboarding.answers import SourceAnswer, Value
from shop_assets.onboarding.proposals import Guess, Proposal

_WIDE = 10_000
_MOST_NAMED = 12


def shop_yaml(shop: Mapping[str, str], sources: Sequence[SourceAnswer]) -> str:
    """The whole file. `shop`: name, timezone, currency and start."""
    lines = [
        "# Written by `shop-assets init`; yours to change. Keys: docs/configuration.md, fields:",
        "# docs/data-dictionary.md. Then: shop-assets sources check --config shop.yaml",
        "",
        "shop:",
        f"  name: {_scalar(shop['name'])}",
        f'  timezone: {shop["timezone"]} # "day" in every report is a day of this zone',
        f"  currency: {shop['currency']} # of amounts that name none",
        f"  start: {shop['start']} # the first day of which there is anything",
        "",
        "# Secrets stand in the environment (${NAME}) or in files (${file:secrets/name}).",
        "sources:" if sources else "sources: {}",
    ]
    for source in sources:
        lines += [*_indented(_source(source), 2), ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def _source(source: SourceAnswer) -> list[str]:
    lines = [f"# {source.connector.about}", f"{source.name}:"]
    body = [f"connector: {source.connector.name}"]
    body += [f"{name}: {_scalar(value)}" for name, value in source.options.items()]
    known = {option.name for option in source.connector.options}
    # A database's password is no option: its reference stands in the url.
    body += [f"{s.option}: {_scalar(s.reference)}" for s in source.secrets if s.option in known]
    if source.connector.streams:
        names = ", ".join(stream.name for stream in source.connector.streams)
        body += _wrapped(
            f"All streams are read ({names}); name some below `streams:` to read only these."
        )
    else:
        body += _streams(source)
    return [*lines, *_indented(body, 2)]


def _streams(source: SourceAnswer) -> list[str]:
    lines = []
    if source.connector.name == "sql":
        lines.append("timezone: UTC # of times that name no zone: is it this one?")
    if source.note:
        lines += _wrapped(source.note)
    if not source.proposals:
        lines.append("streams: {}")
    else:
        lines += _wrapped(
            "Guessed from names: look at each line marked with `guess`, and at what `shop-assets "
            "sources check` shows."
        )
        lines.append("streams:")
        for each in source.proposals:
            lines += [*_indented(_proposal(each), 2), ""]
        lines.pop()
    if source.others:
        lines += _wrapped(f"Not read: {some(source.others)}.")
    return lines


def _proposal(found: Proposal) -> list[str]:
    lines = _of_files(found) if found.files is not None else _of_a_table(found)
    if found.entity is None:
        lines.append("entities: {} # nothing known: its rows are kept in raw")
    elif found.lacking:
        lines += _wrapped(
            f"Looks like {found.entity}, but nothing seems to say {', '.join(found.lacking)}. Its "
            "rows are kept in raw until it does."
        )
        lines.append("entities: {}")
    else:
        lines += ["entities:", f"  {found.entity}:", "    fields:"]
        lines += [f"      {name}: {_origin(guess)}" for name, guess in found.fields.items()]
        if found.rules:
            lines.append("    rules:")
            lines += [f"      - {_flow(rule)}" for rule in found.rules]
    if found.unused:
        lines += _wrapped(f"Not used: {some(found.unused)}.")
    return [f"{found.name}:", *_indented(lines, 2)]


def _of_a_table(found: Proposal) -> list[str]:
    if found.query is None:
        lines = [f"table: {_scalar(found.table.name)}"]
    else:
        lines = [f"query: {_flow(found.query)}"]
        if found.query.isprintable():
            lines = ["query: >-", f"  {found.query}"]
    if found.cursor is not None:
        lines.append(f"cursor: {_scalar(found.cursor)} # guess: set by every change of a row")
    if found.table.key:
        why = " # its primary key"
        if found.cursor is None:
            why += "; without a cursor, all rows are read each hour and compared by it"
        lines.append(f"key: {_flow(list(found.table.key))}{why}")
    if found.cursor is None:
        lines.append("# snapshot: daily # to read them once a day only")
    return lines


def _of_files(found: Proposal) -> list[str]:
    given = dict(found.files or {})
    whys = {
        "modified": " # guess: when a file was last changed, all its rows were",
        "name": " # guess: by the files' names",
        "column": " # guess: set by every change of a row",
    }
    why = next(said for way, said in whys.items() if way in given["time"])
    return [
        f"{name}: {_flow(value)}{why if name == 'time' else ''}" for name, value in given.items()
    ]


def _origin(guess: Guess) -> str:
    origin = guess.origin
    text = _scalar(origin) if isinstance(origin, str) else _flow(dict(origin))
    return f"{text} # guess: {guess.why}" if guess.why else text


def _scalar(value: Value) -> str:
    return _flow(value).removesuffix("\n...").strip()


def _flow(value: Any) -> str:
    """A value in one line, as YAML reads it back."""
    plain = yaml.safe_dump(
        value, default_flow_style=True, sort_keys=False, allow_unicode=True, width=_WIDE
    )
    return plain.strip().removesuffix("\n...").strip()


def some(names: Sequence[str]) -> str:
    """The first names, in one line, and how many more there are."""
    # Of a database come whatever names: none may end the comment that it stands in.
    shown = [" ".join(name.split()) for name in names[:_MOST_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more} more" if more > 0 else "")


def _wrapped(text: str, width: int = 84) -> list[str]:
    lines, line = [], "#"
    for word in text.split():
        if len(line) + len(word) >= width:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]


def _indented(lines: Sequence[str], by: int) -> list[str]:
    return [" " * by + line if line else line for line in lines]
