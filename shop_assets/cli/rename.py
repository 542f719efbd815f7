"""`shop-assets rename`: the shop has a new name, and its warehouse is still its own."""

from typing import Annotated

import typer

from shop_assets.cli.figures import console
from shop_assets.cli.shop import ConfigOption, Shop
from shop_assets.servers import open_warehouse
from shop_assets.warehouse import owner

OldArgument = Annotated[str, typer.Argument(metavar="OLD", help="The name that it had so far.")]


def rename(old: OldArgument, config: ConfigOption = None) -> None:
    """Let the warehouse of the shop OLD be that of the configuration's shop, which it now is.

    Only for the same shop under a new `shop.name`: another shop needs a warehouse of its own.
    """
    shop = Shop.open(config)
    new = shop.settings.shop.name
    warehouse = open_warehouse(shop.endpoints, shop.settings.shop.timezone)
    with warehouse.transaction() as cursor:
        owner.rename(cursor, old, new, warehouse=warehouse.address)
    console().print(
        f"The warehouse at {warehouse.address} is that of {new!r} now.",
        markup=False,
        soft_wrap=True,
    )
