"""The shop's customers: who they are, and what becomes of their accounts.

Numbers below a million are the customers of the years before the simulation starts; others are
made of the hour that their account was opened in. Everything else follows from the number.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop_assets.demo.chance import DAY, HOUR, NEVER, Ints, Texts, pick, share, texts
from shop_assets.demo.plan import DemoPlan

NUMBERS_PER_HOUR = 1_000_000
_FIRST = texts(
    ["Anna", "Jürgen", "Zoë", "Léa", "Mia", "Søren", "Paul", "Émile", "Nora", "Björn", "Ines"]
)
_LAST = texts(
    ["Müller", "Schmidt", "Weiß", "Dubois", "Rossi", "García", "Jansen", "Köhler", "Novak", "Öz"]
)
COUNTRIES = texts(["DE", "AT", "FR", "NL", "IT", "JP", "KW"])
TAX_PERMILLE = np.array([190, 200, 200, 210, 220, 100, 0], dtype=np.int64)


def established(plan: DemoPlan) -> int:
    """How many customers the shop has when it opens."""
    return int(min(900_000, max(300, plan.orders_per_hour * 20)))


@dataclass(frozen=True)
class Accounts:
    """Accounts and the moments of their lives; arrays of one length."""

    number: Ints
    created_at: Ints
    first_version_at: Ints
    consent_changed_at: Ints
    deleted_at: Ints

    @property
    def events(self) -> list[Ints]:
        """The moments at which a row of the storefront changes, the first one first."""
        return [self.first_version_at, self.consent_changed_at, self.deleted_at]


def accounts(number: Ints, created_at: Ints, first_version_at: Ints) -> Accounts:
    """The lives of accounts: a few change their consent later, very few are deleted."""
    changes = share(number, 1) < 0.04
    consent_at = first_version_at + HOUR + (share(number, 2) * 60 * HOUR).astype(np.int64)
    ends = share(number, 3) < 0.003
    deleted_at = first_version_at + DAY + (share(number, 4) * DAY * 2.9).astype(np.int64)
    return Accounts(
        number,
        created_at,
        first_version_at,
        np.where(changes, consent_at, NEVER),
        np.where(ends, deleted_at, NEVER),
    )


def established_accounts(plan: DemoPlan) -> Accounts:
    """The customers whom the shop has when it opens: imported in the first minute."""
    number = np.arange(1, established(plan) + 1, dtype=np.int64)
    age = (share(number, 5) * 900 * DAY).astype(np.int64) // 1_000_000 * 1_000_000
    return accounts(number, plan.start_micros - age - DAY, plan.start_micros + number * 10)


def names(number: Ints) -> Texts:
    """Full names."""
    first, last = _FIRST[pick(number, 6, len(_FIRST))], _LAST[pick(number, 7, len(_LAST))]
    return texts(first + " " + last)


def emails(number: Ints) -> Texts:
    """E-mail addresses as people type them: some in capitals, some with a space behind."""
    plain = "customer" + number.astype(str).astype(object) + "@example.com"
    dirt = pick(number, 8, 50)
    shouted = np.where(dirt == 0, texts([e.upper() for e in plain]), plain)
    return np.where(dirt == 1, shouted + " ", shouted)


def country_index(number: Ints) -> Ints:
    """Country of residence, as an index of `COUNTRIES`: most live in the first."""
    return np.searchsorted(
        np.array([0.62, 0.74, 0.83, 0.91, 0.95, 0.985]), share(number, 9), side="right"
    ).astype(np.int64)


def consent(number: Ints, changed: np.typing.NDArray[np.bool_]) -> np.typing.NDArray[np.bool_]:
    """Whether they have agreed to marketing; `changed`: whether they have changed their mind."""
    return (share(number, 10) < 0.55) ^ changed


def opened_on(plan: DemoPlan, number: Ints) -> Ints:
    """The moment that the CRM takes for an account's beginning: to the day, or to the hour."""
    age = (share(number, 5) * 900 * DAY).astype(np.int64) // 1_000_000 * 1_000_000
    hour = number // NUMBERS_PER_HOUR - 1
    return np.where(
        number < NUMBERS_PER_HOUR,
        plan.start_micros - age - DAY,
        plan.start_micros + hour * HOUR,
    )
