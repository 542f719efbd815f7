"""Where PostgreSQL, S3 and Redis are: from the environment, else from the embedded stack."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urlsplit

from shop_assets.errors import UserError
from shop_assets.stack import state as stack_state
from shop_assets.stack.process import LOOPBACK, is_running
from shop_assets.stack.state import StackState

BUCKET = "shop"
DEFAULT_REGION = "us-east-1"
_NO_CODE = re.compile("%(?![0-9a-fA-F]{2})")
_ENCODED = "@ / : ? # [ ] % in a password written as %40 %2F %3A %3F %23 %5B %5D %25"

DIRECT = {"proxy_url": "http://proxy.invalid", "proxy_excludes": ",".join(LOOPBACK)}
"""Options with which Rust's `object_store` asks a server of this machine itself, whatever proxy the
environment names: it has a proxy of its own then, which is for other hosts."""


@dataclass(frozen=True)
class Endpoints:
    """Addresses and credentials of the services that the platform stands on.

    `repr` leaves the credentials out, so that a log line or a traceback cannot show them.
    """

    postgres_url: str = field(repr=False)
    """libpq URI of the warehouse database, as the role that loads it."""
    postgres_reader_url: str = field(repr=False)
    """The same database as a role that may read the marts and nothing else."""
    dagster_postgres_url: str = field(repr=False)
    """SQLAlchemy URL (`postgresql+psycopg2://`) of Dagster's own storage."""
    postgres_admin_url: str | None = field(repr=False)
    """Superuser on database `postgres`; None where the server is not the embedded one."""
    s3_url: str
    """`s3://bucket` or `s3://bucket/prefix`."""
    s3_endpoint: str | None
    """`http://host:port`; None means AWS itself."""
    s3_access_key: str | None = field(repr=False)
    s3_secret_key: str | None = field(repr=False)
    s3_region: str
    redis_url: str | None = field(repr=False)

    def storage_options(self) -> dict[str, str]:
        """Options for `deltalake` and everything else built on Rust's `object_store`."""
        options = {"AWS_REGION": self.s3_region, "aws_conditional_put": "etag"}
        if self.s3_access_key is not None and self.s3_secret_key is not None:
            options["AWS_ACCESS_KEY_ID"] = self.s3_access_key
            options["AWS_SECRET_ACCESS_KEY"] = self.s3_secret_key
        if self.s3_endpoint is not None:
            options["AWS_ENDPOINT_URL"] = self.s3_endpoint
            if self.s3_endpoint.startswith("http://"):
                options["AWS_ALLOW_HTTP"] = "true"
            if urlsplit(self.s3_endpoint).hostname in LOOPBACK:
                options |= DIRECT
        return options

    def environment(self) -> dict[str, str]:
        """The variables from which `resolve_endpoints` makes these endpoints again."""
        variables = {
            "SHOP_POSTGRES_URL": self.postgres_url,
            "SHOP_POSTGRES_READER_URL": self.postgres_reader_url,
            "SHOP_DAGSTER_POSTGRES_URL": self.dagster_postgres_url,
            "SHOP_POSTGRES_ADMIN_URL": self.postgres_admin_url,
            "SHOP_S3_URL": self.s3_url,
            "SHOP_S3_ENDPOINT": self.s3_endpoint,
            "AWS_ACCESS_KEY_ID": self.s3_access_key,
            "AWS_SECRET_ACCESS_KEY": self.s3_secret_key,
            "AWS_REGION": self.s3_region,
            "SHOP_REDIS_URL": self.redis_url,
        }
        return {name: value for name, value in variables.items() if value is not None}


@dataclass(frozen=True)
class Replaced:
    """Which of the embedded services the environment replaces by the user's own."""

    postgres: bool
    s3: bool
    redis: bool


def replaced_services(environ: Mapping[str, str], state: StackState) -> Replaced:
    """Which services the environment replaces.

    Variables that carry this stack's own credentials (after `eval "$(shop-assets env)"`) replace
    nothing: they mean the embedded service, even when its port has changed since.
    """
    postgres = environ.get("SHOP_POSTGRES_URL", "")
    redis = environ.get("SHOP_REDIS_URL", "")
    s3 = environ.get("SHOP_S3_URL", "") or environ.get("SHOP_S3_ENDPOINT", "")
    own_s3 = environ.get("AWS_SECRET_ACCESS_KEY") == state.secrets.s3_secret_key
    return Replaced(
        postgres=bool(postgres) and _password(postgres) != state.secrets.postgres["loader"],
        s3=bool(s3) and not own_s3,
        redis=bool(redis) and _password(redis) != state.secrets.redis,
    )


