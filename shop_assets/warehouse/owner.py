"""Whose warehouse it is: that of the first shop that uses it.

All shops' tables are called alike, and each figure is summed over all that is in them. Two shops
in one warehouse would have one turnover between them, and nothing would look wrong.
"""

from __future__ import annotations

import shlex
from typing import Any

from shop_assets.errors import UserError

Cursor = Any
"""A DBAPI cursor of ADBC, inside an open transaction."""


class OtherShopError(UserError):
    """The warehouse is another shop's."""


def claim(cursor: Cursor, shop: str, *, warehouse: str) -> None:
    """Note that the warehouse is the shop's, where it is nobody's yet.

    `warehouse`: what errors call it. Raises `OtherShopError` where it is another shop's.
    """
    found = _name(cursor)
    if found is None:
        # Of two that are first at once, one waits here for the other, whose name stands then.
        cursor.execute(
            "INSERT INTO meta.shop (name) VALUES ($1) ON CONFLICT DO NOTHING", parameters=(shop,)
        )
        found = _name(cursor)
    if found != shop:
        raise OtherShopError(
            f"warehouse {warehouse}: it has the data of the shop {found!r}, found the "
            f"configuration of {shop!r}, expected another SHOP_HOME or SHOP_POSTGRES_URL for it "
            f"(or shop-assets rename {shlex.quote(found or '')}, if that is its own former name)"
        )


def rename(cursor: Cursor, old: str, new: str, *, warehouse: str) -> None:
    """Let the warehouse of the shop `old` be that of `new`.

    Raises `OtherShopError`, and changes nothing, where it is not the one of `old`.
    """
    found = _name(cursor)
    if found != old:
        of = "no shop yet" if found is None else f"the shop {found!r}"
        raise OtherShopError(
            f"warehouse {warehouse}: it has the data of {of}, expected that of {old!r}, which is "
            "to be renamed"
        )
    cursor.execute("UPDATE meta.shop SET name = $1", parameters=(new,))


def _name(cursor: Cursor) -> str | None:
    cursor.execute("SELECT name FROM meta.shop")
    found = cursor.fetchone()
    return None if found is None else str(found[0])
