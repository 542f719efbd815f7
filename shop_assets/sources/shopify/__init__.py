"""Shopify as a source, through its Admin GraphQL API.

What belongs to orders is read by `updated_at` of the order, which moves with nearly all that
happens to it; stock by that of its level, one location after the other. Short windows are read page
by page, long ones by bulk operations where Shopify can make one of the query.
"""

from shop_assets.sources.shopify.connector import ShopifyConnector

__all__ = ["ShopifyConnector"]
