"""The simulated shop that the benchmarks load: of the size asked for, without APIs to be served."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import yaml

from benchmarks.memory import held_now
from benchmarks.place import Place
from shop_assets.demo import DemoPlan, FlashSale, SimulatedShop, prepare_targets
from shop_assets.stack.state import write_secret

_EXAMPLE = Path(__file__).parents[1] / "examples" / "demo" / "shop.yaml"
_PAYMENTS = Path(__file__).with_name("payments.yaml")


def configuration() -> str:
    """The example's configuration for a plan without APIs, whose payments come as files."""
    declared: dict[str, Any] = yaml.safe_load(_EXAMPLE.read_text("utf-8"))
    for name in ("shopify", "woocommerce"):
        del declared["sources"][name]
    declared["sources"] |= yaml.safe_load(_PAYMENTS.read_text("utf-8"))
    return yaml.safe_dump(declared, sort_keys=False)


def plan_of(
    start: dt.datetime, orders: int, *, at_hour: int | None = None, sale: FlashSale | None = None
) -> DemoPlan:
    """A shop with so many orders in its hour of that number; in the mean of a week, if None."""
    if at_hour is None:
        return DemoPlan(start, orders_per_hour=float(orders), flash_sale=sale)
    share = DemoPlan(start, orders_per_hour=1.0, flash_sale=None).demand(at_hour)
    return DemoPlan(start, orders_per_hour=orders / share, flash_sale=sale)


class BenchShop:
    """A simulated shop in the place's own databases and folders, and its configuration."""

    def __init__(self, place: Place, plan: DemoPlan) -> None:
        self.plan = plan
        self.config = place.folder / "shop.yaml"
        self.targets = prepare_targets(
            place.admin_url, place.folder / "sources", password=place.password
        )
        write_secret(self.config, configuration())
        self._shop: SimulatedShop | None = SimulatedShop.create(plan, self.targets)

    def live(self, hours: int) -> None:
        """Let the shop live until so many hours after its opening."""
        if self._shop is None:
            raise ValueError("the shop is closed")
        self._shop.live(self.plan.start + hours * dt.timedelta(hours=1))

    def close(self) -> None:
        """Give back the connections, and the memory of its hours."""
        if self._shop is not None:
            self._shop.close()
        self._shop = None
        held_now()

    @property
    def variables(self) -> dict[str, str]:
        """What the configuration names, and where it is."""
        return {**self.targets.environment(self.plan), "SHOP_CONFIG": str(self.config)}
