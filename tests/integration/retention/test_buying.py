"""Admins pay at Stripe, for plans and packs of calls; the page shows what is paid for. Members look on."""

from __future__ import annotations

import uuid

import pytest

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.plans.v1.plans_pb2 import PlanChanged
from contracts import ActorKind, Source
from integration.retention.shop import API, PAGE, Shop, session_in, words
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE, Person
from local.sandbox.faults import Fault
from testkit.outside import ADMIN, MEMBER, OTHER_ADMIN

FORMS = {
    "checkout": {"plan": "growth"},
    "addon": {"packs": "1"},
    "change": {"plan": "scale"},
    "portal": {},
    "keep": {},
}


async def test_a_plan_is_paid_for_and_everybody_hears_of_it(shop: Shop) -> None:
    session_id = await shop.checkout("checkout", plan="growth")
    session = shop.ledger.find("sessions", session_id)
    assert (session["client_reference_id"], session["metadata"]["workspace_id"]) == (HARBORLINE.organization_id,) * 2
    assert shop.ledger.find("customers", session["customer"])["email"] == ADMIN.email
    shop.ledger.pay(session_id)
    assert await shop.plan() == "trial", "nothing is concluded before Stripe has been read"
    await shop.settle()

    assert await shop.plan() == "growth"
    told = [event for event in await shop.said() if isinstance(event.payload, PlanChanged)]
    assert isinstance(told[-1].payload, PlanChanged)
    subscription = shop.ledger.find("subscriptions", shop.ledger.find("sessions", session_id)["subscription"])
    assert told[-1].payload.billing_anchor.seconds == subscription["billing_cycle_anchor"]
    assert [event.payload.plan for event in told if isinstance(event.payload, PlanChanged)] == ["trial", "growth"]
    [entry] = await shop.audited()
    assert isinstance(entry.payload, AdminAction)
    assert entry.payload.type == AdminActionType.ADMIN_ACTION_TYPE_BILLING_PLAN_CHANGED
    assert [(one.field, one.before, one.after) for one in entry.payload.diff] == [("plan", '"trial"', '"growth"')]
    assert (entry.actor.kind, entry.actor.id, entry.actor.source) == (ActorKind.USER, ADMIN.user_id, Source.WEB)

    page = await shop.page()
    assert "Invoices" in page
    assert "USD 299.00" in page
    assert "Change to Scale" in page
    assert "Choose" not in page.replace(">Choose<", "")


async def test_a_program_of_an_admin_gets_the_same_pages(shop: Shop) -> None:
    """A person pays on them all the same. The same request leads to the same checkout; members, keys and nonsense lead nowhere."""
    async with (
        shop.retention.program(shop.outside.token(ADMIN)) as client,
        shop.retention.program(shop.outside.token(MEMBER)) as other,
    ):
        once = {"idempotency-key": "growth-please"}
        pages = [await client.post(f"{API}/checkout", json={"plan": "growth"}, headers=once) for _ in range(2)]
        assert [one.status_code for one in pages] == [201, 201]
        assert pages[0].json() == pages[1].json()
        [session] = [one for one in shop.ledger.tables["sessions"].values() if one["url"] == pages[0].json()["url"]]
        for path, body in (("checkout", {"plan": "growth"}), ("addons", {"packs": 1}), ("portal", {}), ("keep", None)):
            assert (await other.post(f"{API}/{path}", json=body)).status_code == 403, path
        for path, body in (("checkout", {"plan": "free"}), ("checkout", {"plan": "x"}), ("addons", {"packs": 21})):
            refused = await client.post(f"{API}/{path}", json=body)
            assert (refused.status_code, refused.headers["content-type"]) == (400, "application/problem+json")
        assert (await client.post(f"{API}/portal", json={})).status_code == 201, (
            "the customer is there with the purchase"
        )
        shop.ledger.pay(session["id"])
        await shop.settle()
        assert await shop.plan() == "growth"
        again = await client.post(f"{API}/checkout", json={"plan": "scale"})
        assert (again.status_code, "Change that one" in again.json()["detail"]) == (409, True)
        assert (await client.post(f"{API}/portal", json={"plan": "scale"})).status_code == 201
        assert (await client.post(f"{API}/keep")).status_code == 409, "nothing is to end"
        told = (await other.get(API)).json()
    assert (told["plan"], told["status"], told["next_plan"]) == ("growth", "active", None)
    assert [(one["total"], one["currency"], one["status"]) for one in told["invoices"]] == [(29900, "usd", "paid")]


