"""The shop's days in SQL, by the rules that Python has of its time zone.

PostgreSQL has rules of its own. Those of another release know other days, once a country has
changed its clocks; and some names of zones, such as CET, are to it one offset for all of the year.
What is counted in both places has to be of the same days.
"""

from __future__ import annotations

import hashlib
from zoneinfo import ZoneInfo

from shop_assets.transforms.days import Offsets, offsets
from shop_assets.warehouse.connection import Cursor, fetch_one
from shop_assets.warehouse.ddl import literal


def local(moment: str, zone: str) -> str:
    """An expression for what the clocks of a zone show (timestamp) at a moment (timestamptz)."""
    known = offsets(ZoneInfo(zone))
    if not known.seconds.any():
        return f"({moment} AT TIME ZONE 'UTC')"
    ahead = ",".join(map(str, known.seconds))
    place = f"1 + width_bucket({moment}, '{{{_since(known)}}}'::timestamptz[])"
    return (
        f"(({moment} AT TIME ZONE 'UTC') + make_interval(secs => ('{{{ahead}}}'::int[])[{place}]))"
    )


def day(moment: str, zone: str) -> str:
    """An expression for the day (date) of a zone that a moment (timestamptz) is in."""
    return f"{local(moment, zone)}::date"


def are_postgresqls(cursor: Cursor, zone: str) -> bool:
    """Whether PostgreSQL's clocks of a zone have shown the same on each day until now."""
    return not fetch_one(
        cursor,
        "SELECT EXISTS (SELECT FROM generate_series('1900-01-01 12:00+00'::timestamptz, "
        "now() + interval '2 days', interval '1 day') at "
        f"WHERE at AT TIME ZONE {literal(zone)} <> {local('at', zone)})",
    )


def rules(zone: str) -> str:
    """A text that is another one where the rules of a zone are; '' where it is always at UTC."""
    known = offsets(ZoneInfo(zone))
    if not known.seconds.any():
        return ""
    return hashlib.sha256(known.since.tobytes() + known.seconds.tobytes()).hexdigest()[:16]


def _since(known: Offsets) -> str:
    moments = known.since.view("datetime64[s]")
    return ",".join(f"{moment}+00" for moment in moments)
