"""Amounts as Stripe counts them, in units of the currency's major one.

Stripe's smallest unit is not that of ISO 4217 everywhere: the króna and the Ugandan shilling have
no minor unit, yet are counted in hundredths, and the ariary is counted in whole ones.
"""

from __future__ import annotations

_HUNDREDTHS = 2
_WHOLE = (
    *("bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "vnd", "vuv", "xaf"),
    *("xof", "xpf"),
)
_THOUSANDTHS = ("bhd", "jod", "kwd", "omr", "tnd")
_DECIMALS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3)}


def major(amount: object, currency: object) -> str | None:
    """`1999` of `eur` as `19.99`; None unless it is a whole number of a currency."""
    if not isinstance(amount, int) or isinstance(amount, bool) or not isinstance(currency, str):
        return None
    decimals = _DECIMALS.get(currency.lower(), _HUNDREDTHS)
    sign = "-" if amount < 0 else ""
    if not decimals:
        return str(amount)
    digits = str(abs(amount)).zfill(decimals + 1)
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"
