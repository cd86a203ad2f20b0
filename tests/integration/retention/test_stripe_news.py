"""What follows from Stripe's news: late, twice, of strangers, of what is not known; failed payments and their grace; trials that end."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.message import Message

from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.billing.v1.billing_pb2 import CheckoutCompleted, PaymentFailed, SubscriptionChanged
from contracts import Actor, Event
from core.ids import WorkspaceId
from integration.retention.shop import MINE, THEIRS, Shop, words
from local.sandbox.faults import Fault
from messaging import Verdict
from retention.cli import app
from retention.settings import Settings
from testkit.commands import run
from testkit.messages import deliver, delivery, parked_reasons
from testkit.services import environment_for
from testkit.tables import every_row

GRACE = timedelta(days=7)

News = SubscriptionChanged | CheckoutCompleted | PaymentFailed


async def test_a_failed_payment_leaves_the_plan_for_its_grace_and_then_ends_it(shop: Shop) -> None:
    subscription = await shop.subscribed("growth")
    shop.ledger.renew(subscription, paid=False)
    await shop.settle()
    assert await shop.plan() == "growth"
    assert "The Growth plan stays until" in words(await shop.page())
    failed = (await shop.audited())[-1]
    assert isinstance(failed.payload, AdminAction)
    assert (failed.payload.target_kind, failed.payload.target_id) == ("invoice", subscription["latest_invoice"])
    assert (failed.actor.id, failed.actor.source) == ("stripe", "webhook")

    # The grace is over by Stripe's own time of the invoice, and is noticed without any news.
    invoice = shop.ledger.find("invoices", subscription["latest_invoice"])
    invoice["status_transitions"]["finalized_at"] -= int(GRACE.total_seconds())
    await shop.rows("UPDATE readings SET next_at = now(), cause = 'system' WHERE subject = 'subscriptions'")
    await shop.read()
    assert await shop.plan() == "free"
    ended = (await shop.audited())[-1]
    assert isinstance(ended.payload, AdminAction)
    assert {one.field: one.after for one in ended.payload.diff}["plan"] == '"free"'
    assert (ended.actor.id, ended.actor.source) == ("retention", "system")
    assert "The subscription is not paid for" in await shop.page()

    shop.ledger.pay_open(subscription)
    await shop.settle()
    assert await shop.plan() == "growth"
    assert await shop.plans_told() == ["trial", "growth", "free", "growth"]


async def test_the_grace_ends_when_it_was_said_to(shop: Shop) -> None:
    """The reading that ends it is due at the very moment."""
    subscription = await shop.subscribed("growth")
    shop.ledger.renew(subscription, paid=False)
    await shop.settle()
    [row] = await shop.rows(
        "SELECT r.next_at = a.grace_until AS same FROM readings r, billing_accounts a WHERE r.subject = 'subscriptions'"
    )
    assert row["same"]


async def test_everything_again_in_any_order_changes_no_row(shop: Shop, postgres_url: str) -> None:
    subscription = await shop.subscribed("growth")
    pack = await shop.checkout("addon", packs=2)
    shop.ledger.pay(pack)
    shop.ledger.renew(subscription, paid=False)
    shop.ledger.pay_open(subscription)
    shop.ledger.change_price(subscription, "price_callmine_scale")
    await shop.settle()
    settled = await said_and_kept(shop, postgres_url)
    everything = [
        one for one in shop.ledger.events if one["data"]["object"].get("customer") == subscription["customer"]
    ]
    assert len(everything) > 8
    for events in (everything, everything[::-1], everything[1::2]):
        await shop.hear(events)
        await shop.read()
        assert await said_and_kept(shop, postgres_url) == settled


async def said_and_kept(shop: Shop, admin_url: str) -> object:
    """All rows but those that say when something was read, and which messages were."""
    rows = await every_row(admin_url, shop.retention.dsns)
    accounts = await shop.rows("SELECT to_jsonb(a) - 'read_at' AS a FROM billing_accounts a")
    kept = {name: found for name, found in rows.items() if name in {"subscriptions", "checkouts", "invoices", "outbox"}}
    return kept, accounts


async def test_a_replay_after_a_reconciliation_changes_nothing(shop: Shop, settings: Settings) -> None:
    subscription = await shop.subscribed("growth")
    old = list(shop.ledger.events)
    shop.ledger.cancel(subscription)
    shop.taken()
    result = await run(app, "plans", "reconcile", env=environment_for(settings))
    assert result.stdout == "1 workspace is read at Stripe again, by the running service.\n"
    await shop.read()
    assert await shop.plan() == "free"
    assert "subscription ended" in str((await shop.audited())[-1].payload)
    await shop.hear([one for one in old if one["data"]["object"].get("customer") == subscription["customer"]])
    await shop.read()
    assert (await shop.plan(), await shop.plans_told()) == ("free", ["trial", "growth", "free"])


@pytest.mark.parametrize(
    ("change", "plan"),
    [
        ({"status": "unpaid"}, "free"),
        ({"status": "paused"}, "free"),
        ({"status": "incomplete"}, "growth"),
        ({"status": "something_new"}, "growth"),
        ({"metadata": {}}, "growth"),
        ({"currency": "eur"}, "growth"),
        ({"pause_collection": {"behavior": "void", "resumes_at": None}}, "growth"),
    ],
)
async def test_each_state_is_safe(shop: Shop, change: dict[str, object], plan: str) -> None:
    subscription = await shop.subscribed("growth")
    shop.ledger.update(subscription, **change)
    await shop.settle()
    assert await shop.plan() == plan


async def test_a_price_that_the_plans_file_does_not_name_is_left_to_people(shop: Shop, settings: Settings) -> None:
    subscription = await shop.subscribed("growth")
    subscription["items"]["data"][0]["price"] = subscription["items"]["data"][0]["price"] | {"id": "price_legacy"}
    shop.ledger.update(subscription)
    await shop.settle()
    assert await shop.plan() == "growth"
    listed = (await run(app, "plans", "troubled", env=environment_for(settings))).stdout
    assert "a price that the plans file does not name" in listed
    assert MINE in listed


async def test_two_subscriptions_of_one_customer_are_shown_and_the_larger_counts(shop: Shop) -> None:
    subscription = await shop.subscribed("starter")
    second = shop.ledger.subscribe(subscription["customer"], "price_callmine_scale", {})
    await shop.settle()
    assert (await shop.plan(), "There are several subscriptions" in await shop.page()) == ("scale", True)
    shop.ledger.cancel(second)
    await shop.settle()
    assert (await shop.plan(), "There are several subscriptions" in await shop.page()) == ("starter", False)


async def test_a_customer_that_is_deleted_pays_for_nothing(shop: Shop) -> None:
    subscription = await shop.subscribed("growth")
    shop.ledger.delete_customer(subscription["customer"])
    await shop.settle()
    assert await shop.plan() == "free"
    assert "Choose Growth" in await shop.page()


async def test_a_customer_of_nobody_or_somebody_else_is_refused(shop: Shop) -> None:
    fields = {"object": "customer", "created": 1, "livemode": False}
    shop.ledger.add("customers", fields | {"id": "cus_theirs", "metadata": {"workspace_id": THEIRS}})
    shop.ledger.add("customers", fields | {"id": "cus_nobodys"})
    for customer_id in ("cus_theirs", "cus_nobodys", "cus_unknown"):
        await tell(shop, SubscriptionChanged(event_id="evt_1", customer_id=customer_id, subscription_id="sub_1"))
        await shop.read()
        [reason] = (await shop.outcomes()).values()
        assert "another workspace, or none" in reason
    assert (await shop.plan(), await shop.rows("SELECT FROM billing_accounts")) == ("trial", [])


async def test_a_customer_that_names_the_workspace_is_taken_over(shop: Shop) -> None:
    """One that our own people have made at Stripe."""
    fields = {"id": "cus_by_hand", "object": "customer", "created": 1, "livemode": False}
    shop.ledger.add("customers", fields | {"metadata": {"workspace_id": MINE}})
    shop.ledger.subscribe("cus_by_hand", "price_callmine_scale", {})
    await shop.settle()
    assert await shop.plan() == "scale"
    assert (await shop.audited())[-1].actor.id == "stripe"


async def test_a_checkout_of_another_workspace_is_refused_and_noted(shop: Shop, settings: Settings) -> None:
    session_id = await shop.checkout("addon", packs=1)
    shop.ledger.pay(session_id)
    shop.taken()
    await shop.open(THEIRS)
    stolen = CheckoutCompleted(event_id="evt_9", checkout_session_id=session_id, mode="payment", status="paid")
    await tell(shop, stolen, THEIRS)
    await shop.read()
    assert "names another workspace" in (await shop.outcomes())[session_id]
    assert await shop.credited() == []
    listed = (await run(app, "plans", "troubled", env=environment_for(settings))).stdout
    assert "refused" in listed
    assert THEIRS in listed
    await tell(shop, stolen)
    await shop.read()
    assert await shop.credited() == [(session_id, 100)]


@pytest.mark.parametrize("field", ["client_reference_id", "metadata", "customer"])
async def test_a_session_that_contradicts_itself_is_never_credited(shop: Shop, field: str) -> None:
    session_id = await shop.checkout("addon", packs=1)
    session = shop.ledger.find("sessions", session_id)
    changed = {
        "client_reference_id": THEIRS,
        "metadata": session["metadata"] | {"workspace_id": THEIRS},
        "customer": "cus_other",
    }
    shop.ledger.pay(session_id)
    session |= {field: changed[field]}
    if field == "customer":
        # As if the answer that names the session had been lost: only then does the customer have to vouch for it.
        await shop.rows("UPDATE checkouts SET session_id = NULL")
    await tell(shop, CheckoutCompleted(event_id="evt_9", checkout_session_id=session_id, mode="payment", status="paid"))
    await shop.read()
    assert (await shop.credited(), (await shop.outcomes())[session_id] != "") == ([], True)


async def test_a_session_that_nobody_began_here_is_not_credited(shop: Shop) -> None:
    session_id = await shop.checkout("addon", packs=1)
    session = shop.ledger.find("sessions", session_id)
    session["metadata"] = {"workspace_id": MINE}
    shop.ledger.pay(session_id)
    await shop.settle()
    assert (await shop.credited(), "no purchase" in (await shop.outcomes())[session_id]) == ([], True)


async def test_an_invoice_of_another_customer_is_no_failure_here(shop: Shop) -> None:
    await shop.subscribed("growth")
    stranger = shop.ledger.subscribe("cus_stranger", "price_callmine_scale", {})
    before = len(await shop.audited())
    shop.taken()
    await tell(shop, PaymentFailed(event_id="evt_9", invoice_id=stranger["latest_invoice"]))
    await shop.read()
    assert len(await shop.audited()) == before
    assert "another customer" in (await shop.outcomes())[stranger["latest_invoice"]]


async def test_ids_that_are_none_are_parked_and_never_asked_for(shop: Shop) -> None:
    for payload in (
        SubscriptionChanged(event_id="evt_1", customer_id="cus_1/../../x"),
        CheckoutCompleted(event_id="evt_2", checkout_session_id="", mode="payment"),
        PaymentFailed(event_id="evt_3"),
    ):
        event = news(payload)
        assert await shop.retention.consumer("billing").process([delivery(event)]) == [Verdict.ACK]
    assert len(await parked_reasons(shop.retention.dsns)) == 3
    assert await shop.rows("SELECT FROM readings") == []


async def test_news_of_a_workspace_without_a_plan_wait_for_it(shop: Shop) -> None:
    subscription = await shop.subscribed("growth")
    await shop.rows("DELETE FROM subscriptions")
    await tell(shop, SubscriptionChanged(event_id="evt_1", customer_id=subscription["customer"]))
    await shop.read()
    assert (await shop.outcomes())["subscriptions"] == "the workspace has no plan yet"
    await shop.rows("INSERT INTO subscriptions (workspace_id, plan, version) VALUES ($1, 'trial', 1)", MINE)
    await shop.rows("UPDATE readings SET next_at = now()")
    await shop.read()
    assert await shop.plan() == "growth"


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ({"status": 429, "retry_after": 40}, "asks to wait"),
        ({"status": 503}, "not available"),
        ({"status": 401}, "does not let us in"),
        ({"malformed": True}, ""),
        ({"body": "{}"}, "cannot be read"),
        ({"truncate": True}, "not available"),
    ],
)
async def test_what_stripe_does_wrong_puts_the_reading_off_and_nothing_else(
    shop: Shop, fault: dict[str, object], outcome: str
) -> None:
    session_id = await shop.checkout("checkout", plan="growth")
    shop.sessions.add(session_id)
    shop.ledger.pay(session_id)
    await shop.hear()
    switchboard = shop.outside.running.sandbox.switchboard
    switchboard.arm(Fault.model_validate({"provider": "stripe", "path": "/v1/subscriptions"} | fault))
    await shop.read()
    assert await shop.plan() == "trial"
    assert outcome in (await shop.outcomes())["subscriptions"]
    [row] = await shop.rows("SELECT attempts, leased_until FROM readings WHERE subject = 'subscriptions'")
    assert (row["attempts"] > 0, row["leased_until"]) == (True, None)
    switchboard.disarm()
    await shop.rows("UPDATE readings SET next_at = now()")
    await shop.read()
    assert await shop.plan() == "growth"


async def test_a_trial_ends_once_however_late(shop: Shop) -> None:
    assert await shop.trials.once() is False
    assert "This is a trial" in await shop.page()
    await shop.rows("UPDATE subscriptions SET changed_at = now() - interval '100 days'")
    assert [await shop.trials.once(), await shop.trials.once()] == [True, False]
    assert (await shop.plan(), await shop.plans_told()) == ("free", ["trial", "free"])
    [entry] = await shop.audited()
    assert "trial ended" in str(entry.payload)
    assert entry.actor == Actor(id="retention")


async def test_a_trial_that_was_paid_for_does_not_end(shop: Shop) -> None:
    await shop.subscribed("growth")
    await shop.rows("UPDATE subscriptions SET changed_at = now() - interval '100 days'")
    assert await shop.trials.once() is False
    assert await shop.plan() == "growth"


def news(payload: News, workspace_id: WorkspaceId = MINE) -> Event[Message]:
    """A message of ingest's."""
    return Event(workspace_id=workspace_id, payload=payload, producer="ingest", aggregate_id="x", sequence=1)


async def tell(shop: Shop, payload: News, workspace_id: WorkspaceId = MINE) -> None:
    """Deliver a message of ingest's."""
    await deliver(shop.retention.consumer("billing"), news(payload, workspace_id))
