"""What webhooks mean: told once, to the right workspace, in whatever order and however often they come."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from unit.web.issuer import Issuer

from callmine.billing.v1.billing_pb2 import CheckoutCompleted, PaymentFailed, SubscriptionChanged
from callmine.credentials.v1.credentials_pb2 import RevocationNoticed
from callmine.integrations.v1.integrations_pb2 import PROVIDER_HUBSPOT, PROVIDER_SLACK, IntegrationDisconnected
from contracts import topic_for
from ingest.domain.webhooks import Outcome, Reason, Sender
from integration.ingest import bodies, senders
from integration.ingest.harness import HARBOR, QUILL, Ingest, event_of, stamp
from integration.ingest.post import NOW, PORTAL, TEAM, Post, furnish, open_post
from integration.ingest.senders import Letter

BILLING = (SubscriptionChanged, CheckoutCompleted, PaymentFailed)


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def post(ingest: Ingest, issuer: Issuer) -> AsyncIterator[Post]:
    await furnish(ingest)
    async with open_post(ingest, issuer) as opened:
        yield opened


async def told(post: Post) -> list[tuple[str, Message]]:
    """Whom what was told about, in order."""
    return [(event.workspace_id, event.payload) for event in await post.ingest.told()]


def stripe(body: bytes) -> Letter:
    return senders.stripe_event(body, NOW)


def slack(body: bytes) -> Letter:
    return senders.slack(body, NOW)


def hubspot(*events: object) -> Letter:
    return senders.hubspot(bodies.packed(list(events)), NOW)


async def test_a_checkout_is_told_as_ids_and_never_as_a_card_or_a_person(post: Post) -> None:
    assert (await post.send(stripe(bodies.checkout()))).status_code == 200
    [event] = await post.ingest.told()
    assert event.payload == CheckoutCompleted(
        event_id="evt_1",
        customer_id="cus_1",
        checkout_session_id="cs_1",
        subscription_id="sub_1",
        mode="subscription",
        status="paid",
        occurred_at=stamp(NOW),
    )
    assert (event.workspace_id, event.aggregate_id, event.sequence) == (HARBOR, "cs_1", bodies.CREATED)
    assert (event.actor.id, event.actor.source, topic_for(event.payload)) == ("stripe", "webhook", "billing")
    rows = await post.ingest.snapshot(("outbox", "webhook_receipts", "stripe_customers"))
    assert not [word for word in ("4242", "dana@", "Dana") if word in rows or word.encode().hex() in rows]


async def test_a_customer_is_known_from_the_first_event_that_names_both(post: Post) -> None:
    """A subscription's own events name the customer only; before a checkout has been heard they are nobody's, and cost nothing:

    the checkout says of the same subscription that it has to be read.
    """
    assert (await post.send(stripe(bodies.subscription("evt_early")))).status_code == 200
    assert post.counts() == {(Sender.STRIPE, Outcome.NO_WORKSPACE): 1}
    assert await told(post) == []
    await post.send(stripe(bodies.checkout()))
    await post.send(stripe(bodies.subscription("evt_2", "past_due")))
    (_, first), (workspace_id, second) = await told(post)
    assert isinstance(first, CheckoutCompleted)
    assert first.subscription_id == "sub_1"
    assert workspace_id == HARBOR
    assert second == SubscriptionChanged(
        event_id="evt_2", customer_id="cus_1", subscription_id="sub_1", status="past_due", occurred_at=stamp(NOW)
    )


async def test_an_invoice_names_its_subscription_and_workspace_where_stripe_has_moved_them(post: Post) -> None:
    details = {"subscription": "sub_1", "metadata": {"workspace_id": HARBOR}}
    parent = {"type": "subscription_details", "subscription_details": details}
    invoice = {"id": "in_1", "customer": {"id": "cus_1"}, "status": "open", "subscription": None, "parent": parent}
    await post.send(stripe(bodies.stripe_body("invoice.payment_failed", invoice)))
    assert await told(post) == [
        (
            HARBOR,
            PaymentFailed(
                event_id="evt_1",
                customer_id="cus_1",
                invoice_id="in_1",
                subscription_id="sub_1",
                status="open",
                occurred_at=stamp(NOW),
            ),
        )
    ]


async def test_a_payment_that_fails_later_is_of_its_checkout(post: Post) -> None:
    about = {"id": "cs_1", "client_reference_id": HARBOR, "payment_status": "unpaid", "mode": "payment"}
    await post.send(stripe(bodies.stripe_body("checkout.session.async_payment_failed", about)))
    [(_, payload)] = await told(post)
    assert payload == PaymentFailed(
        event_id="evt_1", checkout_session_id="cs_1", status="unpaid", occurred_at=stamp(NOW)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"client_reference_id": None, "customer": "cus_unheard_of"},
        {"client_reference_id": None, "customer": None},
        {"client_reference_id": "order-17", "customer": None},
        {"client_reference_id": HARBOR, "metadata": {"workspace_id": QUILL}},
    ],
    ids=["unknown customer", "nobody", "another system's reference", "contradicts itself"],
)
async def test_what_is_nobodys_is_done_with_and_counted(post: Post, changes: dict[str, object]) -> None:
    """200: another installation's customers would otherwise be sent again for days."""
    before = await post.written()
    assert (await post.send(stripe(bodies.checkout("evt_1", **changes)))).status_code == 200
    assert post.counts() == {(Sender.STRIPE, Outcome.NO_WORKSPACE): 1}
    assert await post.written() == before


