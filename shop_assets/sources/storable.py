"""Text that no database keeps, found before it gets in the way of all other rows."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.sources.encoding import readable


def unstorable(column: pa.Array) -> npt.NDArray[np.int64]:
    """The indexes of texts that hold NUL or are not valid UTF-8."""
    bad = pc.fill_null(pc.match_substring(column.cast(pa.binary()), b"\0"), False)
    found: npt.NDArray[np.int64] = np.flatnonzero(bad.to_numpy(zero_copy_only=False))
    try:
        column.validate(full=True)
    except pa.ArrowInvalid:
        values = column.cast(pa.binary()).to_pylist()
        invalid = [i for i, value in enumerate(values) if value != _readable_bytes(value)]
        found = np.union1d(found, np.array(invalid, np.int64))
    return found


def readable_value(value: bytes | None) -> str | None:
    """A text for a person, whatever it holds."""
    return None if value is None else readable(value, len(value))


def _readable_bytes(value: bytes | None) -> bytes | None:
    return None if value is None else value.decode("utf-8", "replace").encode()
