"""Stripe: balance transactions, charges, refunds, disputes and payouts, and their changes."""

from shop_assets.sources.stripe.connector import StripeConnector

__all__ = ["StripeConnector"]
