"""Many JSON lines at once by Arrow's parser, where it surely finds what line by line is found.

It is for lines that are one flat object each; whatever else it meets it refuses. Why a block that
it takes holds one object in each line: a line begins with `{` and ends with `}`. Between these two
no object goes on, and no string holds a line end, so each line ends with an object's end; and there
are no more objects than lines.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj

from shop_assets.sources.decoded import Lines

_LINE_END, _RETURN, _OPEN, _CLOSE, _LIST, _NUL = b"\n\r{}[\0"
# NUL and surrogates, which text may not hold unless in pairs. A backslash before it may be escaped
# itself: then a line is called doubtful that is not.
_UNSTORABLE = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
# Whatever of it stands inside a string is no number, but the quotes put there end the string where
# none may end, so that the block is refused.
_BARE = r'":[ \t]*(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false)'
_QUOTED = r'":"\1"'
_CHANGED = re.compile(r"changed from string to (number|boolean|array|object)")
_ROW = re.compile(r" in row (\d+)$")
_MOST = 1 << 30


@dataclass(frozen=True)
class LinesOfText:
    """Lines of UTF-8 text, some of which may be invalid: each from `starts` to before `ends`."""

    text: bytes
    starts: Lines
    ends: Lines

    @classmethod
    def split(cls, text: bytes, *, final: bool) -> tuple[LinesOfText, bytes]:
        """The complete lines of `text`, and what comes after; with `final`, that is a line too."""
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == _LINE_END)
        size = int(ends[-1]) + 1 if len(ends) else 0
        if final and size < len(text):
            ends, size = np.append(ends, len(text)), len(text)
        starts = np.concatenate([np.zeros(1, np.int64), ends + 1])[: len(ends)]
        return cls(text[:size], starts, ends), text[size:]

    def __len__(self) -> int:
        return len(self.starts)

    def __getitem__(self, line: int) -> bytes:
        return self.text[self.starts.item(line) : self.ends.item(line)]

    def joined(self, chosen: Lines) -> bytes | memoryview:
        """The text of some lines, given by their ascending indexes, with line ends between."""
        view = memoryview(self.text)
        gaps = np.flatnonzero(np.diff(chosen) > 1)
        starts = self.starts[chosen[np.concatenate([[0], gaps + 1])]].tolist()
        ends = self.ends[chosen[np.concatenate([gaps, [-1]])]].tolist()
        runs = [view[start:end] for start, end in zip(starts, ends, strict=True)]
        return runs[0] if len(runs) == 1 else b"\n".join(runs)

    def plain(self, longest: int, *, flat: bool) -> Lines:
        """The indexes of lines from `{` to `}` that are no longer than that many bytes and are
        storable text; if `flat`, only of those where nothing can be nested."""
        found = self._braced & (self.ends - self.starts <= longest)
        if flat:
            found &= ~self._nested()
        for place in self._unstorable():
            found[np.searchsorted(self.ends, place)] = False
        return np.flatnonzero(found)

    @cached_property
    def _braced(self) -> npt.NDArray[np.bool_]:
        marks = np.frombuffer(self.text, np.uint8)
        # An empty line's "last" mark is some other line's, but its first is a line end.
        last = self.ends - 1
        last = last - (marks[last] == _RETURN)
        return np.asarray((marks[self.starts] == _OPEN) & (marks[last] == _CLOSE), np.bool_)

    def _nested(self) -> npt.NDArray[np.bool_]:
        """Which lines have more braces or brackets than one object needs, perhaps within text."""
        marks = np.frombuffer(self.text, np.uint8)
        opening = (marks == _OPEN) | (marks == _LIST)
        opening[self.starts] = False
        found = np.zeros(len(self), np.bool_)
        found[np.searchsorted(self.ends, np.flatnonzero(opening))] = True
        return found

    def _unstorable(self) -> list[int]:
        """Where something stands that Arrow's parser takes and the platform does not, or that it
        takes for an end."""
        places: list[int] = []
        if _NUL in self.text:
            places += np.flatnonzero(np.frombuffer(self.text, np.uint8) == _NUL).tolist()
        if b"\\" in self.text:
            places += [match.start() for match in _UNSTORABLE.finditer(self.text)]
        at = 0
        while not self.text.isascii() and at < len(self.text):
            try:
                str(memoryview(self.text)[at:], "utf-8")
            except UnicodeDecodeError as error:
                places.append(at + error.start)
                at = int(self.ends[np.searchsorted(self.ends, at + error.start)]) + 1
            else:
                break
        return places


@dataclass(frozen=True)
class Refused:
    """Why a block has no table: `row` is where its first bad line is, if that is known.

    `bare`: it holds a number, true or false, where `quoting` helps. `nested`: a list or object.
    """

    row: int | None = None
    bare: bool = False
    nested: bool = False


def parse(
    text: bytes | memoryview, rows: int, keys: list[str], *, quoting: bool
) -> pa.Table | Refused:
    """The `rows` plain lines of `text` as columns of text, or null where the key is null or absent.

    `keys`: all that may occur. `quoting`: whether numbers, true and false are to be taken, as the
    text that stands there.
    """
    block = pa.py_buffer(text)
    if block.size > _MOST:
        return Refused()
    if quoting:
        block = _with_quotes(block)
    schema = pa.schema([(key, pa.string()) for key in keys])
    try:
        table = pj.read_json(
            pa.BufferReader(block),
            pj.ReadOptions(use_threads=False, block_size=block.size + 1),
            pj.ParseOptions(schema, newlines_in_values=False, unexpected_field_behavior="error"),
        )
    except ValueError as error:
        # Arrow's own, or that its message is no text.
        said = str(error)
        row, changed = _ROW.search(said), _CHANGED.search(said)
        kind = changed[1] if changed else None
        return Refused(
            row=int(row[1]) if row else None,
            bare=kind in ("number", "boolean"),
            nested=kind in ("array", "object"),
        )
    if table.num_rows != rows or table.schema.names != keys:
        return Refused()
    return table


def _with_quotes(block: pa.Buffer) -> pa.Buffer:
    offsets = pa.py_buffer(np.array([0, block.size], np.int32))
    whole = pa.Array.from_buffers(pa.binary(), 1, [None, offsets, block])
    return pc.replace_substring_regex(whole, _BARE, _QUOTED)[0].as_buffer()
