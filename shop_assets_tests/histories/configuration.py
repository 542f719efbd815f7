"""The settings of the histories' shop: five sources, and rules that are switched on and off."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from shop_assets.settings import ShopSettings, load_settings

CURRENCIES = ("EUR", "JPY")
"""Of two and of no decimals."""

_SQL = """
  {name}:
    connector: sql
    url: postgresql://reader@nowhere/{name}
    overlap_minutes: {overlap}
    streams:"""
_STREAM = """
      {entity}:
        table: {entity}
        cursor: changed
        key: [{key}]
        entities:
          {entity}:
            fields: {{{fields}}}
            rules: [{rules}]"""

OVERLAP = {"shop": 10, "stock": 0, "web": 75, "ads": 0}
"""Minutes that each source is read again; the web's reach over more than one hour."""

FIELDS = {
    ("shop", "customers"): (
        "customer_id: customer_id, country: country, name: name, created_at: created_at, "
        "version_at: changed, deleted: deleted"
    ),
    ("shop", "products"): (
        "product_id: product_id, name: name, category: category, created_at: created_at, "
        "version_at: changed, deleted: deleted"
    ),
    ("shop", "orders"): (
        "order_id: order_id, placed_at: placed_at, customer_id: customer_id, status: status, "
        "currency: currency, discount_micros: {column: discount, money: micros}, "
        "shipping_micros: {column: shipping, money: micros}, "
        "tax_micros: {column: tax, money: micros}, cancelled_at: cancelled_at, "
        "is_test: is_test, channel: channel, version_at: changed, deleted: deleted"
    ),
    ("shop", "order_items"): (
        "order_id: order_id, item_id: item_id, placed_at: placed_at, product_id: product_id, "
        "line_type: line_type, quantity: quantity, "
        "unit_price_micros: {column: price, money: micros}, "
        "discount_micros: {column: discount, money: micros}, currency: currency, "
        "version_at: changed, deleted: deleted"
    ),
    ("shop", "refunds"): (
        "refund_id: refund_id, order_id: order_id, item_id: item_id, refunded_at: refunded_at, "
        "quantity: quantity, amount_micros: {column: amount, money: micros}, "
        "shipping_micros: {column: shipping, money: micros}, "
        "tax_micros: {column: tax, money: micros}, currency: currency, reason: reason, "
        "version_at: changed, deleted: deleted"
    ),
    ("stock", "inventory_levels"): (
        "product_id: product_id, location_id: location_id, measured_at: measured_at, "
        "available: available, version_at: changed, deleted: deleted"
    ),
    ("stock", "inventory_movements"): (
        "movement_id: movement_id, moved_at: moved_at, product_id: product_id, "
        "location_id: location_id, quantity: quantity, reason: reason, version_at: changed, "
        "deleted: deleted"
    ),
    ("web", "web_events"): (
        "event_id: event_id, occurred_at: occurred_at, visitor_id: visitor_id, step: step, "
        "version_at: version"
    ),
    ("ads", "campaigns"): "campaign_id: campaign_id, name: name, version_at: version",
    ("ads", "ad_spend"): (
        "campaign_id: campaign_id, day: day, spend_micros: {column: spend, money: micros}, "
        "currency: currency, clicks: clicks, version_at: changed, deleted: deleted"
    ),
}
"""By source and stream; each stream becomes the entity of its name."""

STREAMS = tuple(FIELDS)
_KEYS = {
    "customers": "customer_id",
    "products": "product_id",
    "orders": "order_id",
    "order_items": "order_id, item_id",
    "refunds": "refund_id",
    "inventory_levels": "product_id, location_id, measured_at",
    "inventory_movements": "movement_id",
    "web_events": "event_id",
    "campaigns": "campaign_id",
    "ad_spend": "campaign_id, day",
}

PARTS = {
    "sales": ("orders", "order_items", "refunds"),
    "stock": ("inventory_levels", "inventory_movements"),
    "web": ("web_events",),
    "advertising": ("campaigns", "ad_spend", "customers", "products"),
}
"""Parts of the shop, and the entities of each."""
MARTS_OF = {
    "sales": ("sales_hourly", "sales_daily", "product_sales_daily", "customer_orders"),
    "stock": ("inventory_hourly",),
    "web": ("funnel_hourly",),
    "advertising": ("ad_spend_daily",),
}

RULES = {
    "no odd channel": ("orders", "when: {channel: {is: odd}}, quarantine: odd"),
    "odd channel is a test": ("orders", "when: {channel: {is: odd}}, set: {is_test: true}"),
    "odd channel has no customer": (
        "orders",
        "when: {channel: {is: odd}}, set: {customer_id: null}",
    ),
    "p2 costs nine": (
        "order_items",
        "when: {product_id: {is: p2}}, set: {unit_price_micros: 9000000}, repair: true",
    ),
    "no p3": ("order_items", "when: {product_id: {is: p3}}, quarantine: odd"),
    "no odd refund": ("refunds", "when: {reason: {is: odd}}, quarantine: odd"),
    "no levels of l2": ("inventory_levels", "when: {location_id: {is: l2}}, quarantine: odd"),
    "no odd movement": ("inventory_movements", "when: {reason: {is: odd}}, quarantine: odd"),
    "v2 is a bot": ("web_events", "when: {visitor_id: {is: v2}}, set: {is_bot: true}"),
    "no checkout": ("web_events", "when: {step: {is: checkout}}, quarantine: odd"),
    "no k2": ("ad_spend", "when: {campaign_id: {is: k2}}, quarantine: odd"),
    "no odd campaign": ("campaigns", "when: {name: {is: odd}}, quarantine: odd"),
    "no odd customer": ("customers", "when: {country: {is: odd}}, quarantine: odd"),
    "no odd product": ("products", "when: {category: {is: odd}}, quarantine: odd"),
}
"""Rules of `shop.yaml` by name: the entity that they judge, and what they say."""


@cache
def settings_with(rules: frozenset[str]) -> ShopSettings:
    """The shop's settings with these rules."""
    lines = [
        "shop: {name: Histories, timezone: Europe/Berlin, currency: EUR, start: 2026-01-01}",
        "sources:",
    ]
    for source, overlap in OVERLAP.items():
        lines.append(_SQL.format(name=source, overlap=overlap).lstrip("\n"))
        for origin, entity in STREAMS:
            if origin != source:
                continue
            judged = [
                f"{{name: {name.replace(' ', '_')}, {said}}}"
                for name, (of, said) in RULES.items()
                if of == entity and name in rules
            ]
            fields = FIELDS[origin, entity]
            if entity == "web_events":
                fields += ", is_bot: {value: false}"
            stream = _STREAM.format(
                entity=entity, key=_KEYS[entity], fields=fields, rules=", ".join(judged)
            )
            lines.append(stream.lstrip("\n"))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "shop.yaml"
        path.write_text("\n".join(lines) + "\n", "utf-8")
        return load_settings(path, {})
