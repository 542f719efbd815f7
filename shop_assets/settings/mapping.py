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
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from shop_assets.settings.values import RuleName, Strict, TimeFormat, TimeZone, WrongValueError

Scalar = str | int | float | bool
Clean = Literal["trim", "upper", "lower", "digits", "strip_decimal_zero", "collapse_spaces"]


class FieldMapping(Strict):
    """Where one field of an entity comes from, and how its text is read.

    Exactly one of `column`, `value`, `fingerprint` and `concat` says where from. A column that is
    taken as it is may be written without braces: `order_id: Invoice`.
    """

    column: str | None = None
    """The source's column."""
    value: Scalar | None = None
    """A constant, the same in every row."""
    fingerprint: tuple[str, ...] | None = None
    """A key made from the contents of these columns, for sources that have none."""
    concat: tuple[str, ...] | None = None
    """The texts of these columns, joined with colons."""
    repeats: Literal["merge", "keep"] = "merge"
    """With `fingerprint`: `keep` numbers equal rows within one delivery, so that each is a row of
    its own, while the same row in another delivery is the same row again."""
    clean: tuple[Clean, ...] = ()
    """Done to the text first, in order (`strip_decimal_zero`: `17850.0` becomes `17850`)."""
    map: dict[str, Scalar] | None = None
    """The source's words to ours; a word that is not in it is kept."""
    strict_map: bool = False
    """A word that is not in `map` is an error of the row."""
    default: Scalar | None = None
    """Taken where the source has nothing."""
    money: Literal["major", "minor", "micros"] | None = None
    """Whether the number counts major units, minor units (of the row's currency) or micros."""
    decimal: Literal[".", ","] = "."
    """The decimal mark of numbers."""
    negate: bool = False
    """Turns the number's sign round."""
    absolute: bool = False
    """Drops the number's sign."""
    formats: tuple[TimeFormat, ...] = ("iso",)
    """How times are written, tried in order: strptime patterns, `iso`, `epoch`, `epoch_ms`."""
    timezone: TimeZone | None = None
    """Of times that name none; the source's, if not given."""

    @model_validator(mode="after")
    def _one_origin(self) -> FieldMapping:
        origins = {
            "column": self.column,
            "value": self.value,
            "fingerprint": self.fingerprint,
            "concat": self.concat,
        }
        _exactly_one(origins)
        return self


def _short_form(value: Any) -> Any:
    return {"column": value} if isinstance(value, str) else value


FieldExpression = Annotated[FieldMapping, BeforeValidator(_short_form)]


class Condition(Strict):
    """What a column's value must be; all that is given must hold. Text is compared as it stands."""

    is_: Scalar | None = Field(default=None, alias="is")
    """Exactly this."""
    in_: tuple[Scalar, ...] | None = Field(default=None, alias="in")
    """One of these."""
    matches: str | None = None
    """A regular expression, found anywhere in the text."""
    below: float | None = None
    """A number less than this."""
    above: float | None = None
    """A number greater than this."""
    missing: bool | None = None
    """Whether there is no value."""
    not_: Condition | None = Field(default=None, alias="not")
    """A condition that must not hold."""

    @field_validator("matches")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as error:
                raise WrongValueError(
                    f"{value!r} is no regular expression ({error})", "one that Python compiles"
                ) from None
        return value

    @model_validator(mode="after")
    def _says_something(self) -> Condition:
        # `is: null` too would hold of every row.
        if all(value is None for value in self.__dict__.values()):
            raise WrongValueError(
                "the condition says nothing",
                "is, in, matches, below, above, missing or not (missing: true where there is "
                "no value)",
            )
        return self


When = dict[str, Condition]
"""Conditions by source column, or by entity field where written with `@` (`@line_type`)."""


class Rule(Strict):
    """What to do with rows that meet its conditions: exactly one of `set` and `quarantine`."""

    name: RuleName
    """Its name, in reports and in the quarantine."""
    when: When
    """Conditions by source column, or by entity field where written with `@` (`@line_type`)."""
    why: str = ""
    """For the reader."""
    set: dict[str, Scalar | None] = Field(default_factory=dict)
    """The entity's fields to set, and what to; the first rule that sets a field decides it."""
    quarantine: str | None = None
    """Sets the row aside, with this reason."""
    repair: bool = False
    """Counts the rows as repaired."""

    @model_validator(mode="after")
    def _does_something(self) -> Rule:
        _exactly_one({"set": self.set or None, "quarantine": self.quarantine})
        return self


class EntityMapping(Strict):
    """How a stream's rows become one entity's."""

    fields: dict[str, FieldExpression]
    """The entity's fields (see the data dictionary), and where each comes from."""
    rules: tuple[Rule, ...] = ()
    """Tried in order on every row."""
    only_when: When | None = None
    """Which of the stream's rows concern this entity; all, if not given."""
    grain: Literal["row", "folded"] = "row"
    """`row` where each source row is one of the entity's (what is not published, quarantined or a
    repeated delivery would be a loss), `folded` where several source rows describe the same one
    (the customer on each line of an invoice)."""


def accountable(mappings: Mapping[str, EntityMapping]) -> str:
    """The entity that answers for a stream's unreadable rows: the first that has a row of each."""
    return next((n for n, m in mappings.items() if m.grain == "row"), next(iter(mappings)))


def _exactly_one(values: dict[str, Any]) -> None:
    given = [name for name, value in values.items() if value is not None]
    if len(given) != 1:
        raise WrongValueError(
            f"found {' and '.join(given) or 'none'} of {', '.join(values)}", "exactly one of them"
        )
