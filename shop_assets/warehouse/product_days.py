"""The days of `product_sales_daily` that a product's new category is seen in.

A day has the category that a product had when it was over; before its first, that one. Of its
versions only those from the one before the change on can differ by it. Which days a product was
sold on, the sums know that the mart is made of.
"""

from __future__ import annotations

from shop_assets.warehouse import sales_sums, slices, zones
from shop_assets.warehouse.connection import Cursor, fetch_one


def mark(cursor: Cursor, zone: str) -> None:
    """Ask for the days that the versions in `pg_temp.gone` and `pg_temp.came` concern."""
    concerned = _CONCERNED.replace("<day>", zones.day("m.since", zone))
    cursor.execute(f"CREATE TEMP TABLE concerned ON COMMIT DROP AS {concerned}")
    if not fetch_one(cursor, "SELECT EXISTS (SELECT FROM pg_temp.concerned)"):
        return
    # A load of the ledger that is under way is waited for. Else it could be over, and its days
    # computed, before this one commits: with the category of before, and nobody would ask again.
    cursor.execute(sales_sums.LOCK)
    sales_sums.ensure(cursor, zone)
    slices.mark_stale(cursor, "product_sales_daily", _DAYS)


_CONCERNED = """
WITH moved AS MATERIALIZED (
    SELECT source, product_id, min(version_at) AS since FROM (
        SELECT source, product_id, version_at FROM pg_temp.gone
        UNION ALL SELECT source, product_id, version_at FROM pg_temp.came
    ) either GROUP BY source, product_id
), before AS (
    SELECT m.source, m.product_id, v.category FROM moved m CROSS JOIN LATERAL (
        SELECT category FROM warehouse.products_versions v
        WHERE v.source = m.source AND v.product_id = m.product_id
            AND v.version_at < m.since
        ORDER BY v.version_at DESC, v.change_hour DESC LIMIT 1
    ) v
), told AS (
    SELECT source, product_id, category FROM before
    UNION ALL SELECT source, product_id, category FROM pg_temp.gone
    UNION ALL
    SELECT m.source, m.product_id, v.category FROM moved m CROSS JOIN LATERAL (
        SELECT category FROM warehouse.products_versions v
        WHERE v.source = m.source AND v.product_id = m.product_id
            AND v.version_at >= m.since OFFSET 0
    ) v
), known AS MATERIALIZED (
    SELECT source, product_id, count(DISTINCT coalesce(category, '')) > 1 AS changes,
        max(coalesce(category, '')) <> '' AS has_any
    FROM told GROUP BY source, product_id
)
SELECT source, product_id, CASE WHEN b.product_id IS NULL THEN '-infinity'
    ELSE <day> END AS since
FROM moved m JOIN known k USING (source, product_id)
LEFT JOIN before b USING (source, product_id)
WHERE k.changes OR (k.has_any AND b.product_id IS NULL)
"""
"""A query for the products whose category is another one, and from which of the shop's days on."""

_DAYS = """
SELECT s.day::timestamp AT TIME ZONE 'UTC'
FROM pg_temp.concerned c CROSS JOIN LATERAL (
    SELECT day FROM meta.product_sums s WHERE s.source = c.source
        AND s.product_id = c.product_id AND s.day >= c.since AND s.ledger_rows > 0 OFFSET 0
) s
"""
