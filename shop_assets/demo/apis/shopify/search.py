"""The search language of `query:` arguments, as far as lists of a shop's objects need it.

    updated_at:>='2026-11-03T08:00:00Z' AND updated_at:<'2026-11-03T09:00:00Z'
    (status:open OR financial_status:paid) -test:true id:>=1234

It is lenient as the real one is: a field that it does not know is passed over with a warning; a
moment without quotes loses its time of day; `>` lets the moment itself through.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from shop_assets.demo.apis.shopify.values import moment_of

Kind = Literal["time", "number", "text", "flag", "status"]

_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<word>AND|OR|NOT)(?=[\s(]|$)|(?P<minus>-)(?=[\w(])|"
    r"(?P<name>[A-Za-z_][\w.]*):(?P<cmp>>=|<=|>|<)?\s*"
    r"(?P<value>\"[^\"]*\"|'[^']*'|[^\s()]+)|(?P<free>[^\s()]+))"
)
_SECOND, _DAY = 1_000_000, 86_400_000_000
_ORDER_STATUS = {
    "any": "1",
    "open": "json_extract(body, '$.closed') = 0 AND json_extract(body, '$.cancelledAt') IS NULL",
    "closed": "json_extract(body, '$.closed') = 1",
    "cancelled": "json_extract(body, '$.cancelledAt') IS NOT NULL",
    "not_closed": "json_extract(body, '$.closed') = 0",
}


@dataclass
class Found:
    """An SQL condition on the columns of `Stored`, its values, and what was not understood."""

    where: str = "1"
    values: tuple[object, ...] = ()
    warnings: list[dict[str, str]] = field(default_factory=list)


Fields = Mapping[str, tuple[str, Kind]]
"""A search field's name, the SQL that gives its value, and what kind of value that is."""

_TIMES: dict[str, tuple[str, Kind]] = {
    "created_at": ("created", "time"),
    "updated_at": ("updated", "time"),
    "id": ("number", "number"),
}


def _text(path: str) -> tuple[str, Kind]:
    return f"json_extract(body, '$.{path}')", "text"


FIELDS: dict[str, Fields] = {
    "Order": {
        **_TIMES,
        "processed_at": ("created", "time"),
        "status": ("", "status"),
        "financial_status": _text("displayFinancialStatus"),
        "fulfillment_status": _text("displayFulfillmentStatus"),
        "return_status": _text("returnStatus"),
        "name": _text("name"),
        "email": _text("email"),
        "test": ("json_extract(body, '$.test')", "flag"),
    },
    "Customer": {**_TIMES, "customer_date": ("created", "time"), "state": _text("state")},
    "Product": {
        **_TIMES,
        "status": _text("status"),
        "title": _text("title"),
        "vendor": _text("vendor"),
        "product_type": _text("productType"),
    },
    "ProductVariant": {
        "id": ("number", "number"),
        "updated_at": ("updated", "time"),
        "sku": _text("sku"),
    },
    "InventoryItem": {**_TIMES, "sku": _text("sku")},
    "InventoryLevel": {
        **_TIMES,
        "inventory_item_id": ("json_extract(body, '$._item_number')", "number"),
    },
    "Location": {**_TIMES, "name": _text("name")},
    "BulkOperation": {
        "id": ("number", "number"),
        "created_at": ("created", "time"),
        "status": _text("status"),
        "operation_type": _text("type"),
    },
}


def search(kind: str, query: str | None) -> Found:
    """What a query asks for, of objects of a kind."""
    found = Found()
    if query and query.strip():
        found.where, values = _Parser(FIELDS.get(kind, _TIMES), query, found.warnings).whole()
        found.values = tuple(values)
    return found


class _Parser:
    def __init__(self, fields: Fields, query: str, warnings: list[dict[str, str]]) -> None:
        self._fields = fields
        self._tokens = [m for m in _TOKEN.finditer(query) if m.group().strip()]
        self._at = 0
        self._warnings = warnings

    def whole(self) -> tuple[str, list[object]]:
        where, values = self._either()
        return (where or "1"), values

    def _peek(self, group: str) -> str | None:
        return self._tokens[self._at].group(group) if self._at < len(self._tokens) else None

    def _either(self) -> tuple[str, list[object]]:
        return self._joined("OR", self._all)

    def _all(self) -> tuple[str, list[object]]:
        parts: list[str] = []
        values: list[object] = []
        while self._at < len(self._tokens):
            if self._peek("word") == "AND":
                self._at += 1
                continue
            if self._peek("word") == "OR" or self._peek("close"):
                break
            where, more = self._one()
            if where:
                parts.append(where)
                values += more
        return " AND ".join(f"({p})" for p in parts), values

    def _joined(self, word: str, part: object) -> tuple[str, list[object]]:
        where, values = self._all()
        parts = [where] if where else []
        while self._peek("word") == word:
            self._at += 1
            where, more = self._all()
            if where:
                parts.append(where)
                values += more
        return " OR ".join(f"({p})" for p in parts), values

    def _one(self) -> tuple[str, list[object]]:
        if self._peek("minus") or self._peek("word") == "NOT":
            self._at += 1
            if self._at >= len(self._tokens):
                return "", []
            where, values = self._one()
            return (f"NOT coalesce(({where}), 0)" if where else ""), values
        if self._peek("open"):
            self._at += 1
            where, values = self._either()
            if self._peek("close"):
                self._at += 1
            return where, values
        token = self._tokens[self._at]
        self._at += 1
        if token.group("name") is None:
            return "", []
        return self._term(token.group("name"), token.group("cmp") or "", token.group("value"))

    def _term(self, name: str, comparator: str, value: str) -> tuple[str, list[object]]:
        if name not in self._fields:
            self._warn(name, "Invalid search field for this query.", "invalid_field")
            return "", []
        column, kind = self._fields[name]
        quoted = value[:1] in "\"'"
        plain = value[1:-1] if quoted else value
        if kind == "time":
            return self._time(name, column, comparator, plain, quoted=quoted)
        if kind == "status":
            return _ORDER_STATUS.get(plain.lower(), "0"), []
        if kind == "number":
            digits = plain.rsplit("/", 1)[-1]
            if not digits.isdigit():
                self._warn(name, f"Input `{plain}` is not an accepted value.", "invalid_value")
                return "", []
            return f"{column} {comparator or '='} ?", [int(digits)]
        if kind == "flag":
            return f"{column} = ?", [int(plain.lower() == "true")]
        choices = plain.split(",") if not quoted else [plain]
        marks = ", ".join("?" * len(choices))
        return f"lower({column}) IN ({marks})", [choice.lower() for choice in choices]

    def _time(
        self, name: str, column: str, comparator: str, value: str, *, quoted: bool
    ) -> tuple[str, list[object]]:
        text = value if quoted else value[:10]
        try:
            moment = moment_of(text)
        except ValueError:
            self._warn(name, f"Input `{value}` is not an accepted value.", "invalid_value")
            return "", []
        if comparator:
            return f"{column} {'>=' if comparator == '>' else comparator} ?", [moment]
        span = _DAY if len(text) == 10 else _SECOND
        return f"{column} >= ? AND {column} < ?", [moment, moment + span]

    def _warn(self, name: str, message: str, code: str) -> None:
        self._warnings.append({"field": name, "message": message, "code": code})
