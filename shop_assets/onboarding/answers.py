"""What a person says of a shop and its systems, checked as `shop.yaml` is."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import yaml
from pydantic import ValidationError
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError

from shop_assets.errors import UserError
from shop_assets.onboarding.proposals import Proposal
from shop_assets.settings.access import ENCODED, has_lost_password
from shop_assets.settings.catalogue import (
    KnownConnector,
    Option,
    connector_name,
    connectors,
    source_models,
)
from shop_assets.settings.shop import Shop
from shop_assets.settings.values import without_password

Value = str | bool | float
_PLAIN = ("number", "whole number", "true or false")
_PASSWORD = "password"  # noqa: S105 - what it is called
_KEY = re.compile(r"(sk|rk|ck|cs|shp[a-z]{2})_")  # as the providers' keys begin
_ELSEWHERE = (
    "and would stay in the shell's history, expected in an environment variable or a file, to "
    "which shop.yaml refers"
)
_OPTION = re.compile(r",(?=[a-z_]+=)")


@dataclass(frozen=True)
class Secret:
    """Where a secret is found: an environment variable, or a file below the configuration's folder.

    `value`: to be written to the file; None where it is for the user to put there.
    """

    option: str
    env: str | None = None
    file: str | None = None
    value: str | None = field(default=None, repr=False)

    @property
    def reference(self) -> str:
        """How `shop.yaml` refers to it."""
        return f"${{{self.env}}}" if self.env else f"${{file:{self.file}}}"


@dataclass(frozen=True)
class SourceAnswer:
    """A source to be written. `options`: plain values; `secrets`: those that stand elsewhere.

    `proposals`: streams guessed from what a database or folder has; `others`: names of what looks
    like nothing known. `note`: for the reader, why there are no streams.
    """

    name: str
    connector: KnownConnector
    options: Mapping[str, Value]
    secrets: Sequence[Secret] = ()
    proposals: Sequence[Proposal] = ()
    others: Sequence[str] = ()
    note: str = ""


def why_not(option: str, value: str) -> str | None:
    """What is wrong with an answer about the shop itself, in words; None where nothing is."""
    dummy = {"name": "x", "timezone": "UTC", "currency": "EUR", "start": "2026-01-01"}
    try:
        Shop.model_validate({**dummy, option: value})
    except ValidationError as error:
        if option == "start":
            return f"found {value!r}; a date, such as 2026-01-31, is expected"
        return str(error.errors()[0]["msg"]).removeprefix("Value error, ")
    return None if value.strip() else "found nothing; some text is expected"


def parse_source(given: str) -> tuple[KnownConnector, dict[str, str]]:
    """A `--source`: `connector`, `connector=VALUE`, and `,option=value` after either.

    VALUE is the first option that must be given, or the address of the API. Raises `UserError` for
    what no connector knows, and for a secret, which does not belong on a command line; a database's
    url may have its password, since it is moved out of it.
    """
    head, *rest = _OPTION.split(given)
    name, equals, value = head.partition("=")
    known = {connector.name: connector for connector in connectors()}
    if name not in known:
        raise UserError(
            f"--source {without_password(given)}: no connector {name}, expected one of "
            f"{', '.join(known)}"
        )
    connector = known[name]
    options = {option.name: option for option in connector.options if option.name != "streams"}
    found: dict[str, str] = {}
    if equals:
        found[main_option(connector)] = value
    for each in rest:
        key, _, text = each.partition("=")
        if key not in options:
            raise UserError(
                f"--source {name}: no option {key}, expected one of {', '.join(options)} "
                f"(see shop-assets sources list {name})"
            )
        if options[key].secret:
            raise UserError(f"--source {name}: {key} is a secret {_ELSEWHERE}")
        found[key] = text
    for key, text in found.items():
        if _KEY.match(text):
            raise UserError(f"--source {name}: what is given as {key} is a secret {_ELSEWHERE}")
    return connector, found


def main_option(connector: KnownConnector) -> str:
    """The option that says where a source is."""
    needed = [option.name for option in needed_options(connector)]
    return needed[0] if needed else "api_url"


def needed_options(connector: KnownConnector) -> list[Option]:
    """The options that must be given, but secrets and streams."""
    return [o for o in connector.options if o.default is None and not _apart(o)]


def secret_options(connector: KnownConnector) -> list[Option]:
    """The secrets that must be given."""
    return [o for o in connector.options if o.default is None and o.secret]


def _apart(option: Option) -> bool:
    return option.secret or option.name == "streams"


def checked(connector: KnownConnector, options: Mapping[str, str]) -> dict[str, Value]:
    """The options as `shop.yaml` has them, with leave to call an API at a private address.

    Raises `UserError` where the connector refuses one.
    """
    kinds = {option.name: option.kind for option in connector.options}
    found: dict[str, Value] = {
        name: yaml.safe_load(text) if kinds[name].startswith(_PLAIN) else text
        for name, text in options.items()
    }
    if _is_private(urlsplit(options.get("api_url", "")).hostname or ""):
        found["allow_private"] = True
    dummies: dict[str, Any] = {option.name: "x" for option in secret_options(connector)}
    if not connector.streams:
        dummies["streams"] = {}
    model = next(m for m in source_models() if connector_name(m) == connector.name)
    try:
        model.model_validate({"connector": connector.name, **dummies, **found})
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"]) or "api_url"
        said = str(first["msg"]).removeprefix("Value error, ")
        raise UserError(f"--source {connector.name}: {where}: {said}") from None
    return found


def _is_private(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost"


def without_its_password(url: str, reference: str) -> tuple[str, str | None]:
    """A database's URL with a reference in the place of its password; and the password, encoded.

    The password is None where the URL has none. Raises `UserError` where it is no such URL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise UserError(
            "the url is none of a database, expected one like "
            "postgresql://user:password@host/database"
        ) from None
    if has_lost_password(url):
        raise UserError(f"the url's password seems to have an @ of its own, expected it {ENCODED}")
    if any(_PASSWORD in name.lower() or name == "passwd" for name in parsed.query):
        raise UserError(
            "the url has its password behind the ?, expected before the @: "
            "postgresql://user:password@host/database"
        )
    if not parsed.password:
        return url, None
    scheme, _, rest = url.partition("://")
    access, _, place = rest.rpartition("@")
    user, _, password = access.partition(":")
    return f"{scheme}://{user}:{reference}@{place}", password


def source_name(connector: str, taken: Sequence[str]) -> str:
    """A name for a source that no other has."""
    name, number = connector, 2
    while name in taken:
        name, number = f"{connector}_{number}", number + 1
    return name


def variable(source: str, option: str) -> str:
    """The environment variable that would hold a source's secret."""
    return f"{source}_{option}".upper()