async def test_a_customer_of_one_workspace_is_not_taken_for_anothers(post: Post) -> None:
    await post.send(stripe(bodies.checkout()))
    before = await post.written()
    assert (await post.send(stripe(bodies.checkout("evt_2", client_reference_id=QUILL)))).status_code == 200
    assert post.counts()[Sender.STRIPE, Outcome.NO_WORKSPACE] == 1
    assert await post.written() == before


async def test_slacks_question_is_answered_once_it_is_signed(post: Post) -> None:
    body = bodies.packed({"token": "x", "challenge": "3eZbrw1aB", "type": "url_verification"})
    answer = await post.send(slack(body))
    assert (answer.status_code, answer.text, answer.headers["content-type"]) == (
        200,
        "3eZbrw1aB",
        "text/plain; charset=utf-8",
    )
    unsigned = await post.send(slack(body).without("x-slack-signature"))
    assert (unsigned.status_code, "3eZbrw1aB" in unsigned.text) == (401, False)
    assert await told(post) == []


@pytest.mark.parametrize("event", [bodies.UNINSTALLED, bodies.REVOKED], ids=["app_uninstalled", "tokens_revoked"])
async def test_a_team_that_takes_the_app_away_is_told_to_the_vault_alone(post: Post, event: dict[str, object]) -> None:
    before = await post.ingest.snapshot(("integrations",))
    assert (await post.send(slack(bodies.slack_body(event)))).status_code == 200
    [said] = await post.ingest.told()
    assert (said.workspace_id, said.payload) == (HARBOR, RevocationNoticed(provider=PROVIDER_SLACK, account_id=TEAM))
    assert said.aggregate_id == f"{HARBOR}:slack"
    [row] = await post.ingest.sql("SELECT topic FROM outbox")
    assert row["topic"] == "credential-requests-ingest"
    # Nothing is believed here: what ingest knows of integrations the vault tells it.
    assert await post.ingest.snapshot(("integrations",)) == before


async def test_the_portals_of_one_batch_are_told_each_to_its_own(post: Post) -> None:
    other = {"subscriptionType": "deal.propertyChange", "portalId": PORTAL, "objectId": 1, "propertyValue": "closedwon"}
    letter = hubspot(other, bodies.farewell(1), bodies.farewell(2, portal=99), bodies.farewell(1))
    assert (await post.send(letter)).status_code == 200
    assert await told(post) == [(HARBOR, RevocationNoticed(provider=PROVIDER_HUBSPOT, account_id=str(PORTAL)))]


async def test_an_account_that_several_workspaces_have_connected_is_told_to_each(post: Post) -> None:
    await post.ingest.sql("UPDATE integrations SET account_id = $1 WHERE provider = 'slack'", TEAM)
    await post.send(slack(bodies.slack_body(bodies.UNINSTALLED)))
    assert {workspace_id for workspace_id, _ in await told(post)} == {HARBOR, QUILL}


