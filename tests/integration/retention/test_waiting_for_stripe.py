"""The page of payments while something is still to be read at Stripe: it asks by itself, and ends with what was read last."""

from __future__ import annotations

import asyncio
import re

from integration.retention.shop import PAGE, Shop
from local.postgres.connection import Connection, connected
from local.sandbox.faults import Fault
from retention.store.readings import Waiting
from testkit.outside import ADMIN
from testkit.tables import same_database

ASKED, NO_ANSWER = "Stripe is being asked", "Stripe has no answer at the moment"


async def _asked(shop: Shop) -> None:
    """A workspace whose plan was to end and is kept again, which nobody has read yet."""
    subscription = await shop.subscribed("growth")
    shop.ledger.end_later(subscription, ends=True)
    await shop.settle()
    assert (await shop.send("keep")).status_code == 303


async def _news(shop: Shop, waiting: Waiting) -> int:
    """How a page is answered that waits for this; 204 keeps it as it is."""
    async with shop.retention.browser(shop.outside.token(ADMIN)) as browser:
        return (await browser.get(PAGE, params={"waiting": waiting.value})).status_code


def _asks(page: str) -> str:
    """What the page asks for by itself, and how often; empty where it does not."""
    found = re.search(r'hx-get="(/settings/billing[^"]*)" hx-trigger="([^"]*)"', page)
    return " ".join(found.groups()) if found else ""


async def test_a_page_asks_until_stripe_was_read(shop: Shop) -> None:
    await _asked(shop)
    page = await shop.page()
    assert (ASKED in page, "Keep Growth" in page) == (True, True)
    assert _asks(page) == "/settings/billing?waiting=due every 2s"
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in page
    assert await _news(shop, Waiting.DUE) == 204
    await shop.read()
    assert await _news(shop, Waiting.DUE) == 200
    page = await shop.page()
    assert (ASKED in page, "Keep Growth" in page, _asks(page), 'http-equiv="refresh"' in page) == (
        False,
        False,
        "",
        False,
    )


async def test_a_page_says_that_stripe_has_no_answer_and_goes_on_asking(shop: Shop) -> None:
    await _asked(shop)
    fault = {"provider": "stripe", "path": "/v1/", "status": 503}
    shop.outside.running.sandbox.switchboard.arm(Fault.model_validate(fault))
    await shop.read()
    shop.outside.running.sandbox.switchboard.disarm()
    page = await shop.page()
    assert (NO_ANSWER in page, ASKED in page, "Keep Growth" in page) == (True, False, True)
    assert _asks(page) == "/settings/billing?waiting=put_off every 15s"
    assert [await _news(shop, one) for one in (Waiting.PUT_OFF, Waiting.DUE)] == [204, 200]
    await shop.rows("UPDATE readings SET next_at = now() WHERE attempts > 0")
    await shop.read()
    page = await shop.page()
    assert (NO_ANSWER in page, "Keep Growth" in page, _asks(page)) == (False, False, "")


async def test_a_plan_that_is_looked_at_again_later_is_waited_for_by_nobody(shop: Shop) -> None:
    await shop.subscribed("growth")
    assert await shop.rows("SELECT FROM readings WHERE next_at > now()"), "the end of its month"
    assert _asks(await shop.page()) == ""


async def test_a_page_that_is_made_while_stripe_is_read_is_the_newest_or_asks_again(shop: Shop) -> None:
    """Whatever the page has looked at before the reading ends: it never shows the old state as one that nothing follows."""
    await _asked(shop)
    async with connected(same_database(shop.admin_url, shop.retention.dsns)) as admin:
        for table in ("subscriptions", "billing_accounts", "invoices", "readings"):
            await admin.execute("UPDATE billing_accounts SET ends_at = now() + interval '9 days'")
            await admin.execute("UPDATE readings SET next_at = now() WHERE subject = 'subscriptions'")
            async with admin.transaction():
                await admin.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
                made = asyncio.create_task(shop.page())
                await _held_up(admin, made)
                # As the worker's transaction does.
                await admin.execute("UPDATE billing_accounts SET ends_at = NULL")
                await admin.execute("UPDATE readings SET next_at = NULL, attempts = 0, leased_until = NULL")
            page = await made
            assert "Keep Growth" not in page or _asks(page) != "", f"held up at {table}"


async def _held_up(admin: Connection, made: asyncio.Task[str]) -> None:
    """Wait until the page waits for a lock."""
    here = "(SELECT oid FROM pg_database WHERE datname = current_database())"
    while not await admin.fetchval(f"SELECT count(*) FROM pg_locks WHERE NOT granted AND database = {here}"):
        assert not made.done(), "the page does not read this table"
        await asyncio.sleep(0.01)
