"""Which of the shop's storefronts a customer buys at: its own, the one on Shopify, or WooCommerce.

A customer keeps to one, and a guest's order stands in one; so the shop's sums are those of its
storefronts, and who is a new customer of a storefront is a new customer of the shop.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from shop_assets.demo.chance import Ints, share
from shop_assets.demo.plan import DemoPlan

_SALT = 77


class Home(IntEnum):
    """A storefront."""

    STOREFRONT = 0
    SHOPIFY = 1
    WOOCOMMERCE = 2


def of_customers(plan: DemoPlan, customer: Ints) -> Ints:
    """The home of each customer."""
    drawn = share(customer, _SALT)
    shopify = drawn < plan.shopify_share
    woocommerce = ~shopify & (drawn < plan.shopify_share + plan.woocommerce_share)
    return np.select(
        [shopify, woocommerce], [Home.SHOPIFY, Home.WOOCOMMERCE], Home.STOREFRONT
    ).astype(np.int64)


def of_orders(plan: DemoPlan, customer: Ints, order_id: Ints) -> Ints:
    """The home of each order; `customer` is 0 for a guest."""
    return of_customers(plan, np.where(customer == 0, order_id, customer))


def open_homes(plan: DemoPlan) -> list[Home]:
    """The storefronts that the shop has."""
    shares = {Home.SHOPIFY: plan.shopify_share, Home.WOOCOMMERCE: plan.woocommerce_share}
    return [Home.STOREFRONT, *(home for home, part in shares.items() if part)]
