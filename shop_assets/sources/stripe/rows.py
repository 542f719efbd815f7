"""Versions of Stripe's objects as rows: the stream's columns, and what is known beside them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.sources.objects import table
from shop_assets.sources.stripe.amounts import major
from shop_assets.sources.stripe.changes import Change
from shop_assets.sources.stripe.pages import Object
from shop_assets.sources.stripe.streams import StripeStream

VERSION = "version_at"
"""The column with a row's version: seconds since 1970, the place within the second as micros."""

Added = Callable[[Object], tuple[Object, Mapping[str, str | None]]]
"""An object as it is kept, and further columns of it."""


def rows(
    stream: StripeStream,
    found: Sequence[Change],
    *,
    columns: Mapping[str, str],
    added: Added,
    changed: int | None = None,
) -> pa.Table:
    """A batch. `columns`: further ones, by path. `changed`: the change time of all (microseconds).

    Beside each amount stands the same in major units (`amount_major`).
    """
    kept = [added(change.object) for change in found]
    result = table(
        [each for each, _ in kept],
        {**stream.columns, **columns},
        changed=[change.second * 1_000_000 if changed is None else changed for change in found],
        positions=[change.by for change in found],
    )
    more: dict[str, list[str | None]] = {
        VERSION: [f"{change.second}.{change.place:06d}" for change in found],
        **{
            f"{name}_major": [major(each.get(name), each.get("currency")) for each, _ in kept]
            for name in stream.money
        },
        **{name: [values.get(name) for _, values in kept] for name in stream.added},
    }
    good = pc.is_null(result["_error"])
    for name, values in more.items():
        column = pc.if_else(good, pa.array(values, pa.string()), pa.scalar(None, pa.string()))
        result = result.append_column(name, column)
    return result


def names(stream: StripeStream, columns: Mapping[str, str]) -> list[str]:
    """The columns that `rows` gives, without those of provenance."""
    amounts = [f"{name}_major" for name in stream.money]
    return [*stream.columns, *columns, "object", VERSION, *amounts, *stream.added]


def naming_order(path: str) -> Added:
    """Adds `order_id`, from where the object says it."""

    def added(each: Object) -> tuple[Object, Mapping[str, str | None]]:
        return each, {"order_id": _text(_at(each, path))}

    return added


def of_transaction(path: str) -> Added:
    """Adds to a balance transaction the order and the charge of its expanded source.

    The source itself is as it is now: the transaction keeps no more than its id.
    """

    def added(each: Object) -> tuple[Object, Mapping[str, str | None]]:
        source = each.get("source")
        if not isinstance(source, Mapping):
            return each, {}
        kind = source.get("object")
        charge = source if kind == "charge" else source.get("charge")
        known = charge if isinstance(charge, Mapping) else {}
        return {**each, "source": source.get("id")}, {
            "order_id": _text(_at(known, path)),
            "charge": _text(known.get("id", charge)),
            "source_object": _text(kind),
        }

    return added


def of_payout(payout: str) -> Added:
    """Adds to a balance transaction the payout that it is part of."""

    def added(each: Object) -> tuple[Object, Mapping[str, str | None]]:
        return each, {"payout": payout}

    return added


def _at(value: Any, path: str) -> Any:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None
