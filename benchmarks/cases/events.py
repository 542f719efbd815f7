"""Parsing an hour of web events (JSON lines, gzipped) and cleaning them, beside bare readers."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pyarrow.json as pj

from benchmarks import declared
from benchmarks.duck import alone
from benchmarks.place import Place
from benchmarks.results import Section, compared, ratio
from benchmarks.sizes import Size
from benchmarks.timing import Racer, race
from benchmarks.web_hour import rows_in, web_hour

_NOTE = (
    "The platform keeps every value as it is written, says where each line stands, hashes rows and "
    "goes on past broken lines. The bare readers do none of that, and get a file whose broken "
    "lines were taken out."
)


def measure(place: Place, size: Size) -> Iterator[Section]:
    """The events of a normal hour."""
    hour = web_hour(size.hour_orders, place.folder)
    raw = hour.read()
    rows = rows_in(raw)
    whole = place.folder / "whole.jsonl.gz"
    lines = _without_broken(hour.path, whole)

    def read(_: int) -> int:
        return rows_in(hour.read())

    def clean(_: int) -> int:
        hour.clean(raw)
        return rows

    def both(_: int) -> int:
        hour.clean(hour.read())
        return rows

    def arrow(_: int) -> int:
        with gzip.open(whole, "rb") as file:
            found = int(pj.read_json(file).num_rows)
        if found != lines:
            raise ValueError(f"pyarrow read {found} of {lines} lines")
        return found

    racers = [
        Racer("platform: read and clean", "platform", both),
        Racer("platform: read", "platform", read),
        Racer("platform: clean", "platform", clean),
        Racer("pyarrow.json", "limit", arrow),
    ]
    notes = [_NOTE]
    if find_spec("duckdb") is None:
        notes.append("DuckDB is not installed, and left out: `make bench` installs it.")
    else:
        racers.append(_duckdb(place, whole, lines))
    contenders = race(racers, size.runs, home=place.home)
    section = compared("Parsing and cleaning web events", contenders, notes)
    section.verdicts = [
        ratio(
            "reading and cleaning web events to pyarrow.json",
            contenders[0],
            contenders[3],
            declared.EVENTS_TO_ARROW,
            judged=size.judged,
        )
    ]
    yield section


def _duckdb(place: Place, path: Path, lines: int) -> Racer:
    import duckdb

    connection = duckdb.connect(config=alone(place))

    def read(_: int) -> int:
        found = connection.sql(
            f"SELECT * FROM read_json('{path}', format = 'newline_delimited')"
        ).to_arrow_table()
        if found.num_rows != lines:
            raise ValueError(f"DuckDB read {found.num_rows} of {lines} lines")
        return int(found.num_rows)

    return Racer("DuckDB read_json", "limit", read)


def _without_broken(path: Path, to: Path) -> int:
    """Copy the lines that are JSON objects; returns how many."""
    kept = []
    for line in gzip.decompress(path.read_bytes()).splitlines():
        try:
            json.loads(line)
        except ValueError:
            continue
        kept.append(line)
    to.write_bytes(gzip.compress(b"\n".join(kept) + b"\n", 3))
    return len(kept)
