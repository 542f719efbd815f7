"""A Stripe account to test against: `/v1` lists and objects, events, and what happens to money.

server = StripeServer(Store(), Clock(now))
charge = server.charge(1999, "eur", order_id="1001")
server.refund(charge, 500)
with serving(server.app, clock=server.clock) as url:
    ...    # GET url/v1/refunds with the key of `StripeServer`
"""

from shop_assets.demo.apis.stripe.limits import CallLimits
from shop_assets.demo.apis.stripe.server import KEY, StripeServer, stripe_app

__all__ = ["KEY", "CallLimits", "StripeServer", "stripe_app"]
