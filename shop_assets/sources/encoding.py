"""Text in any encoding, to UTF-8; what is invalid stays invalid, so that its row can be found."""

from __future__ import annotations

import codecs
from collections.abc import Iterator

_MARKS = [
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
]
_LONGEST_MARK = 4


def _mark(error: UnicodeError) -> tuple[str, int]:
    """A lone surrogate in place of what cannot be decoded: no valid UTF-8 can hold one."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\ud800", error.end


codecs.register_error("shop_assets.mark", _mark)


def as_utf8(pieces: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    """Yield the text as UTF-8 without its byte order mark, which decides over `encoding`.

    Bytes that the encoding does not know become bytes that UTF-8 does not know.
    """
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= _LONGEST_MARK:
            break
    known = codecs.lookup(encoding).name
    for mark, marked in _MARKS:
        if head.startswith(mark):
            head, known = head[len(mark) :], marked
            break
    if known in ("utf-8", "ascii", "utf-8-sig"):
        yield head
        yield from pieces
        return
    decoder = codecs.getincrementaldecoder(known)("shop_assets.mark")
    yield decoder.decode(head).encode("utf-8", "surrogatepass")
    for piece in pieces:
        yield decoder.decode(piece).encode("utf-8", "surrogatepass")
    rest = decoder.decode(b"", final=True)
    if rest:
        yield rest.encode("utf-8", "surrogatepass")


def readable(text: bytes, limit: int) -> str:
    """Broken text for a person: at most `limit` bytes; what is invalid as �, NUL as ␀."""
    return text[:limit].decode("utf-8", "replace").replace("\0", "␀")
