"""What stands in a simulated shop's sources, to compare shops by."""

from __future__ import annotations

import hashlib
from pathlib import Path

import psycopg2
from psycopg2 import sql

from shop_assets.demo import DemoTargets, storefront, warehouse


def tables(targets: DemoTargets) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables of both databases, in the order of their keys."""
    found: dict[str, list[tuple[object, ...]]] = {}
    for url, declared in (
        (targets.storefront_url, storefront.TABLES),
        (targets.wms_url, warehouse.TABLES),
    ):
        connection = psycopg2.connect(url)
        with connection.cursor() as cursor:
            for table in declared:
                key = sql.SQL(", ").join(sql.Identifier(c.name) for c in table.primary_key)
                name = sql.Identifier(table.name)
                cursor.execute(sql.SQL("SELECT * FROM {} ORDER BY {}").format(name, key))
                found[table.name] = cursor.fetchall()
        connection.close()
    return found


def files(root: Path) -> dict[str, str]:
    """A hash of each file below a folder, by its path."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }
