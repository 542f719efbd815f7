"""What every file format is decoded to: good rows with their line numbers, and broken ones."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from shop_assets.sources.errors import SourceError
from shop_assets.sources.protocol import RESERVED

Lines = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Broken:
    """A row that could not be decoded: at which line, why, and its text as far as it is kept."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True)
class Decoded:
    """Part of a file, in its order.

    `rows`: the good rows, in the file's columns (renamed). `lines`: the number in the file, from
    1, of each good row's first line (of each row, where the format has no lines), ascending.
    `text_of`: the text of good rows by their index. `broken`: ascending by line.
    """

    rows: pa.Table
    lines: Lines
    text_of: Callable[[Lines], list[str]]
    broken: list[Broken] = field(default_factory=list)


def is_header(found: list[str], wanted: Collection[str], rename: Mapping[str, str]) -> bool:
    """Whether a line is the one with the columns' names: it has all that are wanted.

    Without any wanted, every line is.
    """
    trimmed = {name.strip() for name in found}
    return set(wanted) <= trimmed | {new for old, new in rename.items() if old.strip() in trimmed}


def no_header(where: str, wanted: Collection[str], lines: int) -> SourceError:
    """What is wrong with a file of which no line is the header."""
    return SourceError(
        f"{where} has none of its first {lines:,} lines with the names "
        f"{', '.join(wanted)}; a line with the names of its columns is expected"
    )


def column_names(found: list[str], rename: Mapping[str, str], where: str, most: int) -> list[str]:
    """A file's column names, without spaces around, by the names that the mapping uses.

    A column without a name gets that of its place (`column_3`). `SourceError` for names that
    stand twice, that the platform keeps for itself, or that are too many.
    """
    if len(found) > most:
        raise SourceError(f"{where} has {len(found)} columns; at most {most} are expected")
    trimmed = [name.strip() or f"column_{place}" for place, name in enumerate(found, start=1)]
    by_old = {old.strip(): new for old, new in rename.items()}
    names = [by_old.get(name, name) for name in trimmed]
    for name, was in zip(names, trimmed, strict=True):
        if names.count(name) > 1:
            hint = "" if name in trimmed and was == name else " after renaming"
            raise SourceError(f"{where} has the column {name!r} twice{hint}; once is expected")
        if name in RESERVED:
            raise SourceError(
                f"{where} has a column {name!r}, a name kept for the platform's own column; "
                f"give it another by `rename`"
            )
    return names
