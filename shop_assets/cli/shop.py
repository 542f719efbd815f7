"""What every command needs: the home folder, the configuration, the servers, Dagster's instance.

What a command may not need is imported where it does.
"""

from __future__ import annotations

import datetime as dt
import os
import warnings
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import shop_assets
from shop_assets.cli.memory import importing
from shop_assets.errors import UserError
from shop_assets.servers import home, open_lake, open_warehouse
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import Endpoints, resolve_endpoints
from shop_assets.stack.state import write_secret

if TYPE_CHECKING:
    from dagster import DagsterInstance, Definitions

    from shop_assets.io_managers.delta_store import DeltaStore
    from shop_assets.partitions import Calendar
    from shop_assets.settings import ShopSettings
    from shop_assets.warehouse.connection import Warehouse

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="The shop's configuration; else SHOP_CONFIG."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]
EVENT_BATCH = "1000"


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def dagster_home() -> Path:
    """Dagster's home folder, with the instance's configuration in it."""
    given = os.environ.get("DAGSTER_HOME")
    if given:
        return Path(given).absolute()
    folder = home() / "dagster"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_secret(folder / "dagster.yaml", shipped("dagster.yaml"))
    return folder


def shipped(name: str) -> str:
    """The text of a file of the repository, which an installed package carries in `shipped/`."""
    package = Path(shop_assets.__file__).parent
    for place in (package / "shipped", package.parent):
        if (place / name).exists():
            return (place / name).read_text("utf-8")
    raise UserError(f"{package}: {name} is not there, expected it with the package")


def config_path(given: Path | None) -> Path:
    """The configuration's path: as given, else of `SHOP_CONFIG`."""
    if given is not None:
        return given.absolute()
    named = os.environ.get("SHOP_CONFIG")
    if not named:
        raise UserError("no configuration is named, expected --config FILE or SHOP_CONFIG")
    return Path(named).absolute()


@dataclass(frozen=True)
class Shop:
    """One shop, for the time of a command. Its servers are those of the environment or embedded."""

    path: Path
    settings: ShopSettings
    endpoints: Endpoints

    @classmethod
    def open(cls, config: Path | None, *, start: bool = False) -> Shop:
        """The shop of a configuration.

        `start`: hours are to be loaded; starts the embedded stack where it is missing.
        """
        path = config_path(config)
        with importing():
            from shop_assets.settings import load_settings
        settings = load_settings(path, os.environ)
        if start:
            with importing():
                import shop_assets.backfill  # noqa: F401 - Dagster and all assets, at once
        where = embedded.start(home()) if start else resolve_endpoints(home(), os.environ)
        os.environ.update(environment(where, path))
        return cls(path, settings, where)

    @cached_property
    def calendar(self) -> Calendar:
        """The shop's hours and days."""
        with importing():
            from shop_assets.partitions import Calendar

        shop = self.settings.shop
        return Calendar(shop.start, shop.zone, shop.end)

    @cached_property
    def open_calendar(self) -> Calendar:
        """The shop's hours and days, with the hour that is not over."""
        return replace(self.calendar, now=_now)

    @cached_property
    def warehouse(self) -> Warehouse:
        """The shop's warehouse."""
        return open_warehouse(self.endpoints, self.settings.shop.timezone, self.settings.shop.name)

    @cached_property
    def lake(self) -> DeltaStore:
        """The shop's lake."""
        return open_lake(self.endpoints)

    def definitions(self, *, open_hour: bool = False) -> Definitions:
        """The shop's assets and jobs; `open_hour`: for the hour that is not over."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with importing():
                from shop_assets.definitions import build_definitions
            return build_definitions(self.settings, now=_now if open_hour else None)

    def instance(self) -> DagsterInstance:
        """Dagster's instance, with events written in batches."""
        from dagster_postgres.utils import DagsterPostgresException

        from shop_assets.dagster_storage import instance_of_command

        # The warehouse's server, which is mostly Dagster's too, says at once what is wrong; Dagster
        # tries again for a quarter of a minute.
        self.warehouse  # noqa: B018 - opened when first asked for
        os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH)
        try:
            return instance_of_command(dagster_home())
        except DagsterPostgresException as error:
            raise UserError(
                f"Dagster's database: {_innermost(error)}; expected a PostgreSQL server "
                "(SHOP_DAGSTER_POSTGRES_URL, else SHOP_POSTGRES_URL) that lets its role in"
            ) from None


def environment(where: Endpoints, config: Path | None) -> dict[str, str]:
    """The variables that let Dagster's own commands find this shop."""
    variables = {
        **where.environment(),
        "SHOP_HOME": str(home()),
        "DAGSTER_HOME": str(dagster_home()),
        "DAGSTER_EVENT_BATCH_SIZE": EVENT_BATCH,
        "SHOP_MAX_CONCURRENT_RUNS": os.environ.get("SHOP_MAX_CONCURRENT_RUNS", "2"),
    }
    if config is not None:
        variables["SHOP_CONFIG"] = str(config)
    return variables


def _innermost(error: BaseException) -> str:
    """The first line of what an error came from in the end, which no other error wraps."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return str(error).strip().partition("\n")[0]