async def test_an_account_that_was_disconnected_is_nobodys(post: Post) -> None:
    gone = IntegrationDisconnected(provider=PROVIDER_SLACK, credential_version=2)
    await post.ingest.hear(event_of(gone, f"{HARBOR}:slack", HARBOR, 4))
    assert (await post.send(slack(bodies.slack_body(bodies.UNINSTALLED)))).status_code == 200
    assert post.counts() == {(Sender.SLACK, Outcome.NO_WORKSPACE): 1}
    assert await told(post) == []


async def test_a_call_is_noted_in_the_workspace_whose_address_it_came_to(post: Post) -> None:
    assert (await post.send(senders.gong(bodies.call(), NOW))).status_code == 200
    [row] = await post.ingest.sql("SELECT workspace_id, call_id, started_at FROM noticed_calls")
    assert tuple(row) == (HARBOR, "7782342274025937895", datetime(2026, 11, 23, 18, tzinfo=UTC))
    assert "Acme" not in await post.written()
    assert await told(post) == []


@pytest.mark.parametrize("started", ["yesterday", "2026-11-23T10:00:00", None])
async def test_a_call_without_a_readable_time_is_noted_all_the_same(post: Post, started: str | None) -> None:
    body = bodies.packed({"callData": {"metaData": {"id": "1", "started": started}}})
    assert (await post.send(senders.gong(body, NOW))).status_code == 200
    [row] = await post.ingest.sql("SELECT call_id, started_at FROM noticed_calls")
    assert tuple(row) == ("1", None)


async def test_noticed_calls_are_shown_to_the_workspaces_admin(post: Post, issuer: Issuer) -> None:
    await post.send(senders.clerk(bodies.organisation(), NOW))
    for number in range(3):
        await post.send(senders.gong(bodies.call(str(number)), NOW))
    pages = {}
    for workspace_id in (HARBOR, QUILL):
        token = issuer.token(o={"id": workspace_id, "slg": "x", "rol": "admin"})
        answer = await post.client.get("/settings/workspace", headers={"authorization": f"Bearer {token}"})
        pages[workspace_id] = answer.text
    assert "Calls announced by Gong" in pages[HARBOR]
    assert "Calls announced by Gong" not in pages[QUILL]


IGNORED = [
    senders.clerk(bodies.packed({"type": "user.created", "data": {}}), NOW),
    senders.stripe_event(bodies.stripe_body("customer.updated", {"id": "cus_1"}), NOW),
    senders.stripe_event(bodies.packed({"type": "a.new.one"}), NOW),
    senders.gong(bodies.call(isTest=True), NOW),
    senders.gong(bodies.packed({"somethingElse": {}}), NOW),
    hubspot(bodies.farewell() | {"eventTypeId": "4-1909196"}),
    hubspot({"subscriptionType": "contact.creation", "portalId": PORTAL}),
    hubspot(),
    slack(bodies.slack_body({"type": "message", "text": "a secret of the team"})),
    slack(bodies.slack_body({"type": "tokens_revoked", "tokens": {"oauth": ["U1"], "bot": []}})),
    slack(bodies.packed({"type": "app_rate_limited"})),
]


@pytest.mark.parametrize("letter", IGNORED, ids=[f"{one.path}-{number}" for number, one in enumerate(IGNORED)])
async def test_what_means_nothing_here_is_counted_and_not_written(
    post: Post, letter: Letter, caplog: pytest.LogCaptureFixture
) -> None:
    before = await post.written()
    assert (await post.send(letter)).status_code == 200
    assert [outcome for _, outcome in post.counts()] == [Outcome.IGNORED]
    assert await post.written() == before
    assert "secret of the team" not in caplog.text


