"""What happens in a shop: events of its systems, a minute and some seconds apart."""

from __future__ import annotations

import datetime as dt
from typing import Any

from hypothesis import strategies as st

from shop_assets_tests.histories.source import APPENDING, Row, Sources, Told

PICK = st.integers(0, 5)
"""Which of the rows that there are, the oldest first, counted round."""
AGO = st.sampled_from([0, 0, 0, 1, 50, 90, 24 * 60, 60 * 24 * 60])
"""Minutes between what happened and when it is heard of: up to 60 days."""

MICROS = 1_000_000
SLOW = {"web_events": dt.timedelta(minutes=70)}
_SLOW = dt.timedelta(minutes=9)
"""How much later than it says a row becomes visible, at most: less than the source's overlap."""
_BETWEEN = dt.timedelta(seconds=73)
STEPS = ("view", "product", "cart", "checkout", "purchase")


class Shop:
    """The shop's systems and the present moment."""

    def __init__(self, now: dt.datetime) -> None:
        self.now = now
        self.sources = Sources()
        self._numbers = 0

    def sold(self) -> dict[str, tuple[int, int]]:
        """Gross sales (micros) and units sold by currency, from the rows as they are now."""
        orders = self.sources.newest("orders")
        sums: dict[str, tuple[int, int]] = {}
        for told in self.sources.newest("order_items").values():
            line, order = told.row, orders[(told.row["order_id"],)].row
            counts = line["quantity"] > 0 and line["line_type"] != "gift_card"
            if line["deleted"] or order["deleted"] or order["is_test"] or not counts:
                continue
            gross, units = sums.get(line["currency"], (0, 0))
            worth = line["quantity"] * line["price"]
            sums[line["currency"]] = gross + worth, units + line["quantity"]
        return sums

    def pass_time(self, minutes: int) -> None:
        self.now += dt.timedelta(minutes=minutes)

    def order(
        self,
        customer: str | None,
        lines: list[tuple[str, int, int]],
        discount: int = 0,
        ago: int = 0,
        currency: str = "EUR",
        *,
        slow: bool = False,
    ) -> None:
        """An order of lines (product, quantity, price)."""
        order_id = self._new("o")
        placed = self._ago(ago)
        row = {
            "order_id": order_id,
            "placed_at": placed,
            "customer_id": customer,
            "status": "paid",
            "currency": currency,
            "discount": discount * MICROS,
            "shipping": 4 * MICROS,
            "tax": 2 * MICROS,
            "cancelled_at": None,
            "is_test": False,
            "channel": "web",
            "deleted": False,
        }
        self._tell("orders", (order_id,), row, slow=slow)
        for number, (sku, quantity, price) in enumerate(lines):
            self._line(row, str(number), sku, quantity, price, placed, slow=slow)

    def change_order(self, which: int, change: str, *, slow: bool) -> None:
        told = self._pick("orders", which)
        if told is None:
            return
        row = told.row
        changed: dict[str, Row] = {
            "cancel": {"status": "cancelled", "cancelled_at": self.now},
            "uncancel": {"status": "paid", "cancelled_at": None},
            "delete": {"deleted": True},
            "undelete": {"deleted": False},
            "customer": {"customer_id": "c1" if row["customer_id"] == "c0" else "c0"},
            "discount": {"discount": (row["discount"] + 3 * MICROS) % (9 * MICROS)},
            "shipping": {"shipping": 6 * MICROS - row["shipping"], "tax": 0},
            "placed": {"placed_at": row["placed_at"] - dt.timedelta(hours=1 + which * 5)},
            "odd": {"channel": "web" if row["channel"] == "odd" else "odd"},
            "test": {"is_test": not row["is_test"]},
        }
        self._tell("orders", told.key, row | changed[change], slow=slow)

    def add_line(self, which: int, sku: str, ago: int) -> None:
        told = self._pick("orders", which)
        if told is not None:
            self._line(told.row, self._new("i"), sku, 1, 10, self._ago(ago), slow=False)

    def change_line(self, which: int, change: str, *, silent: bool, slow: bool) -> None:
        """A line changes; `silent` leaves the time of its version as it was."""
        told = self._pick("order_items", which)
        if told is None:
            return
        row = told.row
        changed: dict[str, Row] = {
            "price": {"price": 17 * MICROS - row["price"]},
            "quantity": {"quantity": 4 - row["quantity"]},
            "remove": {"deleted": True},
            "restore": {"deleted": False},
            "product": {"product_id": "p3" if row["product_id"] == "p1" else "p1"},
            "gift": {"line_type": "gift_card" if row["line_type"] == "article" else "article"},
        }
        at = told.changed if silent else None
        self._tell("order_items", told.key, row | changed[change], slow=slow, at=at)

    def refund(self, which: int, part: str, ago: int, *, slow: bool) -> None:
        told = self._pick("order_items", which)
        if told is None:
            return
        line, refund_id = told.row, self._new("r")
        whole = abs(line["quantity"]) * line["price"]
        row = {
            "refund_id": refund_id,
            "order_id": line["order_id"],
            "item_id": None if part in ("order", "shipping") else line["item_id"],
            "refunded_at": self._ago(ago),
            "quantity": 0 if part in ("order", "shipping") else 1,
            "amount": {"all": whole, "part": whole // 3, "shipping": 0}.get(part, 5 * MICROS),
            "shipping": 2 * MICROS if part == "shipping" else 0,
            "tax": MICROS if part == "all" else 0,
            "currency": line["currency"],
            "reason": "odd" if part == "odd" else "broken",
            "deleted": False,
        }
        self._tell("refunds", (refund_id,), row, slow=slow)

    def change_refund(self, which: int, change: str) -> None:
        told = self._pick("refunds", which)
        if told is None:
            return
        row = told.row
        another = self._pick("orders", which + 1)
        changed: dict[str, Row] = {
            "amount": {"amount": row["amount"] // 2 + MICROS},
            "delete": {"deleted": True},
            "undelete": {"deleted": False},
            "line": {"item_id": "0" if row["item_id"] != "0" else None},
            "earlier": {"refunded_at": row["refunded_at"] - dt.timedelta(hours=3)},
            "order": {"order_id": another.row["order_id"]} if another else {},
        }
        self._tell("refunds", told.key, row | changed[change])

    def describe(self, stream: str, which: int, value: str, *, deleted: bool) -> None:
        """A customer, product or campaign gets other words."""
        if stream == "campaigns":
            campaign = f"k{1 + which % 2}"
            row: Row = {"campaign_id": campaign, "name": value}
            self._deliver(stream, campaign, row, self.now)
            return
        name, said = {"customers": ("c", "country"), "products": ("p", "category")}[stream]
        identity = f"{name}{which}"
        row = {
            f"{stream[:-1]}_id": identity,
            "name": value.upper(),
            said: value,
            "created_at": self.now - dt.timedelta(days=which),
            "deleted": deleted,
        }
        self._tell(stream, (identity,), row)

    def read_stock(self, sku: str, place: str, available: int, ago: int, *, deleted: bool) -> None:
        """A reading of stock; deleted where there is one of that time, and `deleted` says so."""
        measured = self._ago(min(ago, 2 * 24 * 60))
        key = (sku, place, measured.isoformat())
        row = {
            "product_id": sku,
            "location_id": place,
            "measured_at": measured,
            "available": available,
            "deleted": False,
        }
        self._tell("inventory_levels", key, row)
        if deleted:
            told = self._pick("inventory_levels", available + 1)
            assert told is not None
            gone = told.row | {"deleted": not told.row["deleted"]}
            self._tell("inventory_levels", told.key, gone)

    def move_stock(self, which: int, place: str, quantity: int, ago: int, change: str) -> None:
        told = self._pick("inventory_movements", which)
        if change in ("delete", "undelete") and told is not None:
            row = told.row | {"deleted": change == "delete", "moved_at": self._ago(ago)}
            self._tell("inventory_movements", told.key, row)
            return
        movement_id = self._new("m")
        row = {
            "movement_id": movement_id,
            "moved_at": self._ago(ago),
            "product_id": f"p{1 + which % 2}",
            "location_id": place,
            "quantity": quantity,
            "reason": change,
            "deleted": False,
        }
        self._tell("inventory_movements", (movement_id,), row)

    def spend(self, campaign: str, days: int, spend: int, currency: str, *, deleted: bool) -> None:
        day = (self.now - dt.timedelta(days=days)).date().isoformat()
        row = {
            "campaign_id": campaign,
            "day": day,
            "spend": spend * MICROS,
            "currency": currency,
            "clicks": spend,
            "deleted": deleted,
        }
        self._tell("ad_spend", (campaign, day), row)

    def visit(self, visitor: str, steps: int, ago: int, gap: int, *, slow: bool) -> None:
        """A visitor takes the first steps of the funnel, so many minutes apart."""
        at = self._ago(ago)
        for step in STEPS[:steps]:
            event_id = self._new("e")
            row = {"event_id": event_id, "occurred_at": at, "visitor_id": visitor, "step": step}
            self._deliver("web_events", event_id, row, self.now, slow=slow)
            at += dt.timedelta(minutes=gap)

    def deliver_again(self, which: int, stream: str, *, late: bool) -> None:
        """A file of the same hour, or a later one, brings a row that was brought before."""
        if self.sources.told[stream]:
            told = self.sources.told[stream][which % len(self.sources.told[stream])]
            self.sources.tell(
                stream,
                told.key,
                told.row,
                self.now if late else told.changed,
                visible=self.now,
                delivery=self._new("f"),
            )

    def _line(
        self,
        order: Row,
        item_id: str,
        sku: str,
        quantity: int,
        price: int,
        placed: dt.datetime,
        *,
        slow: bool,
    ) -> None:
        row = {
            "order_id": order["order_id"],
            "item_id": item_id,
            "placed_at": placed,
            "product_id": sku,
            "line_type": "article",
            "quantity": quantity,
            "price": price * MICROS,
            "discount": MICROS if quantity > 1 else 0,
            "currency": order["currency"],
            "deleted": False,
        }
        self._tell("order_items", (order["order_id"], item_id), row, slow=slow)

    def _tell(
        self,
        stream: str,
        key: tuple[str, ...],
        row: Row,
        *,
        slow: bool = False,
        at: dt.datetime | None = None,
    ) -> None:
        visible = self.now + (_SLOW if slow else dt.timedelta(0))
        self.sources.tell(stream, key, row, at or self.now, visible=visible)
        self.now += _BETWEEN

    def _deliver(
        self, stream: str, key: str, row: Row, at: dt.datetime, *, slow: bool = False
    ) -> None:
        assert stream in APPENDING
        row = row | {"version": at}
        visible = at + (SLOW[stream] if slow else dt.timedelta(0))
        self.sources.tell(stream, (key,), row, at, visible=visible, delivery=self._new("f"))
        self.now += dt.timedelta(seconds=1)

    def _pick(self, stream: str, which: int) -> Told | None:
        rows: list[Any] = list(self.sources.newest(stream).values())
        return rows[which % len(rows)] if rows else None

    def _new(self, prefix: str) -> str:
        self._numbers += 1
        return f"{prefix}{self._numbers}"

    def _ago(self, minutes: int) -> dt.datetime:
        return self.now - dt.timedelta(minutes=minutes)
