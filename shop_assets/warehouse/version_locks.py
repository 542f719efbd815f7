"""Who changes the versions of an entity, one load after the other; who reads several, undisturbed.

Whoever waits sees afterwards what was committed meanwhile: each statement reads what stands then.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from shop_assets.warehouse.connection import Cursor

_NAMED = "hashtextextended($1, 4)"


def lock(cursor: Cursor, entity: str) -> None:
    """Until the transaction ends, nobody else changes versions of the entity, nor relies on them.

    Loads of other hours may bring versions of the same rows: each must see those before it.
    """
    cursor.execute(f"SELECT pg_advisory_xact_lock({_NAMED})", parameters=(entity,))


@contextmanager
def unchanged(cursor: Cursor, entities: Iterable[str]) -> Iterator[None]:
    """Inside, what several statements read of these entities' versions is of one state.

    It waits for loads under way, and those that come wait for its end, not the transaction's. After
    an error it is the connection that ends.
    """
    named = sorted(entities)
    for entity in named:
        cursor.execute(f"SELECT pg_advisory_lock_shared({_NAMED})", parameters=(entity,))
    yield
    for entity in named:
        cursor.execute(f"SELECT pg_advisory_unlock_shared({_NAMED})", parameters=(entity,))
