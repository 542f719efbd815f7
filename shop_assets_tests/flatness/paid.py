"""What the payment providers of the past have: one with charges, one with a ledger alone.

Orders of an even number within their hour are paid by charges, the others by movements. One of ten
was never charged: what does not agree, too, grows with the history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from shop_assets.warehouse.compared_orders import Provider

PROVIDERS = (
    Provider("stripe", "charges", "payment_refunds", ("shop",)),
    Provider("ledger", "payments", "payments", ("shop",)),
)
GRACE = dt.timedelta(hours=24)
NAMES = ("charges", "payment_refunds", "payments", "payouts", "payout_transactions")

BASE = """
CREATE TEMP TABLE charges_made AS
SELECT * FROM orders_made WHERE k % 2 = 0 AND k % 10 <> 4;
CREATE TEMP TABLE moved_made AS
SELECT order_id, at, 'charge' AS type, 20000000 AS amount FROM orders_made WHERE k % 2 = 1;
CREATE TEMP TABLE given_made AS
SELECT 're' || refund_id AS refund_id, 'ch_' || order_id AS charge_id, at,
    CASE WHEN h % 2 = 0 THEN order_id END AS order_id
FROM refunds_made;
CREATE TEMP TABLE payouts_made AS
SELECT 'po_' || order_id AS payout_id, at FROM charges_made;
"""
"""Made of the orders and refunds of the past."""

_STRIPE = {"source": "'stripe'", "currency": "'GBP'", "created_at": "at", "version_at": "at"}

ENTITIES: dict[str, tuple[str, dict[str, str]]] = {
    "charges": (
        "charges_made",
        _STRIPE
        | {
            "charge_id": "'ch_' || order_id",
            "order_id": "order_id",
            "amount_micros": "20000000",
            "captured_micros": "20000000",
            "status": "'succeeded'",
            "captured": "true",
        },
    ),
    "payment_refunds": (
        "given_made",
        _STRIPE
        | {
            "refund_id": "refund_id",
            "charge_id": "charge_id",
            "order_id": "order_id",
            "amount_micros": "10000000",
            "status": "'succeeded'",
        },
    ),
    "payments": (
        "moved_made",
        _STRIPE
        | {
            "source": "'ledger'",
            "payment_id": "'p_' || order_id",
            "order_id": "order_id",
            "type": "type",
            "status": "'succeeded'",
            "amount_micros": "amount",
        },
    ),
    "payouts": (
        "payouts_made",
        _STRIPE
        | {
            "payout_id": "payout_id",
            "amount_micros": "20000000",
            "status": "'paid'",
            "automatic": "true",
        },
    ),
    "payout_transactions": (
        "charges_made",
        _STRIPE
        | {
            "payout_id": "'po_' || order_id",
            "payment_id": "'txn_' || order_id",
            "amount_micros": "20000000",
            "net_micros": "20000000",
            "type": "'charge'",
        },
    ),
}
"""Of each the rows, each of one version."""


def of_hour(
    new: Mapping[str, dt.datetime], old: Sequence[str], start: dt.datetime
) -> dict[str, list[dict[str, Any]]]:
    """What is told of an hour: its orders are paid, refunds of `old` ones leave, a payout fails."""
    common = {"source": "stripe", "currency": "GBP", "deleted": False}
    charged = [(o, at) for n, (o, at) in enumerate(new.items()) if n % 2 == 0]
    moved = [(o, at) for n, (o, at) in enumerate(new.items()) if n % 2 == 1]
    by_charge = [o for o in old if int(o.rsplit("-", 1)[1]) % 2 == 0]
    payout = {
        "amount_micros": 20_000_000 * len(charged), "status": "pending", "automatic": True,
        "created_at": start, "version_at": start,
    }  # fmt: skip
    return {
        "charges": [
            common | {
                "charge_id": f"ch_{o}", "order_id": o, "amount_micros": 20_000_000,
                "captured_micros": 20_000_000, "refunded_micros": 0, "status": "succeeded",
                "captured": True, "disputed": False, "created_at": at, "version_at": at,
            }
            for o, at in charged
        ],
        "payment_refunds": [
            common | {
                "refund_id": f"re{o}", "charge_id": f"ch_{o}", "amount_micros": 10_000_000,
                "status": "succeeded", "created_at": start, "version_at": start,
            }
            for o in by_charge
        ],
        "payments": [
            common | {
                "source": "ledger", "payment_id": f"p_{kind}_{o}", "order_id": o, "type": kind,
                "status": "succeeded", "amount_micros": amount, "fee_micros": 0,
                "created_at": at, "version_at": at,
            }
            for kind, amount, rows in (
                ("charge", 20_000_000, moved),
                ("refund", -10_000_000, [(o, start) for o in old if o not in by_charge]),
            )
            for o, at in rows
        ],
        "payouts": [
            common | payout | {"payout_id": f"po_{start:%d %H}"},
            common | payout | {"payout_id": f"po_{old[-1]}", "status": "failed"},
        ],
        "payout_transactions": [
            common | {
                "payout_id": f"po_{start:%d %H}", "payment_id": f"txn_{o}", "type": "charge",
                "amount_micros": 20_000_000, "fee_micros": 0, "net_micros": 20_000_000,
                "created_at": at, "version_at": at,
            }
            for o, at in charged
        ],
    }  # fmt: skip