def check_replacements(environ: Mapping[str, str], replaced: Replaced) -> None:
    """Raise `UserError` where a variable that replaces a service is malformed."""
    if replaced.postgres:
        _postgres_from(environ)
    if replaced.s3:
        _s3_from(environ)
    if replaced.redis:
        _redis_from(environ)


def resolve_endpoints(home: Path, environ: Mapping[str, str]) -> Endpoints:
    """Find each service: in `SHOP_*` variables first, else in the embedded stack run from `home`.

    Raises:
        UserError: a variable is malformed, or a service is neither named nor running.
    """
    state = stack_state.load(home)
    ours = {name for name, record in state.services.items() if is_running(record)} if state else ()
    replaced = replaced_services(environ, state) if state else Replaced(True, True, True)
    embedded = embedded_endpoints(state) if state and ours else None

    if "postgres" in ours and embedded and not replaced.postgres:
        postgres = (
            embedded.postgres_url,
            embedded.postgres_reader_url,
            embedded.dagster_postgres_url,
            embedded.postgres_admin_url,
        )
    else:
        postgres = _postgres_from(environ)
    if "s3" in ours and embedded and not replaced.s3:
        s3 = (
            environ.get("SHOP_S3_URL") or embedded.s3_url,
            embedded.s3_endpoint,
            embedded.s3_access_key,
            embedded.s3_secret_key,
            embedded.s3_region,
        )
    else:
        s3 = _s3_from(environ)
    if "redis" in ours and embedded and not replaced.redis:
        redis = embedded.redis_url
    else:
        redis = _redis_from(environ)
    url, reader, dagster, admin = postgres
    return Endpoints(url, reader, dagster, admin, *s3, redis_url=redis)


def embedded_endpoints(state: StackState) -> Endpoints:
    """The endpoints of the embedded stack at the ports it recorded."""
    passwords = state.secrets.postgres
    port = state.services["postgres"].port if "postgres" in state.services else 0
    s3_port = state.services["s3"].port if "s3" in state.services else 0
    redis_port = state.services["redis"].port if "redis" in state.services else 0
    server = f"127.0.0.1:{port}"
    return Endpoints(
        postgres_url=f"postgresql://loader:{passwords['loader']}@{server}/warehouse",
        postgres_reader_url=f"postgresql://reader:{passwords['reader']}@{server}/warehouse",
        dagster_postgres_url=(
            f"postgresql+psycopg2://dagster:{passwords['dagster']}@{server}/dagster"
        ),
        postgres_admin_url=f"postgresql://shop_admin:{passwords['shop_admin']}@{server}/postgres",
        s3_url=f"s3://{BUCKET}",
        s3_endpoint=f"http://127.0.0.1:{s3_port}",
        s3_access_key=state.secrets.s3_access_key,
        s3_secret_key=state.secrets.s3_secret_key,
        s3_region=DEFAULT_REGION,
        redis_url=f"redis://:{state.secrets.redis}@127.0.0.1:{redis_port}/0",
    )


def _postgres_from(environ: Mapping[str, str]) -> tuple[str, str, str, str | None]:
    found = environ.get("SHOP_POSTGRES_URL", "")
    if not found:
        raise _missing("PostgreSQL", "SHOP_POSTGRES_URL")
    url = _postgres_url(found, "SHOP_POSTGRES_URL")
    reader = environ.get("SHOP_POSTGRES_READER_URL", "")
    dagster = environ.get("SHOP_DAGSTER_POSTGRES_URL", "")
    admin = environ.get("SHOP_POSTGRES_ADMIN_URL", "")
    if dagster:
        dagster_url = _sqlalchemy(_postgres_url(dagster, "SHOP_DAGSTER_POSTGRES_URL"))
    else:
        separator = "&" if urlsplit(url).query else "?"
        dagster_url = _sqlalchemy(f"{url}{separator}options=-csearch_path%3Ddagster")
    return (
        url,
        _postgres_url(reader, "SHOP_POSTGRES_READER_URL") if reader else url,
        dagster_url,
        _postgres_url(admin, "SHOP_POSTGRES_ADMIN_URL") if admin else None,
    )


