"""What a warehouse's schema is, so that two can be compared: column orders and months apart."""

from __future__ import annotations

from typing import Any

import psycopg2

from shop_assets.warehouse import ddl

_OURS = f"n.nspname IN ({', '.join(map(ddl.literal, ddl.SCHEMAS))})"
_TABLES = f"{_OURS} AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
_CLASS = "pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"

STRUCTURE = {
    "schema": f"SELECT nspname, nspowner::regrole::text FROM pg_namespace n WHERE {_OURS}",
    "table": f"SELECT c.oid::regclass::text, pg_get_partkeydef(c.oid) FROM {_CLASS} "
    f"WHERE {_TABLES}",
    "column": "SELECT c.oid::regclass::text, a.attname, format_type(a.atttypid, a.atttypmod), "
    "a.attnotnull, pg_get_expr(d.adbin, d.adrelid), a.attidentity, a.attgenerated, "
    "(SELECT l.collname FROM pg_collation l WHERE l.oid = a.attcollation) "
    f"FROM {_CLASS} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 "
    "AND NOT a.attisdropped LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum "
    f"WHERE {_TABLES}",
    "constraint": "SELECT c.oid::regclass::text, k.conname, pg_get_constraintdef(k.oid) "
    f"FROM {_CLASS} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype <> 'n' "
    f"WHERE {_TABLES}",
    "index": "SELECT c.oid::regclass::text, pg_get_indexdef(i.indexrelid) "
    f"FROM {_CLASS} JOIN pg_index i ON i.indrelid = c.oid WHERE {_TABLES}",
    "sequence": "SELECT schemaname, sequencename, data_type::text, start_value, increment_by "
    f"FROM pg_sequences s JOIN pg_namespace n ON n.nspname = s.schemaname WHERE {_OURS}",
}
"""What only a migration changes."""

DERIVED = {
    "comment": "SELECT c.oid::regclass::text, a.attname, d.description FROM pg_description d "
    "JOIN pg_class c ON d.classoid = 'pg_class'::regclass AND d.objoid = c.oid "
    "JOIN pg_namespace n ON n.oid = c.relnamespace "
    f"LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid WHERE {_OURS}",
    "view": "SELECT c.oid::regclass::text, c.relacl::text, pg_get_viewdef(c.oid) "
    f"FROM {_CLASS} WHERE {_OURS} AND c.relkind = 'v'",
}
"""What is made anew from the declarations after each upgrade."""

Facts = set[tuple[Any, ...]]


def described(cursor: psycopg2.extensions.cursor, queries: dict[str, str]) -> Facts:
    """Every fact about the schema of a cursor's database, each with what it is about."""
    facts: Facts = set()
    for about, query in queries.items():
        cursor.execute(query)
        facts |= {(about, *row) for row in cursor.fetchall()}
    return facts
