"""An admin pays for a plan and for calls in the browser, through Stripe's pages and webhooks. Pictures go to build/pages/."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from playwright.async_api import Browser

from browser.pictures import picture
from browser.visitor import NARROW, WIDE, Scheme, Visitor, visiting
from e2e.sandbox import Sandbox
from local.stack import Stack

BASICS = (Path(__file__).parent / "basics.js").read_text()
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", NARROW))
PAGE = "/settings/billing"

# Not the workspace of the other browser tests, which begin on a trial.
WORKSPACE, ADMIN, MEMBER = "Quillstone", "Leonor Vasquez", "Jonas Keller"


@asynccontextmanager
async def window(
    stack: Stack, running: Browser, person: str, scheme: Scheme = "light", width: int = WIDE, *, scripts: bool = True
) -> AsyncIterator[Visitor]:
    """A window at the page of payments."""
    async with visiting(running, stack.url, scheme=scheme, width=width, javascript=scripts) as visitor:
        await visitor.sign_in(person, WORKSPACE, PAGE)
        yield visitor


async def _until(visitor: Visitor, text: str) -> None:
    """The page says so; while Stripe is being read it asks by itself."""
    await visitor.page.get_by_text(text).first.wait_for()


async def test_from_a_trial_to_a_plan_its_end_and_more_calls(stack: Stack, running: Browser) -> None:
    async with window(stack, running, ADMIN) as visitor:
        page = visitor.page
        await _until(visitor, "This is a trial")
        await _until(visitor, "Analysed calls this month")
        await page.get_by_role("button", name="Choose Growth").click()
        await page.get_by_role("button", name="Pay", exact=True).click()
        await _until(visitor, "Change to Scale")
        assert "Growth" in await page.locator("tr[aria-current] th").inner_text()

        await page.get_by_role("button", name="Payment methods and receipts").click()
        await page.get_by_role("button", name="End it with its period").click()
        await page.get_by_role("link", name="Back to the application").click()
        await _until(visitor, "Another plan follows")
        await picture(visitor, f"billing-ending-light-{WIDE}")
        await _while_stripe_is_away(stack, visitor)
        await page.get_by_role("button", name="Keep Growth").click()
        # What is being typed stays when the page has news of Stripe.
        await page.get_by_label("Packs").fill("2")
        await page.get_by_text("Another plan follows").wait_for(state="detached")
        assert await page.get_by_label("Packs").input_value() == "2"

        await page.get_by_role("button", name="Buy calls").click()
        await page.get_by_role("button", name="Pay", exact=True).click()
        await page.wait_for_url(f"**{PAGE}")
        await visitor.open("/audit")
        await page.locator("table").get_by_text("Plan changed").first.wait_for()
        assert visitor.complaints == []
    await _look_at(stack, running)
    async with window(stack, running, ADMIN, scripts=False) as visitor:
        await visitor.page.get_by_role("link", name="Usage").click()
        await _until(visitor, "200 bought calls left")


async def _while_stripe_is_away(stack: Stack, visitor: Visitor) -> None:
    """The page says that there is no answer, and no more once there is one; what could not be done meanwhile stays said."""
    no_answer = visitor.page.get_by_text("Stripe has no answer at the moment", exact=True)
    async with Sandbox(stack).misbehaving({"provider": "stripe", "path": "/v1/", "status": 503}):
        await visitor.open(f"{PAGE}/return")
        await no_answer.wait_for()
        assert await visitor.page.evaluate(BASICS, True) == []
        await picture(visitor, f"billing-away-light-{WIDE}")
        visitor.expected = (503,)
        await visitor.page.get_by_role("button", name="Keep Growth").click()
        await _until(visitor, "stripe is not available")
        assert await no_answer.is_visible()
    await no_answer.wait_for(state="detached")
    assert await visitor.page.get_by_text("stripe is not available").is_visible()
    visitor.expected = ()


async def _look_at(stack: Stack, running: Browser) -> None:
    """As an admin and as a member, who can press nothing."""
    for scheme, width in LOOKS:
        for person in (ADMIN, MEMBER):
            async with window(stack, running, person, scheme, width) as visitor:
                while not await visitor.page.get_by_text("200 bought calls left").count():
                    await visitor.page.get_by_text("Analysed calls this month").wait_for()
                    await visitor.open(PAGE)
                found = await visitor.page.evaluate(BASICS, True)
                await picture(visitor, f"billing-{person.split()[0].lower()}-{scheme}-{width}")
                assert (found, visitor.complaints) == ([], [])
                buy = visitor.page.get_by_role("button", name="Buy calls")
                assert await buy.is_enabled() == (person == ADMIN)
