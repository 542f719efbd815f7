"""A simulated shop: eight source systems that behave like real ones, and the truth behind them.

Everything follows from a seed and a clock. `SimulatedShop.live(until)` writes what happens in the
sources up to a moment; `SimulatedShop.truth()` says what a platform that reads them must find.
"""

from shop_assets.demo.plan import DemoPlan, DemoTargets, FlashSale
from shop_assets.demo.shop import SimulatedShop
from shop_assets.demo.targets import prepare_targets
from shop_assets.demo.truth import Truth

__all__ = ["DemoPlan", "DemoTargets", "FlashSale", "SimulatedShop", "Truth", "prepare_targets"]
