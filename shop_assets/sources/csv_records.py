"""Where the records of a piece of CSV text begin and end, found without parsing its values.

A record ends at `\\n`, `\\r\\n` or `\\r` outside quotes. Quotes count only at the start of a field,
and what follows the closing one must be a delimiter or the record's end. Ordinary text is cut by
vectorised comparison of bytes (`_by_parity`); text with stray quotes, record by record with one
regular expression (`_by_grammar`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]

_LF, _CR, _QUOTE = 10, 13, 34
GARBAGE = "text follows a closing quote"
UNCLOSED = "a quote is opened and not closed"


@dataclass(frozen=True)
class Records:
    """The records of `text[:consumed]`.

    `starts`, `ends`: where each one's text stands, without the line's end. `stops`: where the next
    begins. `fields`: how many it has. `lines`: the line, from 0, where it begins. `malformed`: why
    a record is none, by index. `line_count`: the lines in the consumed text.
    """

    starts: Places
    ends: Places
    stops: Places
    fields: Places
    lines: Places
    consumed: int
    line_count: int
    quoted: bool
    malformed: dict[int, str] = field(default_factory=dict)

    def after(self, count: int) -> Records:
        """Those after the first `count`."""
        return Records(
            self.starts[count:],
            self.ends[count:],
            self.stops[count:],
            self.fields[count:],
            self.lines[count:],
            self.consumed,
            self.line_count,
            self.quoted,
            {index - count: why for index, why in self.malformed.items() if index >= count},
        )


def split(text: bytes, delimiter: str, *, final: bool, longest: int) -> Records:
    """Cut `text` into records; what is incomplete at its end is left, unless it is `final`.

    A quote that is not closed within `longest` bytes is a mistake of its first line; at the end of
    the file, of every line that it might have held.
    """
    if not final and text.endswith(b"\r"):
        text = text[:-1]  # its "\n" may come with the next piece
    return _by_parity(text, ord(delimiter), final=final, longest=longest) or _by_grammar(
        text, delimiter, final=final, longest=longest
    )


def _by_parity(text: bytes, delimiter: int, *, final: bool, longest: int) -> Records | None:
    """The records of text whose quotes all stand at borders of fields; None of any other."""
    size = len(text)
    buffer = np.frombuffer(text, np.uint8)
    ends_of_lines = np.flatnonzero(buffer == _LF)
    if b"\r" in text:
        returns = np.flatnonzero(buffer == _CR)
        follows = returns + 1
        inside = follows < size
        lone = np.ones(len(returns), bool)
        lone[inside] = buffer[follows[inside]] != _LF
        ends_of_lines = np.union1d(ends_of_lines, returns[lone])
    delimiters = np.flatnonzero(buffer == delimiter)
    breaks = ends_of_lines
    quotes = np.flatnonzero(buffer == _QUOTE) if b'"' in text else np.empty(0, np.int64)
    if len(quotes):
        opening, closing = quotes[0::2], quotes[1::2]
        borders = np.array([delimiter, _LF, _CR, _QUOTE], np.uint8)
        before = opening[opening > 0] - 1
        after = closing[closing < size - 1] + 1
        if not (np.isin(buffer[before], borders).all() and np.isin(buffer[after], borders).all()):
            return None
        if len(opening) > len(closing) and (final or size - opening[-1] > longest):
            return None
        breaks = breaks[np.searchsorted(quotes, breaks) % 2 == 0]
        delimiters = delimiters[np.searchsorted(quotes, delimiters) % 2 == 0]
    stops = breaks + 1
    if final and size and (not len(stops) or stops[-1] < size):
        stops = np.append(stops, size)
    starts = np.concatenate([[0], stops[:-1]]) if len(stops) else stops
    ends = stops.copy()
    for mark in (_LF, _CR):
        nonempty = ends > starts
        ends[nonempty] -= buffer[ends[nonempty] - 1] == mark
    fields = np.diff(np.searchsorted(delimiters, stops), prepend=0) + 1
    consumed = int(stops[-1]) if len(stops) else 0
    lines = np.searchsorted(ends_of_lines, starts)
    filled = ends > starts
    return Records(
        starts[filled],
        ends[filled],
        stops[filled],
        fields[filled],
        lines[filled],
        consumed,
        int(np.searchsorted(ends_of_lines, consumed)),
        bool(len(quotes)),
    )


@cache
def _grammar(delimiter: str) -> tuple[re.Pattern[bytes], ...]:
    mark = re.escape(delimiter).encode()
    plain = rb"[^\"\r\n" + mark + rb"][^\r\n" + mark + rb"]*+"
    one = rb"(?>\"(?:[^\"]++|\"\")*+\"|" + plain + rb"|)"
    record = rb"(?>" + one + rb"(?:" + mark + one + rb")*+)(?=[\r\n]|\Z)"
    unclosed = rb"(?>(?:" + one + mark + rb")*+)\"(?:[^\"]++|\"\")*+\Z"
    return (
        re.compile(record),
        re.compile(unclosed),
        re.compile(rb"(?<![^" + mark + rb"])\"(?:[^\"]++|\"\")*+\""),
    )


_BREAK = re.compile(rb"\r\n|\n|\r")


def _by_grammar(text: bytes, delimiter: str, *, final: bool, longest: int) -> Records:
    record, unclosed, in_quotes = _grammar(delimiter)
    mark = delimiter.encode()
    starts: list[int] = []
    ends: list[int] = []
    stops: list[int] = []
    fields: list[int] = []
    lines: list[int] = []
    malformed: dict[int, str] = {}
    size = len(text)
    at = line = 0
    lost = ""  # why no further line of the file can be told from the text in its quotes

    def add(end: int, stop: int, count: int, reason: str) -> None:
        if end > at:
            if reason:
                malformed[len(starts)] = reason
            starts.append(at)
            ends.append(end)
            stops.append(stop)
            fields.append(count)
            lines.append(line)

    while at < size:
        found = None if lost else record.match(text, at)
        reason = lost
        if found is None:
            if not lost:
                reason = GARBAGE
                if unclosed.match(text, at):
                    reason = UNCLOSED
                    if size - at <= longest:
                        if not final:
                            break
                        lost = UNCLOSED
            broken = _BREAK.search(text, at)
            end = broken.start() if broken else size
            count = 0
        else:
            end = found.end()
            broken = _BREAK.match(text, end)
            held = found.group()
            bare = in_quotes.sub(b"", held) if b'"' in held else held
            count = bare.count(mark) + 1
        if broken is None and not final:
            break
        stop = broken.end() if broken else size
        add(end, stop, count, reason)
        line += len(_BREAK.findall(text, at, stop))
        at = stop
    return Records(
        np.array(starts, np.int64),
        np.array(ends, np.int64),
        np.array(stops, np.int64),
        np.array(fields, np.int64),
        np.array(lines, np.int64),
        at,
        line,
        True,
        malformed,
    )
