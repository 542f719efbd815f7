"""What visitors do on the shop's pages."""

from __future__ import annotations

from pandera.typing import Series

from shop_assets.entities.model import Bool, Int, Table, Text, Timestamp, column

STEPS = ["view", "product", "cart", "checkout", "purchase"]


class WebEvents(Table):
    """One row per event of the web tracker. Kept in the lake; PostgreSQL gets `web_activity`.

    An event never changes: of what an hour says of it the newest counts, but what a later hour says
    of it anew counts besides. Streams that say that their rows change or go are refused.
    """

    source: Series[Text] = column("Name of the source", key=True)
    event_id: Series[Text] = column("The tracker's id of the event", key=True)
    occurred_at: Series[Timestamp] = column("When it happened in the browser")
    visitor_id: Series[Text] = column("Pseudonymous id of the browser")
    customer_id: Series[Text] = column("The customer, once known", nullable=True)
    step: Series[Text] = column("Step of the funnel", isin=STEPS)
    url: Series[Text] = column("Page", nullable=True)
    product_id: Series[Text] = column("The product looked at", nullable=True)
    order_id: Series[Text] = column("The order made", nullable=True)
    campaign_id: Series[Text] = column("Campaign in the landing URL", nullable=True)
    is_bot: Series[Bool] = column("Made by a program, by its user agent")
    version_at: Series[Timestamp] = column("When the tracker received the event")
    deleted: Series[Bool] = column("The source has deleted the row")


class WebActivity(Table):
    """One row per visitor and unbroken stretch of activity within an hour, as loaded by one hour.

    A stretch ends where the next event comes 30 minutes later or more. It carries the first and
    last time of each funnel step: minima and maxima, so that an event delivered twice changes
    nothing. `change_hour` is the hour of change that brought the rows: their slice.
    """

    source: Series[Text] = column("Name of the source", key=True)
    visitor_id: Series[Text] = column("Pseudonymous id of the browser", key=True)
    started_at: Series[Timestamp] = column("First event of the stretch", key=True)
    change_hour: Series[Timestamp] = column("Hour of change that loaded the row", key=True)
    ended_at: Series[Timestamp] = column("Last event of the stretch")
    events: Series[Int] = column("Events in the stretch, as delivered", ge=1)
    is_bot: Series[Bool] = column("Made by a program")
    view_first: Series[Timestamp] = column("First view", nullable=True)
    view_last: Series[Timestamp] = column("Last view", nullable=True)
    product_first: Series[Timestamp] = column("First product page", nullable=True)
    product_last: Series[Timestamp] = column("Last product page", nullable=True)
    cart_first: Series[Timestamp] = column("First add to cart", nullable=True)
    cart_last: Series[Timestamp] = column("Last add to cart", nullable=True)
    checkout_first: Series[Timestamp] = column("First checkout", nullable=True)
    checkout_last: Series[Timestamp] = column("Last checkout", nullable=True)
    purchase_first: Series[Timestamp] = column("First purchase", nullable=True)
    purchase_last: Series[Timestamp] = column("Last purchase", nullable=True)
