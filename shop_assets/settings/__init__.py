"""All configuration: typed, validated, with the file's line in every mistake."""

from shop_assets.settings.loader import ConfigError, load_settings
from shop_assets.settings.shop import ShopSettings

__all__ = ["ConfigError", "ShopSettings", "load_settings"]
