"""The demo's own folder: servers, sources and configuration, apart from those of a real shop."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shop_assets.cli.shop import shipped
from shop_assets.errors import UserError
from shop_assets.servers import home
from shop_assets.stack import embedded
from shop_assets.stack.endpoints import resolve_endpoints
from shop_assets.stack.state import write_secret

if TYPE_CHECKING:
    from shop_assets.demo import DemoPlan, DemoTargets, SimulatedShop

_WITH_SECRETS = ("_STOREFRONT_URL", "_WMS_URL", "_KEY")
_REFERENCE = re.compile(r"\$\{(SHOP_DEMO_\w+)(?::-[^}]*)?\}")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


@dataclass(frozen=True)
class DemoHome:
    """`$SHOP_HOME/demo`: a home folder of its own, so that a demo never touches a real shop."""

    path: Path

    @classmethod
    def beside(cls) -> DemoHome:
        """The demo's folder inside this user's home folder."""
        return cls(home() / "demo")

    @property
    def config(self) -> Path:
        """The demo shop's configuration."""
        return self.path / "shop.yaml"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be the only demo here, with the environment of its own servers and no other's.

        All that it asks is on this machine, so no proxy is. Whatever is started of the stack is
        stopped at the end.
        """
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.path.parent / "demo.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise UserError(
                    f"{self.path}: another demo is running there, expected it to have ended"
                ) from None
            for name in [n for n in os.environ if _of_others(n)]:
                del os.environ[name]
            os.environ["SHOP_HOME"] = str(self.path)
            try:
                yield
            finally:
                embedded.stop(self.path)
        finally:
            os.close(lock)

    def clear(self) -> None:
        """Forget an earlier demo, with the servers that a killed one may have left."""
        if self.path.exists():
            embedded.stop(self.path)
            shutil.rmtree(self.path)

    def plan(self) -> DemoPlan | None:
        """The plan of the shop that lives here; None where there is none."""
        from shop_assets.demo import DemoPlan

        try:
            return DemoPlan.from_json(json.loads(self._plan_file.read_text("utf-8")))
        except FileNotFoundError:
            return None

    @contextlib.contextmanager
    def simulated(self, plan: DemoPlan) -> Iterator[SimulatedShop]:
        """The shop of that plan, in the sources that are here, its APIs served.

        Sources are made where they are missing. Writes the configuration that reads them. The
        demo's servers must be running.
        """
        from shop_assets.demo import SimulatedShop

        with SimulatedShop.create(plan, self._targets()) as shop, shop.served() as variables:
            write_secret(self._plan_file, json.dumps(plan.as_json()))
            self._configure(variables)
            yield shop

    @property
    def _plan_file(self) -> Path:
        return self.path / "plan.json"

    def _targets(self) -> DemoTargets:
        from shop_assets.demo import prepare_targets

        admin = resolve_endpoints(self.path, os.environ).postgres_admin_url
        if admin is None:
            raise UserError(f"{self.path}: found no server of the demo's own, expected one")
        return prepare_targets(admin, self.path / "sources", password=secrets.token_urlsafe(24))

    def _configure(self, variables: dict[str, str]) -> None:
        """Write the shop's configuration; what is secret stands in files that it names."""
        values = dict(variables)
        for name, value in variables.items():
            if name.endswith(_WITH_SECRETS):
                file = self.path / f"{name.lower()}.secret"
                write_secret(file, value)
                values[name] = f"${{file:{file}}}"
        example = shipped("examples/demo/shop.yaml")
        self.config.write_text(_REFERENCE.sub(lambda m: values[m[1]], example), "utf-8")


def _of_others(variable: str) -> bool:
    """Whether a variable of the environment leads to servers that are not the demo's."""
    ours = ("SHOP_", "DAGSTER_", "AWS_")
    return variable.startswith(ours) or variable.lower() in _PROXIES
