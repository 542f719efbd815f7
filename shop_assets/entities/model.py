"""How a table is declared: once, as a Pandera model, from which everything else is derived.

A column's `kind` fixes its type in every system: pandas, Arrow, PostgreSQL, the Dagster UI.

| kind      | pandas              | Arrow               | PostgreSQL       |
|-----------|---------------------|---------------------|------------------|
| text      | str                 | string              | text             |
| int       | Int64               | int64               | bigint           |
| bool      | boolean             | bool                | boolean          |
| timestamp | datetime64[us, UTC] | timestamp[us, UTC]  | timestamptz      |
| date      | date32[pyarrow]     | date32              | date             |
| float     | Float64             | double              | double precision |

Money is an `int` whose name ends in `_micros`: millionths of the currency's major unit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

import pandas as pd
import pandera.pandas as pa
import pyarrow

Kind = Literal["text", "int", "bool", "timestamp", "date", "float"]
Layer = Literal["warehouse", "marts", "analytics"]

Text = str
Int = pd.Int64Dtype
Bool = pd.BooleanDtype
Float = pd.Float64Dtype
Timestamp = Annotated[pd.DatetimeTZDtype, "us", "UTC"]
Date = Annotated[pd.ArrowDtype, pyarrow.date32()]

_KIND_BY_DTYPE: dict[str, Kind] = {
    "str": "text",
    "Int64": "int",
    "boolean": "bool",
    "Float64": "float",
    "datetime64[us, UTC]": "timestamp",
    "date32[day][pyarrow]": "date",
}
_PANDAS: dict[Kind, Any] = {
    "text": "str",
    "int": pd.Int64Dtype(),
    "bool": pd.BooleanDtype(),
    "float": pd.Float64Dtype(),
    "timestamp": pd.DatetimeTZDtype("us", "UTC"),
    "date": pd.ArrowDtype(pyarrow.date32()),
}
_ARROW: dict[Kind, pyarrow.DataType] = {
    "text": pyarrow.string(),
    "int": pyarrow.int64(),
    "bool": pyarrow.bool_(),
    "float": pyarrow.float64(),
    "timestamp": pyarrow.timestamp("us", "UTC"),
    "date": pyarrow.date32(),
}
_POSTGRES: dict[Kind, str] = {
    "text": "text",
    "int": "bigint",
    "bool": "boolean",
    "float": "double precision",
    "timestamp": "timestamp with time zone",
    "date": "date",
}


def column(
    description: str,
    *,
    key: bool = False,
    pii: bool = False,
    merge: Literal["newest", "earliest"] = "newest",
    nullable: bool = False,
    **checks: Any,
) -> Any:
    """Declare a column.

    `merge="earliest"` keeps the least value that any version of the row had (an order's time
    when the order is only known from its lines). `checks` are Pandera's (`ge=0`, `isin=[...]`).
    """
    return pa.Field(
        description=description,
        nullable=nullable,
        metadata={"key": key, "pii": pii, "merge": merge},
        **checks,
    )


class Table(pa.DataFrameModel):
    """The base of every declared table; its class docstring is the table's description."""

    class Config:
        strict = True
        ordered = False


@dataclass(frozen=True)
class Column:
    """One declared column, independent of pandas, Arrow and PostgreSQL."""

    name: str
    kind: Kind
    description: str
    nullable: bool
    key: bool
    pii: bool
    merge: Literal["newest", "earliest"]

    @property
    def is_money(self) -> bool:
        """Whether the column holds micros of a currency."""
        return self.name.endswith("_micros")

    @property
    def postgres(self) -> str:
        """The PostgreSQL type."""
        return _POSTGRES[self.kind]

    @property
    def arrow(self) -> pyarrow.DataType:
        """The Arrow type."""
        return _ARROW[self.kind]

    @property
    def pandas(self) -> Any:
        """The pandas dtype."""
        return _PANDAS[self.kind]


