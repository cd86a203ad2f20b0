"""Whatever happens at Stripe, in whatever order it is heard of, and wherever the service dies: the end is that of the events in order.

Seeded walks over what can happen to a workspace's payments. Some events are heard of at once, some late, all of them twice in the end
and in no order; the service dies at a fault point every few steps, in its worker and in the middle of a purchase. An oracle that knows
nothing of readings keeps the books beside it.
"""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.plans.v1.plans_pb2 import PlanChanged
from core import faultpoints
from integration.retention.shop import Shop, session_in
from local.sandbox.stripe.records import Record

STEPS = 14
PLANS = ("starter", "growth", "scale")
FAULTS = (
    "reading.after_claim",
    "reading.after_call",
    "reading.before_commit",
    "reading.after_commit",
    "checkout.after_note",
    "checkout.after_customer",
    "checkout.after_call",
)


Act = Callable[[], Awaitable[None]]


class Death(Exception):
    """The process dies here."""


@dataclass(slots=True)
class Books:
    """What is so, by the events in their order."""

    plan: str = "trial"
    following: str = ""
    failing: bool = False
    live: bool = False
    packs: dict[str, int] = field(default_factory=dict)
    failures: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Walk:
    """One seeded walk."""

    shop: Shop
    rng: random.Random
    books: Books = field(default_factory=Books)
    heard: list[Record] = field(default_factory=list)
    waiting: list[Record] = field(default_factory=list)
    died: set[str] = field(default_factory=set)
    subscription: Record | None = None

    async def step(self) -> None:
        """Something happens; some of it is heard of; the worker gets as far as it gets."""
        await self.rng.choice(self._possible())()
        self.waiting += self.shop.taken()
        self.rng.shuffle(self.waiting)
        some = self.rng.randint(0, len(self.waiting))
        told, self.waiting = self.waiting[:some], self.waiting[some:]
        self.heard += told
        late = self.rng.sample(self.heard, min(len(self.heard), self.rng.randint(0, 3)))
        await self.shop.hear([*told, *late])
        if self.rng.random() < 0.7:
            await self._work()

    async def finish(self) -> None:
        """Everything is heard of, twice and in no order, and read in peace."""
        everything = [*self.heard, *self.waiting] * 2
        self.rng.shuffle(everything)
        await self.shop.hear(everything)
        await self.shop.let_leases_run_out()
        await self.shop.read()

    async def _work(self) -> None:
        point = self.rng.choice(FAULTS[:4]) if self.rng.random() < 0.5 else ""
        faultpoints.arm(self._trap(point) if point else None)
        try:
            await self.shop.reader.once()
        except* Death:
            pass
        finally:
            faultpoints.arm(None)
        if self.rng.random() < 0.8:
            await self.shop.let_leases_run_out()

    def _trap(self, wanted: str) -> faultpoints.Trap:
        def die(point: str) -> None:
            if point == wanted:
                self.died.add(point)
                raise Death(point)

        return die

    def _possible(self) -> list[Act]:
        acts: list[Act] = [self.buy_packs, self.buy_packs_later]
        if not self.books.live:
            return [*acts, self.subscribe, self.subscribe]
        acts += [self.change, self.change, self.end_later, self.renew, self.fail, self.cancel]
        return [*acts, self.stay] if self.books.following else acts

    async def _begin(self, path: str, **form: object) -> str:
        """A purchase, in the middle of which the service may die: the person sends the form again."""
        request_id = str(uuid.UUID(int=self.rng.getrandbits(128), version=4))
        for point in self.rng.sample(FAULTS[4:], self.rng.randint(0, 2)):
            faultpoints.arm(self._trap(point))
            try:
                await self.shop.send(path, request_id=request_id, **form)
            finally:
                faultpoints.arm(None)
        return session_in(await self.shop.send(path, request_id=request_id, **form))

    async def subscribe(self) -> None:
        # What is known here may be older than what is so; a second subscription is not sold then.
        await self.shop.let_leases_run_out()
        await self.shop.hear(self.waiting)
        await self.shop.read()
        plan = self.rng.choice(PLANS)
        session_id = await self._begin("checkout", plan=plan)
        self.shop.sessions.add(session_id)
        session = self.shop.ledger.pay(session_id)
        self.subscription = self.shop.ledger.find("subscriptions", session["subscription"])
        self.books.plan, self.books.live, self.books.following, self.books.failing = plan, True, "", False

    async def buy_packs(self) -> None:
        packs = self.rng.randint(1, 3)
        session_id = await self._begin("addon", packs=packs)
        self.shop.ledger.pay(session_id)
        self.books.packs[session_id] = 100 * packs

    async def buy_packs_later(self) -> None:
        session_id = await self._begin("addon", packs=1)
        self.shop.ledger.pay(session_id, later=True)
        paid = self.rng.random() < 0.5
        self.shop.ledger.settle(session_id, paid=paid)
        if paid:
            self.books.packs[session_id] = 100
        else:
            self.books.failures.add(session_id)

    async def change(self) -> None:
        wanted = self.rng.choice([plan for plan in PLANS if plan != self.books.plan])
        self._undo_end()
        self.shop.ledger.change_price(self._mine, f"price_callmine_{wanted}")
        if PLANS.index(wanted) > PLANS.index(self.books.plan):
            self.books.plan, self.books.following = wanted, ""
        else:
            self.books.following = wanted

    async def end_later(self) -> None:
        self.shop.ledger.release(self._mine)
        self.shop.ledger.end_later(self._mine, ends=True)
        self.books.following = "free"

    async def stay(self) -> None:
        self.shop.ledger.release(self._mine)
        self.shop.ledger.end_later(self._mine, ends=False)
        self.books.following = ""

    async def renew(self) -> None:
        self.shop.ledger.renew(self._mine)
        self._month_over()

    async def fail(self) -> None:
        ends = self.books.following == "free"
        self.shop.ledger.renew(self._mine, paid=False)
        self._month_over()
        if ends:
            return
        self.books.failures.add(self._mine["latest_invoice"])
        # Within its grace the plan stays; some pay after all.
        if self.rng.random() < 0.5:
            self.shop.ledger.pay_open(self._mine)

    async def cancel(self) -> None:
        self.shop.ledger.cancel(self._mine)
        self.books.plan, self.books.live, self.books.following = "free", False, ""

    def _month_over(self) -> None:
        if self.books.following:
            self.books.plan, self.books.live = self.books.following, self.books.following != "free"
            self.books.following = ""

    def _undo_end(self) -> None:
        if self.books.following == "free":
            self.shop.ledger.end_later(self._mine, ends=False)

    @property
    def _mine(self) -> Record:
        assert self.subscription is not None
        return self.subscription