async def test_no_line_of_the_log_holds_what_was_sent(post: Post, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        for letter in (stripe(bodies.checkout()), stripe(bodies.checkout(client_reference_id=None, customer=None))):
            await post.send(letter)
            await post.send(letter.with_header("stripe-signature", "t=1,v1=canary"))
    lines = [f"{record.getMessage()} {getattr(record, 'fields', {})}" for record in caplog.records]
    assert any("webhook refused" in line for line in lines)
    assert any("webhook of no workspace" in line for line in lines)
    for word in ("canary", "dana", "cus_1", "4242", senders.SECRETS["stripe"]):
        assert not [line for line in lines if word in line]


def _history() -> Sequence[Letter]:
    """One of each thing that can be told of two workspaces, as Stripe, HubSpot, Slack, Gong and Clerk do."""
    at = bodies.CREATED * 1000
    return [
        senders.clerk(bodies.organisation("Old name", at), NOW, message_id="msg_1"),
        senders.clerk(bodies.organisation("New name", at + 9000), NOW, message_id="msg_2"),
        stripe(bodies.checkout("evt_1")),
        stripe(bodies.subscription("evt_2", "active", bodies.CREATED - 60, metadata={"workspace_id": HARBOR})),
        stripe(bodies.subscription("evt_3", "canceled", bodies.CREATED, metadata={"workspace_id": HARBOR})),
        hubspot(bodies.farewell(1), bodies.farewell(2)),
        hubspot(bodies.farewell(2)),
        slack(bodies.slack_body(bodies.UNINSTALLED, "Ev1")),
        slack(bodies.slack_body(bodies.REVOKED, "Ev2")),
        slack(bodies.slack_body(bodies.REVOKED, "Ev3", "T0QUILL")),
        senders.gong(bodies.call("1"), NOW),
        senders.gong(bodies.call("2"), NOW),
    ]


LETTERS = _history()

# Every letter at least once, some more often, in any order.
ORDERS = st.lists(st.integers(0, len(LETTERS) - 1), max_size=12).flatmap(
    lambda more: st.permutations([*range(len(LETTERS)), *more])
)

_EMPTIED = "TRUNCATE workspaces, members, webhook_receipts, stripe_customers, noticed_calls, outbox CASCADE"


async def _outcome(post: Post) -> tuple[list[str], str]:
    """What was told and what is known, without the order in which it was, and without ids and times of our own."""
    said = sorted(
        f"{event.workspace_id} {event.aggregate_id} {event.sequence} {type(event.payload).__name__} {event.payload}"
        for event in await post.ingest.told()
        if isinstance(event.payload, (*BILLING, RevocationNoticed))
    )
    names = await post.ingest.sql("SELECT workspace_id, name, slug FROM workspaces ORDER BY 1")
    calls = await post.ingest.sql("SELECT workspace_id, call_id, started_at FROM noticed_calls ORDER BY 1, 2")
    receipts = await post.ingest.sql(
        "SELECT workspace_id, source, message_id, type FROM webhook_receipts ORDER BY 1, 2, 3"
    )
    owners = await post.ingest.sql("SELECT workspace_id, customer_id FROM stripe_customers ORDER BY 1, 2")
    return said, "\n".join(str(tuple(row)) for row in (*names, *calls, *receipts, *owners))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=ORDERS)
async def test_duplicates_and_any_order_end_alike(post: Post, order: list[int]) -> None:
    await post.ingest.sql(_EMPTIED)
    for number in range(len(LETTERS)):
        assert (await post.send(LETTERS[number])).status_code == 200
    expected = await _outcome(post)
    assert len(expected[0]) == 8
    await post.ingest.sql(_EMPTIED)
    for number in order:
        assert (await post.send(LETTERS[number])).status_code == 200
    assert await _outcome(post) == expected


@pytest.mark.parametrize("letter", LETTERS, ids=[f"{one.path}-{number}" for number, one in enumerate(LETTERS)])
async def test_a_replay_is_done_already(post: Post, letter: Letter) -> None:
    first, before = await post.send(letter), await post.written()
    again = await post.send(letter)
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert sorted(post.counts().values()) == [1, 1]
    assert {outcome for _, outcome in post.counts()} == {Outcome.TAKEN, Outcome.KNOWN}
    assert await post.written() == before


async def test_what_is_heard_and_what_is_told_commit_together(post: Post) -> None:
    """A receipt without its message would be a payment that nobody hears of."""
    await post.ingest.sql("ALTER TABLE outbox ADD CONSTRAINT no_billing CHECK (topic <> 'billing')")
    before = await post.written()
    assert (await post.send(stripe(bodies.checkout()))).status_code >= 500
    assert await post.written() == before
    await post.ingest.sql("ALTER TABLE outbox DROP CONSTRAINT no_billing")
    assert (await post.send(stripe(bodies.checkout()))).status_code == 200
    assert len(await told(post)) == 1


def test_reasons_and_outcomes_never_share_a_word() -> None:
    """They are labels of one counter."""
    assert not {one.value for one in Reason} & {one.value for one in Outcome}