async def test_packs_of_calls_are_credited_once_for_their_session(shop: Shop) -> None:
    session_id = await shop.checkout("addon", packs=3)
    shop.ledger.pay(session_id)
    events = shop.taken()
    await shop.hear(events)
    await shop.read()
    assert await shop.credited() == [(session_id, 300)]
    # Again, by the browser that comes back, and by Stripe.
    async with shop.retention.browser(shop.outside.token(ADMIN)) as browser:
        back = await browser.get(f"{PAGE}/return", params={"session_id": session_id})
    assert (back.status_code, back.headers["location"]) == (303, PAGE)
    await shop.read()
    await shop.hear([*events, *events])
    await shop.read()
    assert await shop.credited() == [(session_id, 300)]
    [entry] = await shop.audited()
    assert isinstance(entry.payload, AdminAction)
    assert entry.payload.type == AdminActionType.ADMIN_ACTION_TYPE_BILLING_ADDON_PURCHASED
    assert (entry.payload.target_id, entry.actor.id) == (session_id, ADMIN.user_id)
    assert {one.field: one.after for one in entry.payload.diff} == {"calls": "300", "packs": "3"}
    assert await shop.plan() == "trial"


async def test_a_payment_that_takes_days_is_credited_when_it_arrives(shop: Shop) -> None:
    arrives, fails = [await shop.checkout("addon", packs=1) for _ in range(2)]
    for session_id in (arrives, fails):
        shop.ledger.pay(session_id, later=True)
    await shop.settle()
    assert (await shop.credited(), await shop.audited()) == ([], [])
    shop.ledger.settle(arrives, paid=True)
    shop.ledger.settle(fails, paid=False)
    await shop.settle()
    assert await shop.credited() == [(arrives, 100)]
    kinds = [event.payload.type for event in await shop.audited() if isinstance(event.payload, AdminAction)]
    assert sorted(kinds) == [
        AdminActionType.ADMIN_ACTION_TYPE_BILLING_ADDON_PURCHASED,
        AdminActionType.ADMIN_ACTION_TYPE_BILLING_PAYMENT_FAILED,
    ]


async def test_who_comes_back_without_a_webhook_is_served_as_well(shop: Shop) -> None:
    session_id = await shop.checkout("checkout", plan="starter")
    shop.ledger.pay(session_id)
    async with shop.retention.browser(shop.outside.token(ADMIN)) as browser:
        await browser.get(f"{PAGE}/return", params={"session_id": session_id})
        assert "Stripe is being asked" in (await browser.get(PAGE)).text
        await shop.read()
        assert "Stripe is being asked" not in (await browser.get(PAGE)).text
    assert await shop.plan() == "starter"


async def test_a_form_that_is_sent_twice_is_one_checkout(shop: Shop) -> None:
    once = str(uuid.uuid4())
    first = await shop.checkout("addon", request_id=once, packs=2)
    assert await shop.checkout("addon", request_id=once, packs=2) == first
    other = await shop.send("addon", request_id=once, packs=3)
    assert (other.status_code, "Open the page again" in other.text) == (409, True)
    shop.ledger.pay(first)
    paid = await shop.send("addon", request_id=once, packs=2)
    assert (paid.status_code, "was paid" in paid.text) == (409, True)
    assert len(shop.ledger.of_customer("sessions", shop.ledger.find("sessions", first)["customer"])) == 1


async def test_one_customer_is_made_and_replaced_when_it_is_gone(shop: Shop) -> None:
    first, second = [shop.ledger.find("sessions", await shop.checkout("addon", packs=1)) for _ in range(2)]
    assert first["customer"] == second["customer"]
    shop.ledger.delete_customer(first["customer"])
    third = shop.ledger.find("sessions", await shop.checkout("checkout", plan="growth"))
    assert third["customer"] != first["customer"]
    shop.ledger.pay(third["id"])
    await shop.settle()
    assert await shop.plan() == "growth"


async def test_a_second_subscription_is_not_sold(shop: Shop) -> None:
    await shop.subscribed("growth")
    answer = await shop.send("checkout", plan="scale")
    assert (answer.status_code, "There is a subscription already" in answer.text) == (409, True)


async def test_the_portal_changes_the_plan_up_at_once_and_down_later(shop: Shop) -> None:
    subscription = await shop.subscribed("growth")
    answer = await shop.send("change", plan="scale")
    assert "/portal/bps_" in answer.headers["refresh"]
    portal = list(shop.ledger.tables["portals"].values())[-1]
    wanted = portal["flow"]["subscription_update_confirm"]
    assert (wanted["subscription"], wanted["items"][0]["price"]) == (subscription["id"], "price_callmine_scale")
    shop.ledger.change_price(subscription, "price_callmine_scale")
    await shop.settle()
    assert await shop.plan() == "scale"
    assert (await shop.audited())[-1].actor.source == Source.WEBHOOK

    shop.ledger.change_price(subscription, "price_callmine_starter")
    await shop.settle()
    page = words(await shop.page())
    assert "This workspace goes from Scale to Starter at" in page
    assert "Keep Scale" in page
    assert await shop.plan() == "scale"
    shop.ledger.renew(subscription)
    await shop.settle()
    assert await shop.plan() == "starter"
    assert await shop.plans_told() == ["trial", "growth", "scale", "starter"]


