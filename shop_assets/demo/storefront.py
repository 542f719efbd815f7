"""The shop's own database: rows that change in place, with `updated_at` and a flag for deleted."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import sqlalchemy as sa

from shop_assets.demo import people
from shop_assets.demo.catalogue import CURRENCIES, Catalogue
from shop_assets.demo.chance import DAY, NEVER, Ints, generator, moments, pick, texts
from shop_assets.demo.lines import LINES_PER_ORDER
from shop_assets.demo.orders import CHANNELS, Births
from shop_assets.demo.plan import DemoPlan

metadata = sa.MetaData()
_TIME = sa.TIMESTAMP(timezone=True)
_MONEY = sa.Numeric(18, 4)

CUSTOMERS = sa.Table(
    "customers",
    metadata,
    sa.Column("customer_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("email", sa.Text),
    sa.Column("full_name", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("accepts_marketing", sa.Boolean),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, index=True),
)
PRODUCTS = sa.Table(
    "products",
    metadata,
    sa.Column("sku", sa.Text, primary_key=True),
    sa.Column("title", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("price", _MONEY),
    sa.Column("cost", _MONEY),
    sa.Column("currency", sa.Text),
    sa.Column("lead_time_days", sa.BigInteger),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, index=True),
)
ORDERS = sa.Table(
    "orders",
    metadata,
    sa.Column("order_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("placed_at", _TIME, nullable=False),
    sa.Column("customer_id", sa.BigInteger),
    sa.Column("email", sa.Text),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("discount_total", _MONEY, nullable=False),
    sa.Column("shipping_total", _MONEY, nullable=False),
    sa.Column("tax_total", _MONEY, nullable=False),
    sa.Column("cancelled_at", _TIME),
    sa.Column("is_test", sa.Boolean, nullable=False),
    sa.Column("channel", sa.Text),
    sa.Column("country", sa.Text),
    sa.Column("utm_campaign", sa.Text),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, index=True),
)
ORDER_ITEMS = sa.Table(
    "order_items",
    metadata,
    sa.Column("item_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.BigInteger, nullable=False, index=True),
    sa.Column("sku", sa.Text),
    sa.Column("title", sa.Text),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("quantity", sa.BigInteger),
    sa.Column("unit_price", _MONEY, nullable=False),
    sa.Column("discount", _MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("created_at", _TIME, nullable=False),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, index=True),
)
REFUNDS = sa.Table(
    "refunds",
    metadata,
    sa.Column("refund_id", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("order_id", sa.BigInteger, nullable=False),
    sa.Column("item_id", sa.BigInteger),
    sa.Column("refunded_at", _TIME, nullable=False),
    sa.Column("quantity", sa.BigInteger, nullable=False),
    sa.Column("amount", _MONEY, nullable=False),
    sa.Column("shipping", _MONEY, nullable=False),
    sa.Column("tax", _MONEY, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("restocked", sa.Boolean),
    sa.Column("reason", sa.Text),
    sa.Column("is_deleted", sa.Boolean, nullable=False),
    sa.Column("updated_at", _TIME, nullable=False, index=True),
)
TABLES = (CUSTOMERS, PRODUCTS, ORDERS, ORDER_ITEMS, REFUNDS)

_REASONS = texts(["damaged", "did_not_fit", "changed_mind", None])
_COUNTRY_WORDS = {"DE": "de", "FR": "France"}
_JUNK_ORDER = 900_000
_JUNK_LINE = 90


def customer_rows(accounts: people.Accounts, rows: Ints, updated: Ints, before: int) -> pa.Table:
    """The accounts as the storefront shows them just before a moment."""
    number = accounts.number[rows]
    nameless = pick(number, 11, 50) == 0
    country = people.COUNTRIES[people.country_index(number)]
    sloppy = pick(number, 12, 40) == 0
    country = np.where(sloppy, texts([_COUNTRY_WORDS.get(c, c) for c in country]), country)
    changed = accounts.consent_changed_at[rows] < before
    return pa.table(
        {
            "customer_id": number,
            "created_at": moments(accounts.created_at[rows]),
            "email": people.emails(number),
            "full_name": pa.array(people.names(number), pa.string(), mask=nameless),
            "country": country,
            "accepts_marketing": people.consent(number, changed),
            "is_deleted": accounts.deleted_at[rows] < before,
            "updated_at": moments(updated),
        }
    )


def product_rows(plan: DemoPlan, catalogue: Catalogue, start: int, end: int) -> pa.Table:
    """The products with a new version in `[start, end)`; the gift card comes with the opening."""
    rows = np.flatnonzero(catalogue.changed(start, end))
    cents = catalogue.cents(rows, np.full(len(rows), end - 1, dtype=np.int64))
    cost, lead = catalogue.cost_cents[rows], catalogue.lead_days[rows]
    updated = catalogue.changed_at(end)[rows]
    if start <= plan.start_micros < end:
        rows = np.append(rows, catalogue.gift_card)
        cents, cost, lead = np.append(cents, 5_000), np.append(cost, 0), np.append(lead, 0)
        updated = np.append(updated, plan.start_micros)
    n = len(rows)
    return pa.table(
        {
            "sku": pa.array(catalogue.skus[rows], pa.string()),
            "title": pa.array(catalogue.names[rows], pa.string()),
            "category": pa.array(catalogue.categories[rows], pa.string()),
            "price": cents * 10_000,
            "cost": cost * 10_000,
            "currency": pa.array(["EUR"] * n, pa.string()),
            "lead_time_days": lead,
            "created_at": moments(np.full(n, plan.start_micros - 400 * DAY)),
            "is_deleted": np.zeros(n, dtype=bool),
            "updated_at": moments(updated),
        }
    )


def order_rows(born: Births, rows: Ints, updated: Ints, before: int) -> pa.Table:
    """The orders as the storefront shows them just before a moment."""
    o = born.orders
    edited = o.edited_at[rows] < before
    refunded = np.where(o.fully_refunded[rows], "refunded", "partially_refunded")
    status = np.select(
        [
            o.cancelled_at[rows] < before,
            o.refunded_at[rows] < before,
            o.fulfilled_at[rows] < before,
            o.failed_at[rows] < before,
            o.paid_at[rows] < before,
        ],
        [np.full(len(rows), "cancelled"), refunded, "shipped", "payment_failed", "paid"],
        "pending",
    )
    customer, campaign = o.customer[rows], o.campaign[rows]
    guest = "guest" + o.order_id[rows].astype(str).astype(object) + "@example.net"
    email = np.where(customer == 0, guest, people.emails(customer))
    cancelled = np.where(o.cancelled_at[rows] < before, o.cancelled_at[rows], NEVER)
    return pa.table(
        {
            "order_id": o.order_id[rows],
            "placed_at": moments(o.placed_at[rows]),
            "customer_id": pa.array(customer, mask=customer == 0),
            "email": pa.array(email, pa.string(), mask=o.channel[rows] == CHANNELS.index("phone")),
            "status": pa.array(status, pa.string()),
            "currency": pa.array(CURRENCIES[o.currency[rows]], pa.string()),
            "discount_total": o.discount[rows],
            "shipping_total": o.shipping[rows],
            "tax_total": np.where(edited, o.tax_after[rows], o.tax[rows]),
            "cancelled_at": moments(cancelled),
            "is_test": o.is_test[rows],
            "channel": pa.array(texts(CHANNELS)[o.channel[rows]], pa.string()),
            "country": pa.array(people.COUNTRIES[o.country[rows]], pa.string()),
            "utm_campaign": pa.array(campaign_ids(campaign), pa.string(), mask=campaign < 0),
            "is_deleted": o.deleted_at[rows] < before,
            "updated_at": moments(updated),
        }
    )


def campaign_ids(campaign: Ints) -> list[str]:
    """The platform's ids of campaigns by number."""
    return [f"cmp-{number:02d}" for number in campaign]


