"""A row's key as one text, the same whoever writes it: here, or the database itself.

The parts are joined by commas. A comma in a part is written `~,`, a tilde `~~`, and a part that is
null `~N`, so that different keys never look alike. Times are whole microseconds since 1970.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

SEPARATOR = ","
ESCAPES = (("~", "~~"), (",", "~,"))
"""What is replaced in each part, in this order."""
NOTHING = "~N"
_NEXT = chr(ord(SEPARATOR) + 1)


def key_text(rows: pa.Table, key: Sequence[str]) -> pa.ChunkedArray:
    """The key of each row."""
    if not rows.num_rows:
        return pa.chunked_array([], pa.string())
    parts = [_part(rows[name]) for name in key]
    joined = parts[0] if len(parts) == 1 else pc.binary_join_element_wise(*parts, SEPARATOR)
    return joined if isinstance(joined, pa.ChunkedArray) else pa.chunked_array([joined])


def key_spans(parents: pa.Table, within: Sequence[str]) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """The keys that begin with each parent's columns: the first one there may be, and the bound.

    In the order of their bytes, keys of the parent are at or after the one and before the other.
    """
    text = key_text(parents, within)
    first, bound = (pc.binary_join_element_wise(text, end, "") for end in (SEPARATOR, _NEXT))
    return first, bound


def _part(column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_timestamp(column.type):
        unit = pa.timestamp("us", column.type.tz)
        column = column.cast(unit, safe=False).cast(pa.int64())
    text = column.cast(pa.string())
    for found, written in ESCAPES:
        text = pc.replace_substring(text, found, written)
    return pc.fill_null(text, NOTHING)
