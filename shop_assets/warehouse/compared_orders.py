"""Orders beside what providers took and gave back for them, summed by the server.

`whole` sums the current rows of every order, each table in one pass. `touched` does the same for
the orders and charges that `pg_temp.units` names, of rows that it looks up by key in the tables of
versions: these know no months, so that one look finds a row however old it is. Both leave out the
orders that agree to the micro, which nearly all do, and ask for details of the others alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd
import pyarrow as pa

from shop_assets.warehouse import looked_up, slices
from shop_assets.warehouse.connection import Cursor, read

ChargesIn = Literal["charges", "payments"]
RefundsIn = Literal["payment_refunds", "charges", "payments"]


@dataclass(frozen=True)
class Provider:
    """A source that takes and gives back money for orders.

    `charges_in`, `refunds_in`: the entities that say what it took and gave back. `pays_for`: the
    sources of the orders whose ids its charges carry.
    """

    source: str
    charges_in: ChargesIn
    refunds_in: RefundsIn
    pays_for: tuple[str, ...]


def whole(cursor: Cursor, providers: Sequence[Provider]) -> pd.DataFrame:
    """Orders whose money is not the same to the micro on both sides, and money of no order.

    One row per order, or per order id (or charge, where it names no order) that no shop knows:

    - source, order_id, charge_id, currency: see `analytics.charge_differences`;
    - status: the order's, `cancelled` whatever it is if it has a time of cancellation; null
      without an order;
    - due_micros: lines less discounts, with shipping and tax; below zero for a credit note;
    - refunded_micros, refund_events: the shop's refunds, and at how many moments they were made;
    - charged_micros, charges: what the provider took, and in how many charges;
      repeated_micros: of that, what repeats the amount of another charge;
    - given_micros, givings: what it gave back (pending refunds included), in how many refunds;
      failed_micros: refunds that did not succeed;
    - foreign_micros: what it kept in other currencies than the order's, without regard of sign;
    - since: when the last of all this happened. Of an order's rows that is the last change of
      their amounts, not of anything else in them.

    Amounts are Int64 micros. Test orders and deleted ones are left out, with their money.
    """
    # A million orders are summed in memory.
    cursor.execute("SET LOCAL work_mem = '128MB'")
    _stage_providers(cursor, providers)
    return _compared(cursor, "warehouse")


def touched(cursor: Cursor, providers: Sequence[Provider]) -> pd.DataFrame:
    """The rows of `whole` about `pg_temp.units`: kind `order` or `charge`, and its key.

    Adds to the units the orders of charges among them, and of refunds of these: a refund that names
    none has its charge's, and any refund counts only if its charge was captured.
    """
    looked_up.prepare(cursor)
    _stage_providers(cursor, providers)
    looked_up.add_orders_of_charges(cursor)
    looked_up.look_up(cursor, looked_up.OF_ORDERS)
    return _compared(cursor, "pg_temp", _ABOUT_UNITS)


def _compared(cursor: Cursor, schema: str, condition: str = "true") -> pd.DataFrame:
    """Compare the rows of a schema's tables; `condition`: which results (as `c`) are meant."""
    cursor.execute(_MOVEMENTS.replace(_ROWS, schema))
    cursor.execute("ANALYZE pg_temp.movements")
    cursor.execute(_COMPARED.replace(_ROWS, schema))
    cursor.execute("ANALYZE pg_temp.compared")
    return read(cursor, _WITH_DETAILS.replace(_ROWS, schema) + f" WHERE {condition}")


def _stage_providers(cursor: Cursor, providers: Sequence[Provider]) -> None:
    text = pa.string()
    slices.stage(
        cursor,
        "providers",
        pa.table(
            {
                "source": pa.array([p.source for p in providers], text),
                "charges_in": pa.array([p.charges_in for p in providers], text),
                "refunds_in": pa.array([p.refunds_in for p in providers], text),
            }
        ),
    )
    pairs = [(p.source, of) for p in providers for of in p.pays_for]
    slices.stage(
        cursor,
        "pays",
        pa.table(
            {
                "provider": pa.array([provider for provider, _ in pairs], text),
                "source": pa.array([of for _, of in pairs], text),
            }
        ),
    )


_ABOUT_UNITS = """EXISTS (
    SELECT FROM pg_temp.units u
    WHERE u.kind = CASE WHEN c.charge_id = '' THEN 'order' ELSE 'charge' END
        AND u.key = CASE WHEN c.charge_id = '' THEN c.order_id ELSE c.charge_id END
)"""
"""Of what was looked up along with them, the results are not whole."""

_ROWS = "<rows>"
"""The schema of the rows that are compared."""

