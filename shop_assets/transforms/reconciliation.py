"""Reconciliation: what does not agree between the shop and its payment provider, to the minor unit.

Of each order four amounts are compared, in its own currency: its total *T* (current lines less
line and order discounts, with shipping and tax; gift cards included), the shop's refunds *R*, and
what the provider took, *C*, and gave back, *G*. A negative total (a credit note) is no total, but
one more refund.

An order is **settled** where `C - T = G - R` and that is not negative: what was taken too much is
exactly what was given back beyond the shop's refunds. So an upward edit is settled by a second
charge, a downward edit by a refund that the shop does not have. Of a cancelled or unpaid order
nothing may remain: it is settled where `C = G`, with or without refunds in the shop. An open order
may be paid in part, or not yet: where `C` is below `T`, it is settled if `G = R`. What belongs to
no order is settled where `C = G`.

What is not settled is split: as much as there is too much on both sides explains itself; what is
left of `C - T` is a difference of the charges, what is left of `G - R` one of the refunds. It
counts once all of it is older than a period of grace.
"""

from __future__ import annotations

import datetime as dt

import numpy as np
import numpy.typing as npt
import pandas as pd

from shop_assets.entities import TABLES
from shop_assets.transforms.money import round_micros

_KEPT = ("source", "order_id", "charge_id", "currency", "since")


def charge_differences(compared: pd.DataFrame) -> pd.DataFrame:
    """`analytics.charge_differences`, of what was compared; those of any age.

    `compared`: one row per order or money without order, with the columns that
    `warehouse.compared_orders` describes; amounts in micros. Sorted by source, order and charge.
    """
    split = _split(compared)
    off = split["charges_off"]
    twice = (compared["charges"] > 1) & (off > 0)
    twice &= (off == compared["repeated_micros"]) | (off == split["due"])
    kind = _first_that_holds(
        {
            "charged_without_order": split["no_order"],
            "currency_differs": split["foreign"],
            "charged_though_unpaid": split["nothing_due"],
            "not_charged": (off < 0) & (compared["charges"] == 0),
            "charged_twice": twice,
        }
    )
    wrong = (off != 0) | split["foreign"]
    found = compared["charged_micros"]
    return _differences("charge_differences", compared, (kind, found, off, wrong))


def refund_differences(compared: pd.DataFrame) -> pd.DataFrame:
    """`analytics.refund_differences`; see `charge_differences`."""
    split = _split(compared)
    off = split["refunds_off"]
    events = split["events"]
    unknown = (off > 0) & ~split["nothing_due"] & (compared["givings"] > events)
    missing = (off < 0) & ~split["nothing_due"] & (compared["givings"] < events)
    kind = _first_that_holds(
        {
            "refund_unknown_to_shop": split["no_order"] | unknown,
            "refund_failed": (off < 0) & (compared["failed_micros"] > 0),
            "refund_not_paid_out": missing,
        }
    )
    # Amounts of another currency than the order's cannot be compared: the charges' table says so.
    wrong = (off != 0) & ~split["foreign"]
    found = compared["given_micros"]
    return _differences("refund_differences", compared, (kind, found, off, wrong))


def payout_differences(compared: pd.DataFrame) -> pd.DataFrame:
    """`analytics.payout_differences`, of what `warehouse.compared_payouts` found; of any age.

    Which transactions a payout consists of is known only of automatic ones: one made by hand
    without any is no difference.
    """
    doubled = compared["payment_id"] != ""
    empty = (compared["transactions"] == 0) & ~doubled
    kind = _first_that_holds({"transaction_in_two_payouts": doubled, "no_transactions": empty})
    spec = TABLES["payout_differences"]
    rows = compared.assign(
        kind=kind,
        expected_micros=compared["amount_micros"],
        difference_micros=compared["found_micros"] - compared["amount_micros"],
        since=compared["created_at"],
    )
    rows = rows[compared["automatic"] | ~empty]
    return spec.conform(rows.sort_values(list(spec.key), ignore_index=True))


def counted(differences: pd.DataFrame, before: dt.datetime) -> npt.NDArray[np.bool_]:
    """Which differences count: those of which all is as old as `before`, the end less the grace."""
    return (differences["since"] <= before).to_numpy(dtype=bool)


def _first_that_holds(kinds: dict[str, pd.Series]) -> npt.NDArray[np.str_]:
    """Of each row the first kind whose condition it meets; `amount_differs` where it meets none."""
    met = [condition.to_numpy(dtype=bool) for condition in kinds.values()]
    return np.select(met, list(kinds), "amount_differs")


def _split(compared: pd.DataFrame) -> pd.DataFrame:
    """What of each row is a difference of its charges, and what one of its refunds.

    Columns due, events (the shop's refunds, credit notes included), charges_off, refunds_off
    (micros, found less expected) and the flags no_order, nothing_due (cancelled or unpaid) and
    foreign.
    """
    status = compared["status"]
    no_order = status.isna()
    nothing_due = status.isin(["cancelled", "unpaid"])
    total = round_micros(compared["due_micros"], compared["currency"])
    due = total.clip(lower=0)
    refunded = round_micros(compared["refunded_micros"], compared["currency"])
    refunded = refunded + (due - total)
    charged, given = compared["charged_micros"], compared["given_micros"]

    charges_off = charged - due
    charges_off = charges_off.mask(status.eq("open").fillna(False), charges_off.clip(lower=0))
    refunds_off = given - refunded
    explained = np.minimum(charges_off.clip(lower=0), refunds_off.clip(lower=0))
    charges_off, refunds_off = charges_off - explained, refunds_off - explained

    # Nothing may remain: a refund that is missing altogether is a charge too many.
    remaining = charged - given
    untouched = nothing_due & (given == 0) & (compared["failed_micros"] == 0)
    untouched |= no_order & (remaining > 0)
    none = nothing_due | no_order
    charges_off = charges_off.mask(none, remaining.where(untouched, 0))
    refunds_off = refunds_off.mask(none, (-remaining).mask(untouched, 0))
    return pd.DataFrame(
        {
            "due": due,
            "events": compared["refund_events"] + (total < 0).astype("Int64"),
            "charges_off": charges_off,
            "refunds_off": refunds_off,
            "no_order": no_order.to_numpy(dtype=bool),
            "nothing_due": nothing_due.to_numpy(dtype=bool),
            "foreign": (compared["foreign_micros"] > 0).to_numpy(dtype=bool),
        }
    )


def _differences(
    table: str,
    compared: pd.DataFrame,
    judged: tuple[npt.NDArray[np.str_], pd.Series, pd.Series, pd.Series],
) -> pd.DataFrame:
    kind, found, off, wrong = judged
    spec = TABLES[table]
    rows = compared[list(_KEPT)].assign(
        kind=kind, expected_micros=found - off, found_micros=found, difference_micros=off
    )
    rows = rows[wrong.to_numpy(dtype=bool)]
    return spec.conform(rows.sort_values(list(spec.key), ignore_index=True))
