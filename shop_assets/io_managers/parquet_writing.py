"""How columns are written to Parquet: a dictionary and statistics only where they pay.

Most columns of events hold ids and times of which hardly two are the same. The engine would make a
dictionary of each, find it too large and begin again, for every row group, and would keep the
smallest and the largest text of every page, by which nothing is ever looked for.
"""

from typing import Literal

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as pt
from deltalake import ColumnProperties, WriterProperties

# Enough to see that some thousand customers come again and again.
_SAMPLE = 20_000
_ROW_GROUP = 131_072


def writer_properties(sample: pa.Table) -> WriterProperties:
    """How a table is written, going by some of its rows, of which the first ones are looked at.

    Without a dictionary are columns most of whose values differ from each other. Statistics of row
    groups have columns of numbers and times: those of `_hour` are what readers go by.
    """
    rows = sample.slice(0, _SAMPLE)
    columns = {
        field.name: ColumnProperties(
            dictionary_enabled=not _differ(rows[field.name]), statistics_enabled=_statistics(field)
        )
        for field in rows.schema
        if not pt.is_nested(field.type)
    }
    return WriterProperties(
        compression="ZSTD",
        compression_level=1,
        max_row_group_size=_ROW_GROUP,
        default_column_properties=ColumnProperties(statistics_enabled="NONE"),
        column_properties=columns,
    )


def _differ(column: pa.ChunkedArray) -> bool:
    """Whether most of the values occur once."""
    if not (_is_text(column.type) or pt.is_primitive(column.type)):
        return False
    return 2 * int(pc.count_distinct(column).as_py()) > len(column)


def _statistics(field: pa.Field) -> Literal["CHUNK", "NONE"]:
    return "CHUNK" if pt.is_primitive(field.type) else "NONE"


def _is_text(kind: pa.DataType) -> bool:
    return bool(pt.is_string(kind) or pt.is_large_string(kind))
