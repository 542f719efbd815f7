"""Files as streams of bytes: plain, gzip or zstd, without ever holding the whole of one."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pyarrow as pa
from isal import isal_zlib

from shop_assets.sources.errors import SourceError
from shop_assets.sources.limits import Limits

_READ = 1 << 20
_KINDS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"PK\x03\x04": "a zip archive",
    b"PAR1": "Parquet",
    b"%PDF": "a PDF document",
}


class CutShortError(Exception):
    """A compressed file ends before its data does; what came before it has been yielded."""


def kind_of(head: bytes) -> str | None:
    """What a file that begins so is, where its first bytes tell; None for text."""
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return kind
    return None


def unpacked(raw: Any, where: str, name: str, limits: Limits) -> Iterator[bytes]:
    """Yield the text of an open binary file in pieces, unpacked as its name's ending says.

    `raw`: a pyarrow file. `where`: how errors call it. Raises `CutShortError` after the last
    piece of a compressed file whose end is missing; `SourceError` where the file is not what its
    name says, is damaged, or unpacks to unreasonably much.
    """
    expected = {".gz": "gzip", ".zst": "zstd"}.get(name[name.rfind(".") :].lower())
    head = raw.read(_READ)
    found = kind_of(head)
    if head and found != expected:
        said = found or "plain text or something unknown"
        raise SourceError(f"{where} is {said}, but by its name {expected or 'text'} is expected")
    pieces = _pieces(head, raw)
    if expected is None:
        yield from pieces
        return
    if not head:
        raise SourceError(f"{where} is empty, but by its name {expected} is expected")
    total = 0
    for piece in _gunzipped(pieces, where) if expected == "gzip" else _unzstd(raw, where):
        total += len(piece)
        if total > limits.expanded and total > limits.expansion * raw.tell():
            raise SourceError(
                f"{where} unpacks to more than {limits.expansion} times its size; "
                f"a file of a shop's rows is expected"
            )
        yield piece


def _pieces(head: bytes, raw: Any) -> Iterator[bytes]:
    piece = head
    while piece:
        yield piece
        piece = raw.read(_READ)


def _gunzipped(pieces: Iterator[bytes], where: str) -> Iterator[bytes]:
    machine = isal_zlib.decompressobj(wbits=31)
    for piece in pieces:
        waiting = piece
        while waiting:
            if machine.eof:
                # Archives may be several one after another; zeros after the last are padding.
                waiting = waiting.lstrip(b"\0")
                if not waiting:
                    break
                machine = isal_zlib.decompressobj(wbits=31)
            try:
                text = machine.decompress(waiting, 4 * _READ)
            except isal_zlib.error as error:  # type: ignore[misc] # its stubs call it an instance
                raise SourceError(f"{where} is damaged: {_reason(error)}") from error
            if text:
                yield text
            waiting = machine.unused_data if machine.eof else machine.unconsumed_tail
    if not machine.eof:
        rest = machine.flush()
        if rest:
            yield rest
        raise CutShortError("the file is cut short: its gzip data ends before it is complete")


def _unzstd(raw: Any, where: str) -> Iterator[bytes]:
    raw.seek(0)
    stream = pa.CompressedInputStream(raw, "zstd")
    yielded = 0
    try:
        while text := stream.read(_READ):
            yielded += len(text)
            yield text
    except OSError as error:
        if "truncated" not in str(error).lower():
            raise SourceError(f"{where} is damaged: {_reason(error)}") from error
    else:
        return
    yield _last_of_cut_zstd(raw, yielded)
    raise CutShortError("the file is cut short: its zstd data ends before it is complete")


def _last_of_cut_zstd(raw: Any, known: int) -> bytes:
    """What comes after the first `known` bytes: a read that meets the cut gives nothing of it."""
    raw.seek(0)
    stream = pa.CompressedInputStream(raw, "zstd")
    while known:
        known -= len(stream.read(min(known, _READ)))
    last = bytearray()
    with suppress(OSError):
        while one := stream.read(1):
            last += one
    return bytes(last)


def _reason(error: Exception) -> str:
    reason = str(error).rsplit(": ", maxsplit=1)[-1].strip().rstrip(".")
    return re.sub(r"^Error -?\d+ (.)", lambda found: found[1].lower(), reason)
