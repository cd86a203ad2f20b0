"""Stripe as the sandbox plays it: objects of the published shape, errors, idempotency, pages, webhooks as the receiver checks them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest

from contract.sandbox.specs import specification
from contract.sandbox.stage import Stage
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.stripe import check_signature, read_event
from local.sandbox.clock import SystemClock
from local.sandbox.server import RunningSandbox, running
from local.sandbox.stripe.courier import signature
from local.sandbox.stripe.ledger import Ledger

KEY = "sk_test_for-contracts"
GROWTH, STARTER, ADDON = "price_callmine_growth", "price_callmine_starter", "price_callmine_addon"
BACK = "https://app.callmine.example/settings/billing"


@dataclass(frozen=True, slots=True)
class Account:
    """A client of the sandbox's Stripe, and what that one knows."""

    client: httpx.AsyncClient
    ledger: Ledger

    async def customer(self) -> str:
        made = await self.client.post("/v1/customers", data={"name": "Harborline", "metadata[workspace_id]": "org_1"})
        return str(made.json()["id"])

    async def session(self, customer_id: str, price: str = GROWTH, mode: str = "subscription") -> dict[str, object]:
        form = {
            "customer": customer_id,
            "mode": mode,
            "line_items[0][price]": price,
            "line_items[0][quantity]": "1",
            "success_url": f"{BACK}?session_id={{CHECKOUT_SESSION_ID}}",
            "cancel_url": BACK,
            "client_reference_id": "org_1",
            "metadata[workspace_id]": "org_1",
            "subscription_data[metadata][workspace_id]": "org_1",
        }
        answer = await self.client.post("/v1/checkout/sessions", data=form)
        assert answer.status_code == 200, answer.text
        found: dict[str, object] = answer.json()
        return found


@pytest.fixture(scope="module")
async def stripe_sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    async with running(stage.settings(stripe={"secret_key": KEY})) as sandbox:
        yield sandbox


@pytest.fixture
async def stripe(stage: Stage, stripe_sandbox: RunningSandbox) -> AsyncIterator[Account]:
    async with stage.client(f"{stripe_sandbox.url}/stripe") as client:
        client.headers["authorization"] = f"Bearer {KEY}"
        yield Account(client, stripe_sandbox.sandbox.stripe)


async def test_objects_have_the_published_shape(stripe: Account) -> None:
    spec = specification("stripe")
    customer_id = await stripe.customer()
    session = await stripe.session(customer_id)
    spec.check(session, "checkout.session")
    stripe.ledger.pay(str(session["id"]))
    spec.check((await stripe.client.get(f"/v1/customers/{customer_id}")).json(), "customer")
    paid = await stripe.client.get(f"/v1/checkout/sessions/{session['id']}", params={"expand[]": "line_items"})
    spec.check(paid.json(), "checkout.session")
    assert paid.json()["line_items"]["data"][0]["price"]["id"] == GROWTH
    listed = (await stripe.client.get("/v1/subscriptions", params={"customer": customer_id, "status": "all"})).json()
    spec.check(listed["data"][0], "subscription")
    spec.check(listed["data"][0]["items"]["data"][0], "subscription_item")
    invoices = (await stripe.client.get("/v1/invoices", params={"customer": customer_id})).json()
    spec.check(invoices["data"][0], "invoice")
    spec.check(invoices["data"][0]["lines"]["data"][0], "line_item")
    spec.check((await stripe.client.get(f"/v1/invoices/{invoices['data'][0]['id']}")).json(), "invoice")
    spec.check((await stripe.client.get(f"/v1/prices/{GROWTH}")).json(), "price")
    spec.check(stripe.ledger.events[-1], "event")
    item = listed["data"][0]["items"]["data"][0]["id"]
    portal = await stripe.client.post(
        "/v1/billing_portal/sessions",
        data={
            "customer": customer_id,
            "return_url": BACK,
            "flow_data[type]": "subscription_update_confirm",
            "flow_data[subscription_update_confirm][subscription]": listed["data"][0]["id"],
            "flow_data[subscription_update_confirm][items][0][id]": item,
            "flow_data[subscription_update_confirm][items][0][price]": STARTER,
        },
    )
    spec.check(portal.json(), "billing_portal.session")
    spec.check((await stripe.client.delete(f"/v1/customers/{customer_id}")).json(), "deleted_customer")
    spec.check((await stripe.client.get(f"/v1/customers/{customer_id}")).json(), "deleted_customer")


