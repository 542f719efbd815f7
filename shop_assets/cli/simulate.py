"""`shop-assets simulate`: a provider's API on this machine, to try a configuration on."""

from __future__ import annotations

import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shop_assets.cli.figures import console
from shop_assets.errors import UserError
from shop_assets.signals import asked_to_stop

if TYPE_CHECKING:
    from shop_assets.demo.simulated import Simulated


class Provider(StrEnum):
    """Whose API."""

    STRIPE = "stripe"
    SHOPIFY = "shopify"
    WOOCOMMERCE = "woocommerce"


ProviderArgument = Annotated[Provider, typer.Argument(help="Whose API.")]
PortOption = Annotated[
    int | None, typer.Option(min=1, max=65535, help="Else one of the provider's own, from 8301 on.")
]
StateOption = Annotated[
    Path | None, typer.Option(help="A file that keeps its objects; else they end with it.")
]
ObjectsOption = Annotated[
    int,
    typer.Option(min=0, max=100_000, help="How many orders to begin with, where there are none."),
]


def simulate(
    provider: ProviderArgument,
    port: PortOption = None,
    state: StateOption = None,
    objects: ObjectsOption = 200,
) -> None:
    """Serve a simulated API on 127.0.0.1 until Ctrl-C, with orders of the last month."""
    from shop_assets.demo.apis.serving import serving
    from shop_assets.demo.simulated import port_of, simulated

    if state is not None and not state.absolute().parent.is_dir():
        raise UserError(f"--state {state}: there is no such folder, expected one for its file")
    made = simulated(provider.value, objects=objects, state=state)
    place = port or port_of(provider.value)
    with asked_to_stop() as stopping, serving(made.app, port=place) as url:
        _introduce(made, url)
        while not stopping.asked:
            time.sleep(0.5)


def _introduce(made: Simulated, url: str) -> None:
    out = console()
    out.print(f"{made.provider} is simulated at {url}, with {made.objects:,} orders. In shop.yaml:")
    lines = ["sources:", f"  {made.provider}:", f"    connector: {made.provider}"]
    lines += [f"    {name}: {value}" for name, value in made.options.items()]
    lines += [f"    api_url: {url}", "    allow_private: true # it is on this machine"]
    lines += [
        f"    {name}: {value} # no secret: the simulation knows this one alone"
        for name, value in made.secrets.items()
    ]
    out.print("\n".join(lines), markup=False, highlight=False, soft_wrap=True)
    out.print("Ctrl-C ends it.")
