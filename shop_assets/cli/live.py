"""`shop-assets live`: the hour that is not over yet, loaded again and again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated

import typer

from shop_assets.cli.figures import console
from shop_assets.cli.memory import importing
from shop_assets.cli.shop import ConfigOption, Shop
from shop_assets.servers import home
from shop_assets.signals import asked_to_stop, beside_signals

if TYPE_CHECKING:
    from shop_assets.live import MicroBatch


def live(
    config: ConfigOption = None,
    every: Annotated[
        float, typer.Option(min=1, max=1800, help="Seconds from one load's begin to the next's.")
    ] = 60.0,
) -> None:
    """Keep the marts a minute or two behind the sources, until Ctrl-C.

    Loads what has changed in the hour that is not over. Runs beside the schedule, which loads each
    hour once more when it is over.
    """
    shop = Shop.open(config)
    with importing():
        from shop_assets.live import OpenHour
    with asked_to_stop() as stopping:
        followed = OpenHour(shop.definitions(open_hour=True), shop.open_calendar, shop.warehouse)
        beside_signals(partial(followed.follow, every, lambda: not stopping.asked, _tell))


def _tell(done: MicroBatch) -> None:
    (home() / "live").touch()
    words = f"{done.hour:%Y-%m-%d %H}:00 UTC loaded until now in {done.seconds:.1f} s"
    if done.error is not None:
        words = f"{done.hour:%Y-%m-%d %H}:00 UTC not loaded, tried again: {done.error}"
    console().print(words, soft_wrap=True)