async def test_errors_have_the_published_shape(stripe: Account) -> None:
    spec = specification("stripe")
    missing = await stripe.client.get("/v1/customers/cus_none")
    assert (missing.status_code, missing.json()["error"]["code"]) == (404, "resource_missing")
    unknown = await stripe.client.post("/v1/billing_portal/sessions", data={"customer": "cus_none"})
    assert (unknown.status_code, unknown.json()["error"]["code"]) == (400, "resource_missing")
    stranger = await stripe.client.get("/v1/customers/cus_none", headers={"authorization": "Bearer sk_test_wrong"})
    assert stranger.status_code == 401
    for answer in (missing, unknown, stranger):
        spec.check(answer.json(), "error")


async def test_a_key_makes_one_thing_and_only_the_same_one(stripe: Account) -> None:
    first, again = [
        await stripe.client.post("/v1/customers", data={"name": "A"}, headers={"idempotency-key": "k1"})
        for _ in range(2)
    ]
    assert first.json() == again.json()
    other = await stripe.client.post("/v1/customers", data={"name": "B"}, headers={"idempotency-key": "k1"})
    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")


async def test_a_person_pays_is_declined_or_goes_back(stripe: Account) -> None:
    session = await stripe.session(await stripe.customer())
    url = f"/pay/{session['id']}"
    assert str(session["url"]).endswith(f"/stripe{url}")
    page = await stripe.client.get(url)
    assert (page.status_code, "USD 299.00 a month" in page.text) == (200, True)
    declined = await stripe.client.post(url, data={"decision": "decline"})
    assert (declined.status_code, "declined" in declined.text) == (402, True)
    back = await stripe.client.post(url, data={"decision": "back"})
    assert back.headers["location"] == BACK
    elsewhere = await stripe.client.post(url, data={"decision": "pay"}, headers={"origin": "https://evil.example"})
    assert elsewhere.status_code == 403
    paid = await stripe.client.post(url, data={"decision": "pay"})
    assert (paid.status_code, paid.headers["location"]) == (303, f"{BACK}?session_id={session['id']}")
    assert (await stripe.client.get(url)).status_code == 404


async def test_the_portal_changes_what_is_its_customers_own(stripe: Account) -> None:
    customer_id = await stripe.customer()
    subscription = stripe.ledger.subscribe(customer_id, GROWTH, {})
    made = await stripe.client.post("/v1/billing_portal/sessions", data={"customer": customer_id, "return_url": BACK})
    url = f"/portal/{made.json()['id']}"
    for decision, price in (("change", STARTER), ("stay", ""), ("end", "")):
        form = {"subscription": subscription["id"], "decision": decision, "price": price}
        assert (await stripe.client.post(url, data=form)).status_code == 303, decision
    assert (subscription["cancel_at_period_end"], subscription["schedule"]) == (True, None)
    strangers = stripe.ledger.subscribe(await stripe.customer(), GROWTH, {})
    refused = await stripe.client.post(url, data={"subscription": strangers["id"], "decision": "end"})
    assert (refused.status_code, strangers["cancel_at_period_end"]) == (422, False)
    assert subscription["id"] in (await stripe.client.get(url)).text


async def test_webhooks_are_signed_as_the_receiver_checks(stripe: Account) -> None:
    stripe.ledger.subscribe(await stripe.customer(), GROWTH, {"workspace_id": "org_1"})
    body = json.dumps(stripe.ledger.events[-1]).encode()
    now = SystemClock().now()
    header = {"stripe-signature": signature("whsec_in-contracts", body, int(now.timestamp()))}
    check_signature(["whsec_in-contracts"], Arrival(httpx.Headers(header), body, now))
    told = read_event(body)
    assert told is not None
    assert told.named == {"org_1"}
    assert told.subscription_id.startswith("sub_")


async def test_faults_are_stripes_own(stripe: Account, stage: Stage, stripe_sandbox: RunningSandbox) -> None:
    fault = {"provider": "stripe", "path": "/v1/customers", "status": 429, "retry_after": 7, "count": 1}
    async with stage.client(stripe_sandbox.url) as operator:
        operator.headers["authorization"] = f"Bearer {stripe_sandbox.sandbox.settings.admin_token.get_secret_value()}"
        assert (await operator.post("/_faults", json=fault)).status_code == 201
        answer = await stripe.client.get("/v1/customers/cus_1")
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "7")
        assert answer.json()["error"]["code"] == "rate_limit"
        assert (await operator.put("/_stripe/delivery", json={"copies": 2})).status_code == 409
        assert (await operator.post("/_stripe/subscriptions/sub_none/renew")).status_code == 404
        assert "customers" in (await operator.get("/_stripe")).json()
    specification("stripe").check(answer.json(), "error")
