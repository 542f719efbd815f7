"""The CRM's exports: CSV of a German office, with its dates, its encoding and its gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from shop_assets.demo import people
from shop_assets.demo.chance import Bools, Ints, generator, moments, pick, share, texts
from shop_assets.demo.orders import Births
from shop_assets.demo.plan import ZONE, DemoPlan
from shop_assets.demo.timeline import Timeline

NAME = "contacts-%Y-%m-%dT%H.csv"
ENCODING = "latin-1"
HEADER = "Kontakt;Kunde;E-Mail;Name;Segment;Einwilligung;Angelegt;Geändert;Notiz"
_SEGMENTS = texts(["Stammkunde", "Neukunde", "Großkunde", "Gelegenheit", "-"])
_YES = texts(["ja", "J", "1"])
_NO = texts(["nein", "N", "0"])


@dataclass(frozen=True)
class ContactHour:
    """The lines of one hour's file; arrays of one length.

    `invalid`: 1 for no contact, 2 for a day that does not exist; `broken`: one field too many.
    """

    hour: int
    customer: Ints
    changed_at: Ints
    consent_changed: Bools
    invalid: Ints
    broken: Bools


def compose(
    plan: DemoPlan,
    hour: int,
    alive: Sequence[Births],
    imported: tuple[people.Accounts, Timeline],
) -> ContactHour:
    """The contacts that changed in an hour: new accounts, changed minds, customers who ordered."""
    start, end = plan.hour_start(hour), plan.hour_start(hour + 1)
    numbers, changed, minds = [], [], []
    populations = [imported, *((b.accounts, b.account_timeline) for b in alive)]
    for accounts, timeline in populations:
        rows = timeline.changed(start, end)
        numbers.append(accounts.number[rows])
        changed.append(timeline.updated_at(rows, end))
        minds.append(accounts.number[accounts.consent_changed_at < end])
    for born in alive:
        if born.hour == hour:
            known = born.orders.customer > 0
            numbers.append(born.orders.customer[known])
            changed.append(born.orders.placed_at[known])
    number, at = np.concatenate(numbers), np.concatenate(changed)
    at = at // 1_000_000 * 1_000_000  # the CRM counts whole seconds
    in_crm = share(number, 13) < 0.8
    number, at = number[in_crm], at[in_crm]
    newest = np.lexsort((at, number))
    number, at = number[newest], at[newest]
    last = np.append(number[1:] != number[:-1], [True])[: len(number)]
    number, at = number[last], at[last]

    chance = generator(plan.seed, "crm", hour)
    spoilt = np.flatnonzero(chance.random(len(number)) < plan.dirt)
    kind = chance.integers(1, 4, len(spoilt))
    row = np.concatenate([np.arange(len(number)), spoilt])
    kinds = np.concatenate([np.zeros(len(number), dtype=np.int64), kind])
    return ContactHour(
        hour,
        number[row],
        at[row],
        np.isin(number[row], np.concatenate(minds)),
        np.where(kinds == 3, 0, kinds),
        kinds == 3,
    )


def encode(plan: DemoPlan, rows: ContactHour) -> bytes:
    """The file's bytes."""
    number = rows.customer
    if len(number) == 0:
        return (HEADER + "\r\n").encode(ENCODING)
    salt = 100 + rows.hour % 1_000
    customer = number.astype(str).astype(object)
    contact = np.where(rows.invalid == 1, "", "k-" + customer)
    contact = np.where((rows.invalid == 2) | rows.broken, "k-x" + customer, contact)
    email = np.where(
        pick(number, 14, 33) == 0, "", texts([e.strip() for e in people.emails(number)])
    )
    name = np.where(pick(number, 15, 80) == 0, "n/a", people.names(number))
    agreed = people.consent(number, rows.consent_changed)
    words = pick(number, salt, 3)
    consent = np.where(agreed, _YES[words], _NO[words])
    consent = np.where(pick(number, 16, 50) == 0, "", consent)
    changed = _mixed(rows.changed_at, pick(number, salt + 1, 3))
    changed = pc.if_else(pa.array(rows.invalid == 2), "31.02.2026 10:00:00", changed)
    opened = pc.utf8_slice_codeunits(_german(_local(people.opened_on(plan, number))), 0, 10)
    note = np.where(pick(number, 17, 60) == 0, '"ruft an;\r\nbitte per Mail"', "")
    note = np.where(rows.broken, note + ";;", note)
    columns = [contact, customer, email, name, _SEGMENTS[pick(number, salt // 24, 5)], consent]
    text = pc.binary_join_element_wise(
        *(pa.array(column, pa.string()) for column in columns),
        opened,
        changed,
        pa.array(note, pa.string()),
        ";",
    )
    return ("\r\n".join([HEADER, *text.to_pylist()]) + "\r\n").encode(ENCODING)


def _local(micros: Ints) -> pa.Array:
    """`2026-11-03T14:05:07`, of the shop's wall clock."""
    whole = micros // 1_000_000 * 1_000_000
    local = pc.local_timestamp(moments(whole).cast(pa.timestamp("us", ZONE.key)))
    numbers = local.cast(pa.int64()).to_numpy() // 1_000_000
    return pa.array(np.datetime_as_string(numbers.astype("datetime64[s]")), pa.string())


def _german(iso: pa.Array) -> pa.Array:
    """`03.11.2026 14:05:07`."""

    def part(start: int, stop: int) -> pa.Array:
        return pc.utf8_slice_codeunits(iso, start, stop)

    day = pc.binary_join_element_wise(part(8, 10), part(5, 7), part(0, 4), ".")
    return pc.binary_join_element_wise(day, part(11, 19), " ")


def _mixed(micros: Ints, style: Ints) -> pa.Array:
    local = _local(micros)
    utc = pa.array(
        np.datetime_as_string((micros // 1_000_000).astype("datetime64[s]")), pa.string()
    )
    zulu = pc.binary_join_element_wise(utc, "Z", "")
    either = pc.if_else(pa.array(style == 1), local, zulu)
    return pc.if_else(pa.array(style == 0), _german(local), either)
