"""A stateful local server of Shopify's Admin GraphQL API.

`ShopifyServer` is a shop with its API: orders are placed, edited, cancelled, fulfilled, refunded
and returned by its methods, and read through a real schema, with access scopes, points, cursors and
bulk operations. `demo/apis/shopify/schema.graphql` says what it has of the real one.
"""

from shop_assets.demo.apis.shopify.catalogue import NewCustomer, NewLevel, NewProduct, NewVariant
from shop_assets.demo.apis.shopify.order import NewLine, NewOrder
from shop_assets.demo.apis.shopify.server import SCOPES, TOKEN, ShopifyServer, shopify_app

__all__ = [
    "SCOPES",
    "TOKEN",
    "NewCustomer",
    "NewLevel",
    "NewLine",
    "NewOrder",
    "NewProduct",
    "NewVariant",
    "ShopifyServer",
    "shopify_app",
]
