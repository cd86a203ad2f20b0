"""What plan follows from what Stripe says, and when it is looked at again."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from core.errors import InvalidInput
from retention.catalogue import read_tariff
from retention.domain.billing import (
    Account,
    Judgement,
    Picture,
    Reason,
    Status,
    StripeSubscription,
    Trouble,
    judge,
    money,
    parse_stripe_id,
)
from retention.domain.plans import PlanName

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MONTH = timedelta(days=30)
_TARIFF = read_tariff(None)
assert _TARIFF is not None
TARIFF = _TARIFF
PRICE = {plan: price.id for plan, price in TARIFF.prices.items()}


def subscription(
    status: Status = Status.ACTIVE, plan: PlanName = PlanName.GROWTH, **more: object
) -> StripeSubscription:
    made = StripeSubscription(
        id="sub_1",
        status=status,
        price_id=PRICE[plan],
        item_id="si_1",
        created_at=NOW - MONTH,
        anchored_at=NOW - MONTH,
        period_end=NOW + timedelta(days=1),
        failing_since=NOW - timedelta(days=1) if status is Status.PAST_DUE else None,
    )
    return replace(made, **more)


def judged(*subscriptions: StripeSubscription, deleted: bool = False, before: Account | None = None) -> Judgement:
    return judge(Picture("cus_1", deleted, subscriptions), TARIFF, NOW, before)


@pytest.mark.parametrize(
    ("status", "plan"),
    [
        (Status.TRIALING, PlanName.GROWTH),
        (Status.ACTIVE, PlanName.GROWTH),
        (Status.PAST_DUE, PlanName.GROWTH),
        (Status.UNPAID, PlanName.FREE),
        (Status.PAUSED, PlanName.FREE),
        (Status.CANCELED, PlanName.FREE),
        # Nothing follows: whoever begins to pay and stops is where they were.
        (Status.INCOMPLETE, None),
        (Status.INCOMPLETE_EXPIRED, None),
        (Status.UNKNOWN, None),
    ],
)
def test_each_state_has_its_plan(status: Status, plan: PlanName | None) -> None:
    assert judged(subscription(status)).plan is plan


def test_who_has_bought_nothing_stays_where_they_are() -> None:
    assert judged() == Judgement(Account("cus_1"), None, None)


def test_a_payment_that_failed_leaves_the_plan_until_the_grace_is_over() -> None:
    since = NOW - TARIFF.grace
    lately = judged(subscription(Status.PAST_DUE, failing_since=since + timedelta(seconds=1)))
    assert (lately.plan, lately.account.grace_until) == (PlanName.GROWTH, NOW + timedelta(seconds=1))
    assert lately.look_at == lately.account.grace_until
    over = judged(subscription(Status.PAST_DUE, failing_since=since))
    assert (over.plan, over.because, over.look_at) == (PlanName.FREE, Reason.GRACE_ENDED, None)
    assert over.account.status == Status.PAST_DUE, "the page says what is to be paid"


def test_what_ends_says_why() -> None:
    assert judged(subscription(Status.CANCELED)).because is Reason.SUBSCRIPTION_ENDED
    assert judged(subscription(Status.UNPAID)).because is Reason.GRACE_ENDED
    assert judged(subscription()).because is None


def test_what_is_arranged_for_later_is_known_with_its_date_and_looked_at_then() -> None:
    end = NOW + timedelta(hours=5)
    ending = judged(subscription(ends_at=end))
    assert (ending.account.next_plan, ending.account.changes_at) == (PlanName.FREE, end)
    assert ending.look_at == end + timedelta(hours=1)
    smaller = judged(subscription(next_price_id=PRICE[PlanName.STARTER], next_at=end))
    assert (smaller.plan, smaller.account.next_plan, smaller.account.changes_at) == (
        PlanName.GROWTH,
        PlanName.STARTER,
        end,
    )
    strange = judged(subscription(next_price_id="price_other", next_at=end))
    assert (strange.account.next_plan, strange.account.changes_at) == (None, None)


def test_of_two_subscriptions_the_larger_counts_in_any_order() -> None:
    small = subscription(plan=PlanName.STARTER, id="sub_2", created_at=NOW)
    for both in ((subscription(), small), (small, subscription())):
        found = judged(*both)
        assert (found.plan, found.account.subscription_id, found.account.live) == (PlanName.GROWTH, "sub_1", 2)
        assert found.account.trouble == Trouble.SEVERAL
    ended = judged(subscription(Status.CANCELED), small)
    assert (ended.plan, ended.account.live, ended.account.trouble) == (PlanName.STARTER, 1, "")


def test_a_price_that_nobody_here_knows_takes_nothing_away() -> None:
    found = judged(subscription(price_id="price_other"))
    assert (found.plan, found.account.trouble) == (None, Trouble.UNKNOWN_PRICE)
    # One that is known beside it counts.
    assert judged(subscription(price_id="price_other"), subscription(id="sub_2")).plan is PlanName.GROWTH
    # One that has ended is no trouble any more.
    assert judged(subscription(Status.CANCELED, price_id="price_other")).plan is PlanName.FREE


def test_a_customer_that_is_gone_pays_for_nothing() -> None:
    paying = Account("cus_1", subscription_id="sub_1", status="active", plan=PlanName.GROWTH, live=1)
    gone = judged(deleted=True, before=paying)
    assert (gone.plan, gone.account.customer_deleted, gone.account.subscribed) == (PlanName.FREE, True, False)
    # A trial that somebody only looked at a checkout from goes on.
    assert judged(deleted=True, before=Account("cus_1")).plan is None
    assert judged(subscription(Status.CANCELED), deleted=True).plan is PlanName.FREE


def test_the_order_in_which_stripe_names_subscriptions_says_nothing() -> None:
    rng = random.Random(7)
    for _ in range(300):
        named = [_any(rng, number) for number in range(rng.randint(0, 4))]
        expected = judged(*named)
        shuffled = rng.sample(named, len(named))
        assert judged(*shuffled) == expected, named
        assert expected.plan is _oracle(named), named


def _any(rng: random.Random, number: int) -> StripeSubscription:
    status = rng.choice([one for one in Status if one is not Status.UNKNOWN])
    plan = rng.choice(list(PRICE))
    since = NOW - timedelta(days=rng.randint(0, 2 * TARIFF.grace_days))
    return subscription(status, plan, id=f"sub_{number}", created_at=NOW - number * MONTH, failing_since=since)


def _oracle(named: Sequence[StripeSubscription]) -> PlanName | None:
    """The same in other words: the largest plan that is paid for or in its grace; free for who paid once; else nothing."""
    paid = {Status.ACTIVE, Status.TRIALING}
    held = [
        one
        for one in named
        if one.status in paid
        or (one.status is Status.PAST_DUE and one.failing_since and NOW - one.failing_since < TARIFF.grace)
    ]
    for plan in (PlanName.SCALE, PlanName.GROWTH, PlanName.STARTER):
        if any(one.price_id == PRICE[plan] for one in held):
            return plan
    begun = [one for one in named if one.status not in {Status.INCOMPLETE, Status.INCOMPLETE_EXPIRED}]
    return PlanName.FREE if begun else None


@pytest.mark.parametrize(
    ("kind", "text"), [("cus", "cus_1/../x"), ("cs", "cs_"), ("cs", "sub_1"), ("in", ""), ("sub", "sub_1?x=1")]
)
def test_what_is_no_id_of_stripes_never_gets_into_an_address(kind: str, text: str) -> None:
    with pytest.raises(InvalidInput, match="missing or malformed"):
        parse_stripe_id(kind, text)


def test_money_is_written_in_its_own_units() -> None:
    assert (money(9900, "usd"), money(500, "jpy"), money(-5, "eur")) == ("USD 99.00", "JPY 500", "EUR -0.05")