@pytest.mark.parametrize("seed", range(6))
async def test_the_end_is_that_of_the_events_in_their_order(shop: Shop, seed: int) -> None:
    walk = Walk(shop, random.Random(seed))
    for _ in range(STEPS):
        await walk.step()
    await walk.finish()
    books = walk.books
    assert await shop.plan() == books.plan
    assert sorted(await shop.credited()) == sorted(books.packs.items())
    assert sorted(await failures(shop)) == sorted(books.failures), "each failure is in the audit log, once"
    assert walk.died, "the service dies somewhere in each walk"
    assert all(outcome in {"", "not paid"} for outcome in (await shop.outcomes()).values())
    await assert_told_in_order(shop)


async def failures(shop: Shop) -> list[str]:
    """What the audit log says has failed."""
    entries = [event.payload for event in await shop.audited()]
    kind = AdminActionType.ADMIN_ACTION_TYPE_BILLING_PAYMENT_FAILED
    return [one.target_id for one in entries if isinstance(one, AdminAction) and one.type == kind]


async def assert_told_in_order(shop: Shop) -> None:
    """Each version is told once, the last one is the plan, and each entry of the log begins where the one before it ended."""
    said = await shop.said()
    versions = [event.sequence for event in said if isinstance(event.payload, PlanChanged)]
    assert versions == list(range(1, len(versions) + 1))
    assert (await shop.plans_told())[-1] == await shop.plan()
    kind = AdminActionType.ADMIN_ACTION_TYPE_BILLING_PLAN_CHANGED
    diffs = [
        event.payload.diff for event in said if isinstance(event.payload, AdminAction) and event.payload.type == kind
    ]
    steps = [(json.loads(diff[0].before), json.loads(diff[0].after)) for diff in diffs]
    assert [before for before, _ in steps] == ["trial", *(after for _, after in steps)][: len(steps)]
