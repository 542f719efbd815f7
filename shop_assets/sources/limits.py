"""How much of a source is taken at once, and what is refused as too much."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds, in bytes unless said otherwise.

    `chunk`: decoded text parsed at once. `record`: the longest row; longer ones are errors.
    `line`: how much of a broken row's text is kept. `batch_rows`: rows per batch, at most.
    `columns`: the most columns that a file may have. `cached_file`: the largest decoded file that
    is kept in memory between reads, of `cache` in all. `expansion`: how many times its own size a
    file may unpack to, once that is more than `expanded`. `batch`: the largest decoded batch of
    Parquet. `held`: the largest packed file of Parquet that is read as one piece, and the largest
    workbook of Excel, which can only be read as one. `workbook`: what a workbook may unpack to.
    `cells`: the most cells of a sheet, which are all in memory at once. `header`: the lines among
    which a header is looked for.
    """

    chunk: int = 4 * MIB
    record: int = MIB
    line: int = 10_000
    batch_rows: int = 65_536
    columns: int = 1000
    cached_file: int = 256 * MIB
    cache: int = 512 * MIB
    expansion: int = 200
    expanded: int = 1024 * MIB
    batch: int = 256 * MIB
    held: int = 64 * MIB
    workbook: int = 512 * MIB
    cells: int = 10_000_000
    header: int = 1000
