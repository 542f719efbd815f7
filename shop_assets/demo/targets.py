"""Making room for the simulated shop on a PostgreSQL server and in a folder."""

from __future__ import annotations

from pathlib import Path

from shop_assets.demo.plan import DemoTargets
from shop_assets.stack.postgres import create_database


def prepare_targets(admin_url: str, files_root: Path, *, password: str) -> DemoTargets:
    """Make the databases `storefront` and `wms`, each with an owner of its name, where missing.

    `admin_url`: a superuser's. `password`: of both owners, set anew each time. `files_root`: the
    folder for what the other four systems export.
    """
    files_root.mkdir(parents=True, exist_ok=True)
    return DemoTargets(
        create_database(admin_url, "storefront", owner="storefront", password=password),
        create_database(admin_url, "wms", owner="wms", password=password),
        files_root.resolve(),
    )
