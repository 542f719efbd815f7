"""Values that a type alone does not describe: names, time zones, formats of times, currencies."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, SecretStr


class Strict(BaseModel):
    """A part of the configuration: unknown keys are errors, values never change.

    The text below a key is its meaning in `docs/configuration.md`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class WrongValueError(ValueError):
    """What is wrong with a value, and what is expected; `at` leads to the part of it that is.

    `said` may repeat the value, but no password in it.
    """

    def __init__(self, said: str, expected: str, *, at: tuple[str | int, ...] = ()) -> None:
        super().__init__(f"{said}; {expected} is expected")
        self.at = at


@dataclass(frozen=True)
class Words:
    """What the reference calls a type."""

    text: str


def without_password(url: str) -> str:
    """The URL with everything between `://` and the last `@` hidden."""
    scheme, separator, rest = url.partition("://")
    _, at, tail = rest.rpartition("@")
    return f"{scheme}{separator}{'***@' if at else ''}{tail}" if separator else url


def has_password(url: str) -> bool:
    """Whether a URL carries a password."""
    try:
        return urlsplit(url).password is not None
    except ValueError:
        return False


def _name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,40}", value):
        raise WrongValueError(
            f"{value!r} is no name of a source or stream",
            "at most 41 lower-case letters, digits and _, the first of them a letter,",
        )
    return value


def _rule_name(value: str) -> str:
    if not re.fullmatch(r"[a-z][a-z0-9_]*", value):
        raise WrongValueError(f"{value!r} is no name of a rule", "lower-case letters, digits and _")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise WrongValueError(
            f"no such time zone: {value!r}", "an IANA name, such as Europe/Berlin,"
        ) from None
    return value


def _format(value: str) -> str:
    if value not in ("iso", "epoch", "epoch_ms") and "%" not in value:
        raise WrongValueError(
            f"no such format of times: {value!r}", "a strptime pattern, iso, epoch or epoch_ms"
        )
    return value


def _currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise WrongValueError(f"{value!r} is no currency", "an ISO 4217 code, such as EUR,")
    return value


Name = Annotated[str, AfterValidator(_name), Words("name")]
RuleName = Annotated[str, AfterValidator(_rule_name), Words("name")]
TimeZone = Annotated[str, AfterValidator(_zone), Words("time zone (IANA name)")]
TimeFormat = Annotated[str, AfterValidator(_format), Words("time format")]
Currency = Annotated[str, AfterValidator(_currency), Words("ISO 4217 code")]
Secret = Annotated[SecretStr, Words("text (secret)")]