@dataclass(frozen=True)
class TableSpec:
    """Everything that is known of a table.

    `time` is the column that says when a row happened to the business (its event time); for a
    mart it is the slice: an hour (`timestamp`) or a day (`date`). `versioned` tables keep each
    version of a row beside the current one; of an entity that is not, an hour of change tells one
    version of a row, and no later hour another. `by_month` says that PostgreSQL partitions natively
    by month of `time`. `indexes` and `version_indexes` are those beside the primary keys, and
    `time_ranges` asks for one of `time` that knows what lies in which part of a month's file: it
    costs nearly nothing to keep, and finds the rows of an hour, not single ones.
    """

    name: str
    layer: Layer
    model: type[Table]
    time: str | None
    versioned: bool = False
    by_month: bool = False
    indexes: tuple[tuple[str, ...], ...] = ()
    version_indexes: tuple[tuple[str, ...], ...] = ()
    time_ranges: bool = False

    @property
    def description(self) -> str:
        """The first paragraph of the model's docstring."""
        return " ".join((self.model.__doc__ or "").split("\n\n")[0].split())

    @property
    def columns(self) -> tuple[Column, ...]:
        """The declared columns, in order."""
        return _columns(self.model)

    @property
    def column_names(self) -> list[str]:
        """The names of the declared columns, in order."""
        return [c.name for c in self.columns]

    @property
    def key(self) -> tuple[str, ...]:
        """The names of the key columns, in order."""
        return tuple(c.name for c in self.columns if c.key)

    @property
    def told_by(self) -> tuple[str, ...]:
        """What tells the cleaned rows of an hour of change apart."""
        return (*self.key, "version_at") if self.versioned else self.key

    @property
    def arrow_schema(self) -> pyarrow.Schema:
        """The Arrow schema."""
        return pyarrow.schema(
            [pyarrow.field(c.name, c.arrow, nullable=c.nullable) for c in self.columns]
        )

    @property
    def pandera(self) -> pa.DataFrameSchema:
        """The Pandera schema."""
        return self.model.to_schema()

    def column(self, name: str) -> Column:
        """The column of that name; `KeyError` where there is none."""
        for candidate in self.columns:
            if candidate.name == name:
                return candidate
        raise KeyError(f"{self.name} has no column {name}")

    def empty(self) -> pd.DataFrame:
        """A frame of no rows with every column's dtype."""
        return pd.DataFrame({c.name: pd.array([], dtype=c.pandas) for c in self.columns})

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The declared columns of `frame`, in order and with their dtypes; missing ones null."""
        names = list(frame.columns)
        known = [c for c in self.columns if c.name in names]
        # Most frames are what is declared, of which nothing is copied.
        is_whole = names == self.column_names
        rows = frame.copy(deep=False) if is_whole else frame[[c.name for c in known]]
        types = zip(known, rows.dtypes, strict=True)
        if wrong := {c.name: c.pandas for c, found in types if found != c.pandas}:
            rows = rows.astype(wrong)
        if len(known) == len(self.columns):
            return rows
        missing = {
            c.name: pd.Series(pd.NA, index=frame.index).astype(c.pandas)
            for c in self.columns
            if c.name not in names
        }
        return rows.assign(**missing)[self.column_names]


_COLUMNS: dict[type[Table], tuple[Column, ...]] = {}


def _columns(model: type[Table]) -> tuple[Column, ...]:
    if model not in _COLUMNS:
        found = []
        for name, declared in model.to_schema().columns.items():
            meta = cast("dict[str, Any]", declared.metadata or {})
            dtype = str(
                declared.dtype.type
                if str(declared.dtype) != "date32[day][pyarrow]"
                else declared.dtype
            )
            found.append(
                Column(
                    name=str(name),
                    kind=_KIND_BY_DTYPE[dtype],
                    description=declared.description or "",
                    nullable=bool(declared.nullable),
                    key=bool(meta.get("key")),
                    pii=bool(meta.get("pii")),
                    merge=meta.get("merge", "newest"),
                )
            )
        _COLUMNS[model] = tuple(found)
    return _COLUMNS[model]