_TAKEN = """
    SELECT c.source, c.order_id, c.charge_id, c.currency, c.created_at AS at,
        c.captured_micros AS charged, NULL::bigint AS given, NULL::bigint AS failed
    FROM <rows>.charges c JOIN pg_temp.providers p USING (source)
    WHERE p.charges_in = 'charges' AND NOT c.deleted AND c.captured AND c.status = 'succeeded'
    UNION ALL
    SELECT m.source, m.order_id, m.payment_id, m.currency, m.created_at, m.amount_micros, NULL, NULL
    FROM <rows>.payments m JOIN pg_temp.providers p USING (source)
    WHERE p.charges_in = 'payments' AND m.type = 'charge' AND NOT m.deleted
        AND coalesce(m.status, '') NOT IN ('failed', 'canceled', 'cancelled')
"""
"""What each provider took; one row for each charge."""

_GIVEN = """
    SELECT c.source, c.order_id, c.charge_id, c.currency, c.created_at AS at,
        NULL::bigint AS charged, c.refunded_micros AS given, NULL::bigint AS failed
    FROM <rows>.charges c JOIN pg_temp.providers p USING (source)
    WHERE p.refunds_in = 'charges' AND NOT c.deleted AND c.captured AND c.refunded_micros > 0
    UNION ALL
    SELECT r.source, coalesce(r.order_id, c.order_id), coalesce(r.charge_id, r.refund_id),
        r.currency, r.created_at, NULL,
        CASE WHEN r.status IN ('succeeded', 'pending') THEN r.amount_micros END,
        CASE WHEN r.status NOT IN ('succeeded', 'pending') THEN r.amount_micros END
    FROM <rows>.payment_refunds r JOIN pg_temp.providers p USING (source)
    LEFT JOIN <rows>.charges c ON c.source = r.source AND c.charge_id = r.charge_id
        AND NOT c.deleted
    WHERE p.refunds_in = 'payment_refunds' AND NOT r.deleted AND c.captured IS NOT FALSE
    UNION ALL
    SELECT m.source, m.order_id, m.payment_id, m.currency, m.created_at, NULL, -m.amount_micros,
        NULL
    FROM <rows>.payments m JOIN pg_temp.providers p USING (source)
    WHERE p.refunds_in = 'payments' AND m.type = 'refund' AND NOT m.deleted
        AND coalesce(m.status, '') NOT IN ('failed', 'canceled', 'cancelled')
"""
"""What each provider gave back; one row for each refund.

Stripe's API has called reserved money that was never taken refunded, once it was released.
"""

_MOVEMENTS = f"""
CREATE TEMP TABLE movements ON COMMIT DROP AS
SELECT source, coalesce(order_id, '') AS order_id,
    CASE WHEN order_id IS NULL THEN charge_id ELSE '' END AS charge_id, currency,
    coalesce(sum(charged), 0)::bigint AS charged, count(charged) AS charges,
    coalesce(sum(given), 0)::bigint AS given, count(given) AS givings,
    coalesce(sum(failed), 0)::bigint AS failed, max(at) AS at
FROM ({_TAKEN} UNION ALL {_GIVEN}) moved GROUP BY 1, 2, 3, 4
"""

