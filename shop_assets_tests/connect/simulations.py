"""Simulated providers, and sources that read them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from shop_assets.demo.apis import Faults, serving
from shop_assets.demo.simulated import Simulated, simulated


@dataclass(frozen=True)
class Running:
    """A provider's API that runs, and what is called and goes wrong there."""

    made: Simulated
    url: str
    faults: Faults

    def source(self, **more: str | float) -> str:
        """The source that reads it, as a part of `shop.yaml`."""
        options = {
            "connector": self.made.provider,
            "api_url": self.url,
            "allow_private": "true",
            "requests_per_second": 1000,
            **self.made.options,
            **self.made.secrets,
            **more,
        }
        lines = [f"    {name}: {value}" for name, value in options.items()]
        return "\n".join([f"  {self.made.provider}:", *lines, ""])


@contextmanager
def running(provider: str, objects: int) -> Iterator[Running]:
    """The API of a provider with so many orders."""
    made, faults = simulated(provider, objects=objects), Faults()
    with serving(made.app, faults=faults) as url:
        yield Running(made, url, faults)