def item_rows(
    catalogue: Catalogue, born: Births, rows: Ints, updated: Ints, before: int
) -> pa.Table:
    """The lines as the storefront shows them just before a moment."""
    i, o = born.items, born.orders
    edited = i.edited_at[rows] < before
    order, product = i.order[rows], i.product[rows]
    return pa.table(
        {
            "item_id": i.item_id[rows],
            "order_id": o.order_id[order],
            "sku": pa.array(catalogue.skus[product], pa.string()),
            "title": pa.array(catalogue.names[product], pa.string()),
            "kind": pa.array(np.where(i.is_gift[rows], "gift_card", "article"), pa.string()),
            "quantity": np.where(edited, i.quantity_after[rows], i.quantity[rows]),
            "unit_price": i.price[rows],
            "discount": i.discount[rows],
            "currency": pa.array(CURRENCIES[o.currency[order]], pa.string()),
            "created_at": moments(i.created_at[rows]),
            "is_deleted": edited & i.removed[rows],
            "updated_at": moments(updated),
        }
    )


def refund_rows(born: Births, rows: Ints) -> pa.Table:
    """The refunds as the storefront shows them; they do not change."""
    r, o = born.refunds, born.orders
    order = r.order[rows]
    at = moments(r.refunded_at[rows])
    return pa.table(
        {
            "refund_id": r.refund_id[rows],
            "order_id": o.order_id[order],
            "item_id": born.items.item_id[r.item[rows]],
            "refunded_at": at,
            "quantity": r.quantity[rows],
            "amount": r.amount[rows],
            "shipping": r.shipping[rows],
            "tax": r.tax[rows],
            "currency": pa.array(CURRENCIES[o.currency[order]], pa.string()),
            "restocked": r.restocked[rows],
            "reason": pa.array(_REASONS[r.reason[rows]], pa.string()),
            "is_deleted": np.zeros(len(rows), dtype=bool),
            "updated_at": at,
        }
    )


