"""`shop-assets`: the platform from the command line."""

from shop_assets.cli.app import main

__all__ = ["main"]