def _postgres_url(found: str, variable: str) -> str:
    """A libpq URI, whatever SQLAlchemy driver the user's variable names."""
    parts = _split(found, variable, "postgresql://user:password@host:port/database")
    scheme = parts.scheme.partition("+")[0]
    if scheme not in {"postgresql", "postgres"} or not parts.path.strip("/"):
        raise UserError(
            f"{variable} is {_without_password(found)}, "
            "expected postgresql://user:password@host:port/database."
        )
    if "@" in parts.netloc.partition("@")[2] or "/" in parts.path.partition("@")[2]:
        # What follows the first @ is no host: libpq would say so, with a part of the password.
        raise UserError(
            f"{variable} has a password that seems to have an @ of its own, expected "
            f"postgresql://user:password@host:port/database, with {_ENCODED}."
        )
    if _NO_CODE.search(parts.netloc):
        # libpq would say so, and show it.
        raise UserError(
            f"{variable} has a % that begins no code, expected "
            f"postgresql://user:password@host:port/database, with {_ENCODED}."
        )
    # Not put together from its parts: of `postgresql:///database` two slashes would be lost.
    return "postgresql" + found.strip()[len(parts.scheme) :]


def _sqlalchemy(url: str) -> str:
    return "postgresql+psycopg2" + url.removeprefix("postgresql")


def _s3_from(environ: Mapping[str, str]) -> tuple[str, str | None, str | None, str | None, str]:
    url = environ.get("SHOP_S3_URL", "")
    endpoint = environ.get("SHOP_S3_ENDPOINT", "")
    if not url and not endpoint:
        raise _missing("S3", "SHOP_S3_URL")
    url = url if url.endswith("://") else url.rstrip("/") or f"s3://{BUCKET}"
    expected = "s3://bucket or s3://bucket/prefix"
    bucket = _split(url, "SHOP_S3_URL", expected)
    if bucket.scheme != "s3" or not bucket.netloc or "@" in bucket.netloc:
        raise UserError(f"SHOP_S3_URL is {_without_password(url)}, expected {expected}.")
    if endpoint:
        parts = _split(endpoint, "SHOP_S3_ENDPOINT", "http://host:port or https://host")
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise UserError(
                f"SHOP_S3_ENDPOINT is {_without_password(endpoint)}, "
                "expected http://host:port or https://host."
            )
    key = environ.get("AWS_ACCESS_KEY_ID") or None
    secret = environ.get("AWS_SECRET_ACCESS_KEY") or None
    if (key is None) != (secret is None):
        given, lacking = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        if key is None:
            given, lacking = lacking, given
        raise UserError(f"{given} is set but {lacking} is not, expected both or neither.")
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or DEFAULT_REGION
    return url, endpoint.rstrip("/") or None, key, secret, region


def _redis_from(environ: Mapping[str, str]) -> str | None:
    """Redis may be missing: nothing is lost without it, so it is the one optional service."""
    found = environ.get("SHOP_REDIS_URL", "")
    if not found:
        return None
    expected = "redis://:password@host:port/0"
    parts = _split(found, "SHOP_REDIS_URL", expected)
    server = parts.scheme in {"redis", "rediss"} and parts.hostname
    number = parts.path.strip("/")
    if not (server and (not number or number.isdecimal())) and parts.scheme != "unix":
        raise UserError(f"SHOP_REDIS_URL is {_without_password(found)}, expected {expected}.")
    return found


def _missing(service: str, variable: str) -> UserError:
    return UserError(
        f"{service} is not there: found neither {variable} nor a running embedded stack; "
        f"run `shop-assets stack up` or set {variable}."
    )


def _split(url: str, variable: str, expected: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        # The error may repeat a part of the password, where that holds a slash.
        raise UserError(
            f"{variable} is not a URL that can be read, expected {expected}, with {_ENCODED}."
        ) from None
    return parts


def _password(url: str) -> str | None:
    try:
        password = urlsplit(url).password
    except ValueError:
        return None
    return unquote(password) if password else None


def _without_password(url: str) -> str:
    """The URL with everything between `://` and the last `@`, and what follows a `?`, hidden."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return "a text without ://"
    _, at, tail = rest.rpartition("@")
    place, query, _ = tail.partition("?")
    shown = f"{scheme}{separator}{'***@' if at else ''}{place}{'?***' if query else ''}"
    return quote(shown, safe=":/?&=*@.,+-_~%")
