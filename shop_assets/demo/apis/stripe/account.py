"""A Stripe account: what can happen in it, each with its balance transactions and events.

Every action may be given `at`, its moment in seconds since 1970 (the clock's, if not given), and
what it makes an id, so that a simulation can be repeated. Amounts are minor units.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.store import Store
from shop_assets.demo.apis.stripe import objects
from shop_assets.demo.apis.stripe.balance import DAY, Balance
from shop_assets.demo.apis.stripe.objects import THREE_DECIMALS, Body
from shop_assets.errors import UserError

_EVIDENCE_DAYS = 20
_REFUND_EVENTS = "2024-10-28"
_CLOSED = frozenset({"won", "lost"})


class StripeAccount(Balance):
    """An account and its balance.

    `delay_days`: from a charge until it can be paid out. `dispute_fee`: what a dispute costs, in
    minor units of its currency.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        *,
        api_version: str = "2025-09-30.clover",
        delay_days: int = 2,
        dispute_fee: int = 1500,
    ) -> None:
        super().__init__(store, clock, api_version=api_version, delay_days=delay_days)
        self._dispute_fee = dispute_fee
        self.counts_thousandths = False
        """Whether to take amounts of three-decimal currencies that Stripe itself would refuse."""

    def charge(
        self,
        amount: int,
        currency: str,
        *,
        order_id: str | None = None,
        capture: bool = True,
        fails: bool = False,
        fee: int | None = None,
        id: str | None = None,  # noqa: A002
        at: int | None = None,
        **said: Any,
    ) -> str:
        """Charge a card, or with `capture` False only authorise it, or (`fails`) be declined.

        `said`: what else the charge is to say, such as `metadata`, `customer`, `description`.

        Three-decimal currencies take multiples of ten only (unless `counts_thousandths`), and none
        takes nothing: `UserError`.
        """
        if amount <= 0:
            raise UserError(f"a charge of {amount} {currency}, expected more than nothing")
        if currency in THREE_DECIMALS and amount % 10 and not self.counts_thousandths:
            raise UserError(f"a charge of {amount} {currency}, expected a multiple of ten")
        moment = self.moment(at)
        with self.writing():
            body = objects.charge(
                *(id or self.new_id("charge"), moment, amount, currency),
                metadata={"order_id": order_id} if order_id else {},
            )
            body |= said
            if fails:
                self.say("charge.failed", moment, self.add({**body, **objects.declined()}))
            else:
                taken = self._taken(body, amount, fee, moment) if capture else {}
                self.say("charge.succeeded", moment, self.add({**body, **taken}))
        return str(body["id"])

    def capture(
        self,
        charge: str,
        amount: int | None = None,
        *,
        fee: int | None = None,
        at: int | None = None,
    ) -> None:
        """Take what was authorised, or a part of it; the rest is given back by Stripe."""
        moment, body = self.moment(at), self.body(charge)
        if body["captured"] or body["status"] != "succeeded":
            raise UserError(f"charge {charge} cannot be captured: it has been, or has failed")
        taken = body["amount"] if amount is None else amount
        with self.writing():
            changes = self._taken(body, taken, fee, moment)
            if taken < body["amount"]:
                left = body["amount"] - taken
                self.book(
                    *(f"{charge}u", moment, -left, body["currency"], objects.NOT_CAPTURED),
                    source=charge,
                )
            self.change(charge, moment, changes, event="charge.captured")

    def update_charge(self, charge: str, *, at: int | None = None, **changes: Any) -> None:
        """Change a charge's metadata or description."""
        with self.writing():
            self.change(charge, self.moment(at), changes, event="charge.updated")

    def refund(
        self,
        charge: str,
        amount: int | None = None,
        *,
        pending: bool = False,
        reason: str | None = "requested_by_customer",
        metadata: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002
        at: int | None = None,
    ) -> str:
        """Give a charge's money back, or a part; `UserError` for more than is left of it."""
        moment, paid = self.moment(at), self.body(charge)
        left = paid["amount_captured"] - paid["amount_refunded"]
        wanted = left if amount is None else amount
        if not 0 < wanted <= left:
            raise UserError(f"a refund of {wanted} of {charge}, of which {left} is left")
        with self.writing():
            body = objects.refund(
                *(id or self.new_id("refund"), moment, paid, wanted),
                status="pending" if pending else "succeeded",
                reason=reason,
                metadata=dict(metadata or {}),
            )
            moved = self.book(
                *(body["id"], moment, -wanted, paid["currency"], objects.REFUNDED),
                source=body["id"],
            )
            body = self.add({**body, "balance_transaction": moved}, parent=charge)
            self._say_refund("refund.created", moment, body)
            self._refunded(charge, wanted, moment, event="charge.refunded")
        return str(body["id"])

    def update_refund(self, refund: str, *, at: int | None = None, **changes: Any) -> None:
        """Change a refund, its metadata say: that is what `refund.updated` tells."""
        moment = self.moment(at)
        with self.writing():
            old = self.body(refund)
            body = self.change(refund, moment, changes)
            before = {name: old.get(name) for name in changes}
            self.say("charge.refund.updated", moment, body, before)
            self._say_refund("refund.updated", moment, body, before)

    def settle_refund(self, refund: str, *, at: int | None = None) -> None:
        """The bank has taken a pending refund."""
        self.update_refund(refund, at=at, status="succeeded")

    def fail_refund(
        self, refund: str, *, reason: str = "lost_or_stolen_card", at: int | None = None
    ) -> None:
        """The bank has sent a refund back: the money is the shop's again.

        No event tells of the charge, whose `amount_refunded` shrinks.
        """
        moment, body = self.moment(at), self.body(refund)
        with self.writing():
            back = self.book(
                *(f"{refund}f", moment, body["amount"], body["currency"], objects.REFUND_FAILED),
                source=refund,
            )
            self.update_refund(
                refund,
                at=moment,
                status="failed",
                failure_reason=reason,
                failure_balance_transaction=back,
            )
            self._say_refund("refund.failed", moment, self.body(refund))
            self._refunded(body["charge"], -body["amount"], moment, event=None)

    def dispute(
        self,
        charge: str,
        amount: int | None = None,
        *,
        reason: str = "fraudulent",
        inquiry: bool = False,
        fee: int | None = None,
        id: str | None = None,  # noqa: A002
        at: int | None = None,
    ) -> str:
        """The customer's bank takes a charge's money back, or (`inquiry`) only asks about it.

        No event tells of the charge, which is `disputed` from then on.
        """
        moment, paid = self.moment(at), self.body(charge)
        with self.writing():
            body = objects.dispute(
                *(id or self.new_id("dispute"), moment, paid),
                paid["amount"] if amount is None else amount,
                reason=reason,
                due=moment + _EVIDENCE_DAYS * DAY,
            )
            if inquiry:
                body |= {"status": "warning_needs_response", "is_charge_refundable": True}
                self.say("charge.dispute.created", moment, self.add(body, parent=charge))
                return str(body["id"])
            opened = self.add(body, parent=charge)
            self.say("charge.dispute.created", moment, opened)
            self.book(
                *(opened["id"], moment, -opened["amount"], opened["currency"], objects.DISPUTED),
                fee=self._dispute_fee if fee is None else fee,
                source=opened["id"],
            )
            self._moved(opened["id"], opened["id"], moment, "charge.dispute.funds_withdrawn")
            self.change(charge, moment, {"disputed": True})
        return str(opened["id"])

    def respond(self, dispute: str, *, at: int | None = None) -> None:
        """Hand in evidence."""
        details = {
            **self.body(dispute)["evidence_details"],
            "has_evidence": True,
            "submission_count": 1,
        }
        changes = {"evidence_details": details, "status": "under_review"}
        with self.writing():
            self.change(dispute, self.moment(at), changes, event="charge.dispute.updated")

    def close_dispute(self, dispute: str, *, won: bool, at: int | None = None) -> None:
        """The bank decides; what was won comes back, the fee does not."""
        moment, body = self.moment(at), self.body(dispute)
        if body["status"] in _CLOSED:
            raise UserError(f"dispute {dispute} is {body['status']} already")
        with self.writing():
            status = {"status": "won" if won else "lost"}
            self.change(dispute, moment, status, event="charge.dispute.closed")
            if won:
                self.book(
                    *(f"{dispute}w", moment, body["amount"], body["currency"], objects.DISPUTE_WON),
                    source=dispute,
                )
                self._moved(dispute, f"{dispute}w", moment, "charge.dispute.funds_reinstated")

    def _taken(self, body: Body, amount: int, fee: int | None, at: int) -> Body:
        """Take a charge's money; what the charge says of it then."""
        usual = amount * 14 // 1000 + 25
        moved = self.book(
            *(body["id"], at, body["amount"], body["currency"], objects.CHARGED),
            fee=min(usual, amount) if fee is None else fee,
            source=body["id"],
            description=body["description"],
        )
        return {"amount_captured": amount, "balance_transaction": moved, "captured": True}

    def _say_refund(self, kind: str, at: int, body: Body, before: Body | None = None) -> None:
        if self.api_version[:10] >= _REFUND_EVENTS:
            self.say(kind, at, body, before)

    def _refunded(self, charge: str, amount: int, at: int, *, event: str | None) -> None:
        paid = self.body(charge)
        total = paid["amount_refunded"] + amount
        changes = {"amount_refunded": total, "refunded": total >= paid["amount_captured"]}
        self.change(charge, at, changes, event=event)

    def _moved(self, dispute: str, of: str, at: int, event: str) -> None:
        """Let a dispute name a transaction more."""
        moved = self.body(f"txn_{of.replace('_', '')}")
        known = self.body(dispute)["balance_transactions"]
        self.change(dispute, at, {"balance_transactions": [*known, moved]}, event=event)
