"""How large a Parquet file's pages really are once unpacked, by their own headers.

The footer may lie about it; a page's header cannot, since the reader unpacks into just as many
bytes as it says. Headers are Thrift structs in the compact protocol: the first three fields are the
page's kind, its size unpacked and its size packed; the rest is skipped.
"""

from __future__ import annotations

from typing import Any

_HEADER = 512
_LONGEST_HEADER = 1 << 20
_UNPACKED, _PACKED = 2, 3
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 12
_INTEGERS = (4, 5, 6)
_LONG_LIST = 15
_DEEPEST = 8


class MalformedPageError(ValueError):
    """A page's header cannot be read."""


def unpacked_size(raw: Any, metadata: Any, enough: int) -> int:
    """The bytes that all pages unpack to; counting ends where it is more than `enough`.

    `raw`: the open file; `metadata`: its footer, as pyarrow read it. Raises `MalformedPageError`.
    """
    total = 0
    size = raw.size()
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(number)
            if chunk.num_values == 0:
                continue  # the reader asks for no page of it, and a file without rows has none
            at = chunk.data_page_offset
            if chunk.has_dictionary_page and chunk.dictionary_page_offset:
                at = min(at, chunk.dictionary_page_offset)
            end = min(size, at + chunk.total_compressed_size)
            while at < end:
                unpacked, packed, length = _header(raw, at, size)
                total += unpacked
                if total > enough:
                    return total
                at += length + packed
    return total


def _header(raw: Any, at: int, size: int) -> tuple[int, int, int]:
    """A page's sizes, unpacked and packed, and its header's own."""
    length = _HEADER
    while True:
        text = raw.read_at(min(length, size - at), at)
        reader = _Compact(text)
        try:
            fields = reader.struct()
        except IndexError:
            if length > _LONGEST_HEADER or at + length >= size:
                raise MalformedPageError(f"no page stands at byte {at}") from None
            length *= 8
            continue
        unpacked, packed = fields.get(_UNPACKED, -1), fields.get(_PACKED, -1)
        if unpacked < 0 or packed < 0:
            raise MalformedPageError(f"the page at byte {at} has no size")
        return unpacked, packed, reader.at


class _Compact:
    """Thrift's compact protocol, as far as integers; `IndexError` where the text ends too early."""

    def __init__(self, text: bytes) -> None:
        self.text = text
        self.at = 0

    def struct(self, depth: int = 0) -> dict[int, int]:
        """The integers among a struct's fields, by number."""
        if depth > _DEEPEST:
            raise MalformedPageError("a page's header is nested too deeply")
        fields: dict[int, int] = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            value = self._value(head & 15, depth)
            if value is not None:
                fields[number] = value
        return fields

    def _byte(self) -> int:
        value = self.text[self.at]
        self.at += 1
        return value

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            part = self._byte()
            value |= (part & 127) << shift
            shift += 7
            if part < 128:  # noqa: PLR2004
                return value
            if shift > 63:  # noqa: PLR2004
                raise MalformedPageError("a page's header has a number without end")

    def _integer(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)

    def _value(self, kind: int, depth: int) -> int | None:
        if kind in _INTEGERS:
            return self._integer()
        if kind in (_TRUE, _FALSE):
            return None
        if kind == _STRUCT:
            self.struct(depth + 1)
        elif kind in (_LIST, _SET):
            self._skip_list(depth)
        elif kind in (_BYTE, _DOUBLE, _BINARY):
            self._skip({_BYTE: 1, _DOUBLE: 8}.get(kind) or self._unsigned())
        else:
            raise MalformedPageError("a page's header has a field of no known kind")
        return None

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self.text):
            raise IndexError

    def _skip_list(self, depth: int) -> None:
        head = self._byte()
        count = head >> 4 if head >> 4 < _LONG_LIST else self._unsigned()
        for _ in range(count):
            if head & 15 in (_TRUE, _FALSE):
                self._skip(1)
            else:
                self._value(head & 15, depth + 1)