class Junk:
    """Rows of an hour that no shop means: of a failed import, each with something impossible.

    They stand beside the true rows and have ids of their own, so that what is true stays known.
    """

    def __init__(self, plan: DemoPlan, catalogue: Catalogue, born: Births) -> None:
        chance = generator(plan.seed, "junk", born.hour)
        n, m = len(born.orders.order_id), len(born.items.item_id)
        self._born, self._catalogue = born, catalogue
        self.orders: Ints = chance.integers(0, max(n, 1), chance.binomial(n, plan.dirt))
        self.items: Ints = np.unique(chance.integers(0, max(m, 1), chance.binomial(m, plan.dirt)))
        count = chance.binomial(n, plan.dirt / 10)
        self.refunds: Ints = np.unique(chance.integers(0, max(n, 1), count))
        self._order_kind: Ints = chance.integers(0, 3, len(self.orders))
        self._item_kind: Ints = chance.integers(0, 3, len(self.items))

    def order_rows(self, start: int, end: int) -> pa.Table:
        """Orders of an unknown status, of a currency that is none, of negative shipping."""
        at = self._born.orders.placed_at[self.orders]
        chosen = np.flatnonzero((at >= start) & (at < end))
        rows, kind = self.orders[chosen], self._order_kind[chosen]
        table = order_rows(self._born, rows, at[chosen], 0)
        number = self._born.orders.order_id[rows] // 1_000_000 * 1_000_000 + _JUNK_ORDER + chosen
        shipping = self._born.orders.shipping[rows]
        return _with(
            table,
            order_id=number,
            status=np.where(kind == 0, "zombie", "pending"),
            currency=np.where(kind == 1, "EURO", CURRENCIES[self._born.orders.currency[rows]]),
            shipping_total=np.where(kind == 2, -1_000_000, shipping),
        )

    def item_rows(self, start: int, end: int) -> pa.Table:
        """Lines of a negative price, of no quantity, of a currency that is none."""
        at = self._born.items.created_at[self.items]
        chosen = np.flatnonzero((at >= start) & (at < end))
        rows, kind = self.items[chosen], self._item_kind[chosen]
        table = item_rows(self._catalogue, self._born, rows, at[chosen], 0)
        order = self._born.items.order[rows]
        ids = self._born.items.item_id[rows]
        line = ids % LINES_PER_ORDER
        price = self._born.items.price[rows]
        return _with(
            table,
            item_id=ids - line + _JUNK_LINE + np.where(line < 50, line, line - 44),
            unit_price=np.where(kind == 0, -price, price),
            quantity=pa.array(self._born.items.quantity[rows], mask=kind == 1),
            currency=np.where(kind == 2, "EURO", CURRENCIES[self._born.orders.currency[order]]),
        )

    def refund_rows(self, start: int, end: int) -> pa.Table:
        """Refunds of a negative amount."""
        o = self._born.orders
        at = o.placed_at[self.refunds]
        rows = self.refunds[(at >= start) & (at < end)]
        moment = moments(o.placed_at[rows])
        zero = np.zeros(len(rows), dtype=np.int64)
        return pa.table(
            {
                "refund_id": o.order_id[rows] * LINES_PER_ORDER * 10 + 999,
                "order_id": o.order_id[rows],
                "item_id": pa.array(zero, mask=zero == 0),
                "refunded_at": moment,
                "quantity": zero,
                "amount": zero - 5_000_000,
                "shipping": zero,
                "tax": zero,
                "currency": pa.array(CURRENCIES[o.currency[rows]], pa.string()),
                "restocked": zero > 0,
                "reason": pa.array(["import"] * len(rows), pa.string()),
                "is_deleted": zero > 0,
                "updated_at": moment,
            }
        )


def _with(table: pa.Table, **columns: object) -> pa.Table:
    for name, values in columns.items():
        position = table.schema.get_field_index(name)
        kind = table.schema.field(name).type
        array = values if isinstance(values, pa.Array) else pa.array(values, kind)
        table = table.set_column(position, name, array)
    return table