@pytest.mark.parametrize("arranged", ["end", "smaller"])
async def test_what_was_arranged_for_later_is_taken_back(shop: Shop, arranged: str) -> None:
    subscription = await shop.subscribed("growth")
    if arranged == "end":
        shop.ledger.end_later(subscription, ends=True)
    else:
        shop.ledger.change_price(subscription, "price_callmine_starter")
    await shop.settle()
    assert "Keep Growth" in await shop.page()
    assert (await shop.send("keep")).status_code == 303
    assert not subscription["cancel_at_period_end"]
    assert subscription["schedule"] is None
    await shop.read()
    assert "Keep Growth" not in await shop.page()
    again = await shop.send("keep")
    assert (again.status_code, "Nothing is arranged" in again.text) == (409, True)
    shop.ledger.renew(subscription)
    await shop.settle()
    assert await shop.plan() == "growth"


@pytest.mark.parametrize("form", FORMS)
async def test_only_admins_pay(shop: Shop, form: str) -> None:
    refused = await shop.send_as(MEMBER, form, **FORMS[form])
    assert refused.status_code == 403
    async with shop.retention.browser(shop.outside.token(ADMIN)) as browser:
        elsewhere = await browser.post(f"{PAGE}/{form}", data=FORMS[form], headers={"sec-fetch-site": "cross-site"})
    assert elsewhere.status_code == 403
    assert await shop.rows("SELECT FROM checkouts") == []


async def test_members_see_what_is_paid_for_and_pay_nothing(shop: Shop) -> None:
    await shop.subscribed("growth")
    seen: dict[Person, str] = {who: await shop.page(who) for who in (ADMIN, MEMBER)}
    assert "USD 299.00" in seen[MEMBER]
    assert seen[ADMIN].count(" disabled") == 0
    # Each button and field of a form: the portal, two other plans, the packs and their number.
    assert seen[MEMBER].count(' disabled title="Only workspace admins can pay"') == 5


async def test_another_workspaces_session_is_nothing_here(shop: Shop) -> None:
    session_id = await shop.checkout("addon", packs=1)
    shop.ledger.pay(session_id)
    async with shop.retention.browser(shop.outside.token(OTHER_ADMIN, QUILLSTONE)) as browser:
        assert (await browser.get(f"{PAGE}/return", params={"session_id": session_id})).status_code == 303
        wrong = await browser.get(f"{PAGE}/return", params={"session_id": "../customers/x"})
    assert wrong.status_code == 400
    assert await shop.rows("SELECT FROM readings") == []


async def test_what_is_not_sold_is_said(shop: Shop) -> None:
    cases = {
        ("checkout", "free"): (400, "cannot be bought"),
        ("checkout", "gold"): (400, "There is no such plan"),
        ("change", "growth"): (404, "Choose a plan first"),
        ("portal", ""): (404, "Choose a plan first"),
        ("keep", ""): (404, "Choose a plan first"),
    }
    for (form, plan), (status, text) in cases.items():
        answer = await shop.send(form, **({"plan": plan} if plan else {}))
        assert (answer.status_code, text in answer.text) == (status, True), (form, plan)
    assert (await shop.send("addon", packs=21)).status_code == 400
    assert (await shop.send("addon", request_id="1", packs=2)).status_code == 400


async def test_while_stripe_is_away_nothing_is_lost_and_the_page_stays(shop: Shop) -> None:
    once = str(uuid.uuid4())
    await _arm(shop, status=503)
    answer = await shop.send("checkout", request_id=once, plan="growth")
    assert (answer.status_code, "Plans" in answer.text) == (503, True)
    shop.outside.running.sandbox.switchboard.disarm()
    # A reply that is lost: the request took effect, and is the same one when it comes again.
    await _arm(shop, status=500, path="/v1/checkout/sessions", after=True)
    assert (await shop.send("checkout", request_id=once, plan="growth")).status_code == 503
    shop.outside.running.sandbox.switchboard.disarm()
    session_id = session_in(await shop.send("checkout", request_id=once, plan="growth"))
    customer_id = shop.ledger.find("sessions", session_id)["customer"]
    assert [one["id"] for one in shop.ledger.of_customer("sessions", customer_id)] == [session_id]


async def _arm(shop: Shop, **fault: object) -> None:
    whole = {"provider": "stripe", "path": "/v1/"} | fault
    shop.outside.running.sandbox.switchboard.arm(Fault.model_validate(whole))
