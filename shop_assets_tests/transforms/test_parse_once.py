"""Values that stand in many rows are read once, and are in each row what they are alone."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from shop_assets.settings.mapping import FieldMapping
from shop_assets.transforms import parse
from shop_assets_tests.transforms.test_parse import column, field, texts

DAYS = {"formats": ["%d/%m/%Y", "iso"]}
WORDS = {"map": {"done": "fulfilled", "new": "open"}, "strict_map": True}
FEW = [
    ("web_events", "is_bot", ["true", " No", "1.0", "perhaps", "", None], {}),
    ("web_events", "is_bot", ["true", "", None], {"default": False}),
    ("web_events", "occurred_at", ["31/01/2026", "2026-01-31T09:10Z", "now", "1/2", None], DAYS),
    ("ad_spend", "day", ["31/01/2026", "2026-07-31", "1899-01-01", "", None], DAYS),
    ("order_items", "quantity", ["3", "-12.0", "12.5", "x", None], {"negate": True}),
    ("orders", "status", ["done", "new", "lost", "", None], WORDS),
    ("orders", "status", ["done", "new", None], WORDS | {"default": "new"}),
]


@pytest.mark.parametrize(("entity", "name", "values", "mapping"), FEW)
def test_a_value_of_many_rows_is_what_it_is_alone(
    entity: str,
    name: str,
    values: list[str | None],
    mapping: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = column(entity, name)
    alone = [field(texts(value), target, **mapping)[0] for value in values]
    looked_at: list[int] = []
    typed = parse._typed

    def watched(text: pd.Series, *more: Any) -> parse.Parsed:
        looked_at.append(len(text))
        return typed(text, *more)

    monkeypatch.setattr(parse, "_typed", watched)
    assert field(texts(*values * 40), target, **mapping) == alone * 40
    # A null is looked at, too, since it may have a default.
    assert looked_at == [len(set(values) | {None})]


def test_money_is_read_in_the_currency_of_its_row() -> None:
    price = column("order_items", "unit_price_micros")
    raw = pd.DataFrame({"price": texts(*["1.5"] * 100), "unit": texts(*["EUR", "JPY"] * 50)})
    mapping = FieldMapping(column="price", money="minor")
    read, _ = parse.read_field(raw, mapping, price, raw["unit"], "UTC")
    assert read.nunique() == 2


def test_texts_of_which_the_first_repeat_and_the_others_do_not_are_read_as_well() -> None:
    numbers = [*["7"] * 3000, *map(str, range(5000))]
    quantity = column("order_items", "quantity")
    assert field(texts(*numbers), quantity) == [int(number) for number in numbers]
