"""The balance of an account: what moves it, and the payouts that empty it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from shop_assets.demo.apis.serving import Clock
from shop_assets.demo.apis.store import Store
from shop_assets.demo.apis.stripe import objects
from shop_assets.demo.apis.stripe.books import Books
from shop_assets.demo.apis.stripe.objects import Body, Movement

DAY = 86_400


class Balance(Books):
    """The balance. `delay_days`: from a charge until it can be paid out."""

    def __init__(self, store: Store, clock: Clock, *, api_version: str, delay_days: int) -> None:
        super().__init__(store, clock, api_version=api_version)
        self._delay = delay_days * DAY

    def fee(
        self,
        amount: int,
        currency: str,
        *,
        description: str = "Billing",
        id: str | None = None,  # noqa: A002
        at: int | None = None,
    ) -> str:
        """Be billed by Stripe for a product of its own."""
        with self.writing():
            key = id or self.new_id("balance_transaction")
            return self.book(
                *(key, self.moment(at), -amount, currency, objects.BILLED),
                source=None,
                description=description,
            )

    def pay_out(self, *, at: int | None = None) -> list[str]:
        """Pay out by schedule: for each currency, all that is available and was not paid out.

        Of a balance below or at nothing, nothing is paid out. What `writing` holds back is not
        seen: not to be called within it.
        """
        moment = self.moment(at)
        open_by_currency: dict[str, list[Body]] = defaultdict(list)
        for found in self.store.select(
            "balance_transaction",
            "parent = '' AND json_extract(body, '$.available_on') <= ?",
            (moment,),
            order="created",
        ):
            if found.body["type"] != "payout":
                open_by_currency[found.body["currency"]].append(found.body)
        made = []
        with self.writing():
            for currency, covered in sorted(open_by_currency.items()):
                key = f"po_{moment}{currency}"
                if sum(each["net"] for each in covered) > 0 and not self.knows(key):
                    made.append(self.pay_out_these(covered, id=key, at=moment))
        return made

    def pay_out_these(
        self,
        transactions: Sequence[Body],
        *,
        id: str | None = None,  # noqa: A002
        at: int | None = None,
    ) -> str:
        """An automatic payout of some balance transactions of one currency."""
        moment, key = self.moment(at), id or self.new_id("payout")
        amount = sum(each["net"] for each in transactions)
        with self.writing():
            self._make_payout(key, moment, amount, transactions[0]["currency"], automatic=True)
            for each in transactions:
                self.change(each["id"], moment, {}, parent=key)
        return key

    def pay_out_manually(
        self, amount: int, currency: str, *, at: int | None = None, **said: Any
    ) -> str:
        """Send money by hand: of such a payout Stripe knows no transactions."""
        with self.writing():
            key = self.new_id("payout")
            self._make_payout(key, self.moment(at), amount, currency, automatic=False, **said)
        return key

    def send_payout(self, payout: str, *, at: int | None = None) -> None:
        """The payout is on its way; what it consists of is known from now on."""
        moment = self.moment(at)
        with self.writing():
            self.change(payout, moment, {"status": "in_transit"}, event="payout.updated")
            if self.body(payout)["automatic"]:
                done = {"reconciliation_status": "completed"}
                self.change(payout, moment, done, event="payout.reconciliation_completed")

    def settle_payout(self, payout: str, *, at: int | None = None) -> None:
        """The bank has it."""
        with self.writing():
            self.change(payout, self.moment(at), {"status": "paid"}, event="payout.paid")

    def fail_payout(self, payout: str, *, at: int | None = None) -> None:
        """The bank has sent it back: the next payout of the currency covers it."""
        moment, body = self.moment(at), self.body(payout)
        with self.writing():
            back = self.book(
                *(f"{payout}f", moment, body["amount"], body["currency"], objects.PAYOUT_FAILED),
                source=payout,
            )
            changes = {
                "status": "failed",
                "failure_code": "account_closed",
                "failure_message": "The bank account has been closed.",
                "failure_balance_transaction": back,
            }
            self.change(payout, moment, changes, event="payout.failed")

    def book(
        self,
        of: str,
        at: int,
        amount: int,
        currency: str,
        movement: Movement,
        *,
        source: str | None,
        fee: int = 0,
        description: str | None = None,
    ) -> str:
        """Move the balance; gives the transaction's id, which follows from the mover's (`of`)."""
        available = at if movement.instantly else at // DAY * DAY + self._delay
        key = f"txn_{of.removeprefix('txn_').replace('_', '')}"
        body = objects.balance_transaction(
            *(key, at, amount, currency, movement), fee=fee, source=source, available=available
        )
        self.add({**body, "description": description} if description else body)
        return key

    def moment(self, at: int | None) -> int:
        """The given moment, or now."""
        return self.clock.seconds if at is None else at

    def _make_payout(
        self, key: str, at: int, amount: int, currency: str, *, automatic: bool, **said: Any
    ) -> None:
        arrives = (at // DAY + 1) * DAY
        body = objects.payout(key, at, amount, currency, arrives=arrives, automatic=automatic)
        moved = self.book(
            *(key, at, -amount, currency, objects.PAID_OUT),
            source=key,
        )
        if automatic:
            # The list of its transactions has the payout's own, too.
            self.change(moved, at, {}, parent=key)
        self.say("payout.created", at, self.add({**body, "balance_transaction": moved, **said}))
