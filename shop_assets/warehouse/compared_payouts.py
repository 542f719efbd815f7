"""Payouts beside their transactions, summed by the server.

`whole` sums all of them; `touched` those that `pg_temp.units` names, by their keys in the tables of
versions.
"""

from __future__ import annotations

import pandas as pd

from shop_assets.warehouse import looked_up
from shop_assets.warehouse.connection import Cursor, read


def whole(cursor: Cursor) -> pd.DataFrame:
    """Payouts that are not the sum of their transactions, and transactions in several payouts.

    Columns source, payout_id, payment_id ('' for a payout as a whole), currency, automatic,
    amount_micros, transactions (how many), found_micros, created_at. For a payout as a whole, the
    amount is to be found; of a transaction that an earlier payout has, `amount_micros` is 0, and
    the currency is its own.
    Payouts that were cancelled or failed are left out.
    """
    return read(cursor, _COMPARED.replace(_ROWS, "warehouse"))


def touched(cursor: Cursor) -> pd.DataFrame:
    """The rows of `whole` about `pg_temp.units`: kind `payout` or `payment`, source and key."""
    looked_up.prepare(cursor)
    looked_up.look_up(cursor, looked_up.OF_PAYOUTS)
    compared = _COMPARED.replace(_ROWS, "pg_temp")
    return read(cursor, f"SELECT c.* FROM ({compared}) c WHERE {_ABOUT_UNITS}")


_ABOUT_UNITS = """EXISTS (
    SELECT FROM pg_temp.units u WHERE u.source = c.source
        AND u.kind = CASE WHEN c.payment_id = '' THEN 'payout' ELSE 'payment' END
        AND u.key = CASE WHEN c.payment_id = '' THEN c.payout_id ELSE c.payment_id END
)"""
"""Of what was looked up along with them, the results are not whole."""

_ROWS = "<rows>"
"""The schema of the rows that are compared."""

_COMPARED = """
WITH paid AS (
    SELECT source, payout_id, currency, amount_micros, automatic, created_at
    FROM <rows>.payouts WHERE NOT deleted AND status NOT IN ('canceled', 'failed')
), parts AS (
    SELECT t.source, t.payout_id, t.payment_id, t.net_micros, t.currency,
        t.currency = p.currency AS same, p.automatic, p.created_at,
        row_number() OVER (PARTITION BY t.source, t.payment_id
            ORDER BY p.created_at, p.payout_id) AS place
    FROM <rows>.payout_transactions t JOIN paid p USING (source, payout_id)
    WHERE NOT t.deleted AND t.type <> 'payout'
), sums AS (
    SELECT source, payout_id, count(*) AS transactions,
        coalesce(sum(net_micros) FILTER (WHERE same), 0)::bigint AS amount
    FROM parts GROUP BY 1, 2
)
SELECT p.source, p.payout_id, '' AS payment_id, p.currency, p.automatic, p.amount_micros,
    coalesce(s.transactions, 0) AS transactions, coalesce(s.amount, 0) AS found_micros,
    p.created_at
FROM paid p LEFT JOIN sums s USING (source, payout_id)
WHERE p.amount_micros <> coalesce(s.amount, 0)
UNION ALL
SELECT source, payout_id, payment_id, currency, automatic, 0, 1, net_micros, created_at
FROM parts WHERE place > 1
"""
