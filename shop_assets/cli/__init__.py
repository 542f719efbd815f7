"""The `shop-assets` command: what a person runs."""

import sys
import warnings

from shop_assets.cli.memory import importing, keep_memory


def main() -> None:
    """Run the command; what libraries say to developers at import is nothing to a user."""
    if not sys.warnoptions:
        warnings.simplefilter("ignore")
    keep_memory()
    with importing():
        from shop_assets.cli.app import main as run

    run()


__all__ = ["main"]
