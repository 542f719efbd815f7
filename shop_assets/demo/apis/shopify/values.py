"""Shopify's ids, moments and amounts, and how they are written."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

_MICROS = 1_000_000
_COINS = {"JPY": 1_000_000, "KRW": 1_000_000, **dict.fromkeys(("BHD", "KWD", "TND"), 1_000)}
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def gid(kind: str, number: int | str) -> str:
    """The global id of an object: `gid://shopify/Order/1`."""
    return f"gid://shopify/{kind}/{number}"


def kind_of(id: str) -> str:  # noqa: A002
    """What kind of object a global id names; '' where it names none."""
    parts = id.split("/")
    return parts[3] if len(parts) == 5 and id.startswith("gid://shopify/") else ""


def number_of(id: str) -> int:  # noqa: A002
    """The number in a global id."""
    return int(id.rsplit("/", 1)[1].split("?", 1)[0])


def level_gid(location: str, item: str) -> str:
    """The global id of an item's stock at a location."""
    return f"gid://shopify/InventoryLevel/{number_of(location)}?inventory_item_id={number_of(item)}"


def seconds(moment: dt.datetime | int) -> int:
    """A moment in microseconds since 1970, cut to the second: Shopify tells no parts of one."""
    if isinstance(moment, dt.datetime):
        moment = (moment - _EPOCH) // dt.timedelta(microseconds=1)
    return moment // _MICROS * _MICROS


def moment_text(micros: int) -> str:
    """A moment as the API writes it: `2026-11-03T08:30:00Z`."""
    return f"{_EPOCH + dt.timedelta(microseconds=micros):%Y-%m-%dT%H:%M:%SZ}"


def moment_of(text: str) -> int:
    """Microseconds since 1970 of a time in ISO 8601; UTC where it names no zone. `ValueError`."""
    found = dt.datetime.fromisoformat(text)
    return seconds(found if found.utcoffset() is not None else found.replace(tzinfo=dt.UTC))


def amount_text(micros: int) -> str:
    """An amount as the API writes it: `12.95`, `10.0`."""
    whole, rest = divmod(abs(micros), _MICROS)
    digits = f"{rest:06d}".rstrip("0") or "0"
    return f"{'-' if micros < 0 else ''}{whole}.{digits}"


def amount_micros(amount: Decimal | str | int) -> int:
    """Micros of an amount in major units. `ValueError` for what is finer than a micro."""
    scaled = Decimal(amount).scaleb(6)
    micros = int(scaled)
    if micros != scaled:
        raise ValueError(f"{amount} is finer than a millionth")
    return micros


def minor_unit(currency: str) -> int:
    """The size of a currency's smallest coin in micros."""
    return _COINS.get(currency, 10_000)


def share(micros: int, part: int, whole: int, currency: str) -> int:
    """That part of an amount, in whole coins; what is finer goes to the rest."""
    coin = minor_unit(currency)
    return micros * part // (whole * coin) * coin if whole else 0


def money(
    micros: int, currency: str, presentment: str | None = None, rate: Decimal | int = 1
) -> str:
    """An amount as it is kept: `12.95 EUR`, or `12.95 EUR 14.11 USD` where it was shown in another.

    `rate`: how much of the presentment currency one unit of the shop's is.
    """
    shop = f"{amount_text(micros)} {currency}"
    if presentment is None or presentment == currency:
        return shop
    shown = int((Decimal(micros) * rate / 10_000).to_integral_value()) * 10_000
    return f"{shop} {amount_text(shown)} {presentment}"


def money_bag(kept: str) -> dict[str, dict[str, str]]:
    """The `MoneyBag` of an amount that `money` wrote."""
    parts = kept.split(" ")
    shop = {"amount": parts[0], "currencyCode": parts[1]}
    if len(parts) == 2:
        return {"shopMoney": shop, "presentmentMoney": shop}
    return {"shopMoney": shop, "presentmentMoney": {"amount": parts[2], "currencyCode": parts[3]}}
