"""Local, stateful servers of the APIs that shops use: Stripe, Shopify and WooCommerce.

Each keeps its objects in a `Store`, pages, throttles and changes them as the provider does, and
knows what it has served. `Faults` spoil chosen answers; `serving` puts a server on loopback.
"""

from shop_assets.demo.apis.faults import Call, Faults
from shop_assets.demo.apis.serving import Clock, serving
from shop_assets.demo.apis.store import Store

__all__ = ["Call", "Clock", "Faults", "Store", "serving"]