_DUE = """
    SELECT source, order_id, currency,
        sum(quantity * unit_price_micros
            - CASE WHEN quantity < 0 THEN -discount_micros ELSE discount_micros END)::bigint
            AS amount
    FROM <rows>.order_items WHERE NOT deleted GROUP BY 1, 2, 3
"""
_REFUNDED = """
    SELECT source, order_id, currency,
        sum(amount_micros + shipping_micros + tax_micros)::bigint AS amount,
        count(DISTINCT refunded_at) AS events, max(refunded_at) AS at
    FROM <rows>.refunds WHERE NOT deleted GROUP BY 1, 2, 3
"""
_COMPARED = f"""
CREATE TEMP TABLE compared ON COMMIT DROP AS
WITH paid AS (
    SELECT p.source, m.order_id, m.currency, sum(m.charged)::bigint AS charged,
        sum(m.charges)::bigint AS charges,
        sum(m.given)::bigint AS given, sum(m.givings)::bigint AS givings,
        sum(m.failed)::bigint AS failed, max(m.at) AS at
    FROM pg_temp.movements m JOIN pg_temp.pays p ON p.provider = m.source
    WHERE m.charge_id = '' GROUP BY 1, 2, 3
), kept AS (
    SELECT source, order_id, count(*) AS currencies, sum(abs(charged - given)) AS nets,
        max(at) AS at
    FROM paid GROUP BY 1, 2
)
SELECT o.source, o.order_id, '' AS charge_id, o.currency,
    CASE WHEN o.cancelled_at IS NULL THEN o.status ELSE 'cancelled' END AS status,
    coalesce(d.amount, 0) - o.discount_micros + o.shipping_micros + o.tax_micros AS due_micros,
    coalesce(r.amount, 0) AS refunded_micros, coalesce(r.events, 0) AS refund_events,
    coalesce(m.charged, 0) AS charged_micros, coalesce(m.charges, 0) AS charges,
    coalesce(m.given, 0) AS given_micros, coalesce(m.givings, 0) AS givings,
    coalesce(m.failed, 0) AS failed_micros,
    (coalesce(k.nets, 0) - coalesce(abs(m.charged - m.given), 0))::bigint AS foreign_micros,
    greatest(o.placed_at, o.cancelled_at, r.at, k.at) AS since
FROM <rows>.orders o
LEFT JOIN ({_DUE}) d USING (source, order_id, currency)
LEFT JOIN ({_REFUNDED}) r USING (source, order_id, currency)
LEFT JOIN paid m USING (source, order_id, currency)
LEFT JOIN kept k USING (source, order_id)
WHERE o.source IN (SELECT source FROM pg_temp.pays)
    AND NOT o.is_test AND NOT o.deleted AND o.status <> 'deleted'
    AND NOT (
        o.status IN ('open', 'paid', 'fulfilled') AND o.cancelled_at IS NULL
        AND coalesce(m.charged, 0)
            = coalesce(d.amount, 0) - o.discount_micros + o.shipping_micros + o.tax_micros
        AND coalesce(m.given, 0) = coalesce(r.amount, 0)
        AND coalesce(k.currencies, 0) = CASE WHEN m.order_id IS NULL THEN 0 ELSE 1 END
    )
UNION ALL
SELECT m.source, m.order_id, m.charge_id, m.currency, NULL, 0, 0, 0, m.charged, m.charges,
    m.given, m.givings, m.failed, 0, m.at
FROM pg_temp.movements m
WHERE m.charged <> m.given AND m.charge_id <> ''
UNION ALL
SELECT m.source, m.order_id, '', m.currency, NULL, 0, 0, 0, m.charged, m.charges,
    m.given, m.givings, m.failed, 0, m.at
FROM pg_temp.movements m
WHERE m.charged <> m.given AND m.charge_id = '' AND NOT EXISTS (
    SELECT FROM pg_temp.pays p JOIN <rows>.orders o ON o.source = p.source
    WHERE p.provider = m.source AND o.order_id = m.order_id
)
"""

_WITH_DETAILS = f"""
SELECT c.source, c.order_id, c.charge_id, c.currency, c.status, c.due_micros, c.refunded_micros,
    c.refund_events, c.charged_micros, c.charges, coalesce(t.repeated, 0) AS repeated_micros,
    c.given_micros, c.givings, c.failed_micros, c.foreign_micros,
    greatest(c.since, o.at, i.at) AS since
FROM pg_temp.compared c
LEFT JOIN LATERAL (
    SELECT max(version_at) AS at FROM (
        SELECT version_at, money IS DISTINCT FROM lag(money) OVER (ORDER BY version_at, change_hour)
            AS moved
        FROM (
            SELECT version_at, change_hour, jsonb_build_array(
                discount_micros, shipping_micros, tax_micros, currency, is_test, deleted,
                CASE WHEN status = 'fulfilled' THEN 'paid' ELSE status END, cancelled_at
            ) AS money
            FROM warehouse.orders_versions v
            WHERE v.source = c.source AND v.order_id = c.order_id AND c.status IS NOT NULL
        ) told
    ) changes WHERE moved
) o ON true
LEFT JOIN LATERAL (
    SELECT max(version_at) AS at FROM (
        SELECT version_at, money IS DISTINCT FROM lag(money) OVER (
            PARTITION BY item_id ORDER BY version_at, change_hour) AS moved
        FROM (
            SELECT item_id, version_at, change_hour, jsonb_build_array(
                quantity, unit_price_micros, discount_micros, currency, deleted
            ) AS money
            FROM warehouse.order_items_versions v
            WHERE v.source = c.source AND v.order_id = c.order_id AND c.status IS NOT NULL
        ) told
    ) changes WHERE moved
) i ON true
LEFT JOIN (
    SELECT p.source, taken.order_id, taken.currency,
        (sum(charged) - sum(DISTINCT charged))::bigint AS repeated
    FROM ({_TAKEN}) taken JOIN pg_temp.pays p ON p.provider = taken.source
    WHERE (p.source, taken.order_id) IN (
        SELECT source, order_id FROM pg_temp.compared WHERE charges > 1
    ) GROUP BY 1, 2, 3
) t ON t.source = c.source AND t.order_id = c.order_id AND t.currency = c.currency
    AND c.charges > 1
"""
