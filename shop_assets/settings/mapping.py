"""How a stream's columns become an entity's fields, declared in `shop.yaml`.

    order_items:
      fields:
        order_id: Invoice                                     # a column, as it is
        product_id: {column: StockCode, clean: [trim, upper]}
        unit_price_micros: {column: Price, money: major}      # 2.55 becomes 2550000
        placed_at: {column: InvoiceDate, formats: ["%Y-%m-%d %H:%M:%S"], timezone: Europe/London}
        currency: {value: GBP}
        item_id: {fingerprint: [Invoice, StockCode, Quantity, Price], repeats: keep}
      rules:
        - name: postage
          when: {StockCode: {in: [POST, DOT]}}
          set: {line_type: shipping}
        - name: no_article
          when: {StockCode: {missing: true}}
          quarantine: the line names no article

Rules are tried in order on every row. The first rule that sets a field decides it. A rule with
`quarantine` sets the row aside, with its name and reason. A rule with `repair: true` counts the
rows it touches as repaired.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

Scalar = str | int | float | bool
Clean = Literal["trim", "upper", "lower", "digits", "strip_decimal_zero", "collapse_spaces"]


class Strict(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldMapping(Strict):
    """Where one field of an entity comes from, and how its text is read.

    Exactly one of `column`, `value`, `fingerprint` and `concat` says where from.

    `clean`: done to the text first, in order (`strip_decimal_zero`: `17850.0` becomes `17850`).
    `map`: the source's words to ours; a word that is not in it is kept, or, with `strict_map`,
    is an error of the row. `default`: taken where the source has nothing. `money`: whether the
    number counts major units, minor units (of the row's currency) or micros. `formats`: how times
    are written, tried in order: strptime patterns, `iso`, `epoch`, `epoch_ms`. `timezone`: of times
    that name none; the source's by default. `fingerprint`: a key made from these columns' contents,
    for sources that have none; `repeats: keep` numbers equal rows within one delivery, so that each
    is a row of its own, while the same row in another delivery is the same row again.
    """

    column: str | None = None
    value: Scalar | None = None
    fingerprint: tuple[str, ...] | None = None
    concat: tuple[str, ...] | None = None
    repeats: Literal["merge", "keep"] = "merge"
    clean: tuple[Clean, ...] = ()
    map: dict[str, Scalar] | None = None
    strict_map: bool = False
    default: Scalar | None = None
    money: Literal["major", "minor", "micros"] | None = None
    decimal: Literal[".", ","] = "."
    negate: bool = False
    absolute: bool = False
    formats: tuple[str, ...] = ("iso",)
    timezone: str | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> FieldMapping:
        origins = [self.column, self.value, self.fingerprint, self.concat]
        if sum(o is not None for o in origins) != 1:
            raise ValueError("exactly one of column, value, fingerprint, concat is expected")
        return self


def _short_form(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


FieldExpression = Annotated[FieldMapping, BeforeValidator(_short_form)]


class Condition(Strict):
    """What a column's value must be; all that is given must hold. Text is compared as it stands."""

    is_: Scalar | None = Field(default=None, alias="is")
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    matches: str | None = None
    below: float | None = None
    above: float | None = None
    missing: bool | None = None
    not_: Condition | None = Field(default=None, alias="not")

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise ValueError(f"not a regular expression: {error}") from error
        return value


When = dict[str, Condition]
"""Conditions by source column, or by entity field where written with `@` (`@line_type`)."""


class Rule(Strict):
    """What to do with rows that meet `when`. `why` is for the reader."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    when: When
    why: str = ""
    set: dict[str, Scalar | None] = Field(default_factory=dict)
    quarantine: str | None = None
    repair: bool = False

    @model_validator(mode="after")
    def _does_something(self) -> Rule:
        if bool(self.set) == (self.quarantine is not None):
            raise ValueError("exactly one of set, quarantine is expected")
        return self


class EntityMapping(Strict):
    """How a stream's rows become one entity's.

    `only_when`: which of the stream's rows concern this entity; all, if not given. `grain`:
    `row` where each source row is one of the entity's (what is not published, quarantined or a
    repeated delivery would be a loss), `folded` where several source rows describe the same one
    (the customer on each line of an invoice).
    """

    fields: dict[str, FieldExpression]
    rules: tuple[Rule, ...] = ()
    only_when: When | None = None
    grain: Literal["row", "folded"] = "row"
