"""A run's page follows the run: by events, by asking where those do not come through, by loading again where there is no JavaScript."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Page, Request, Route, expect

from browser.pictures import ADMIN, window_of
from browser.visitor import NARROW, WIDE, Visitor, visiting
from e2e.commands import put_on_plan
from e2e.sandbox import Sandbox
from local.journey import BRIEFS, admin_of, connect
from local.stack import Stack

expect.set_options(timeout=30_000)

EVENTS = "**/runs/*/events*"


@pytest.fixture
async def slow(stack: Stack) -> AsyncIterator[Stack]:
    """A stack whose model takes its time, so that a run can be watched; Gong is connected, and there is room for many runs."""
    await put_on_plan(stack, "harborline", "scale")
    await connect(admin_of(stack, "harborline"), "harborline")
    async with Sandbox(stack).misbehaving({"provider": "openai", "delay": 1.0}):
        yield stack


async def begin(visitor: Visitor, calls: int) -> None:
    """Start a run; its page is shown then."""
    await visitor.open("/new")
    await visitor.page.get_by_label("Brief").fill(BRIEFS["harborline"])
    await visitor.page.get_by_label("Calls at most").fill(str(calls))
    await visitor.page.get_by_role("button", name="Start").click()
    await visitor.page.wait_for_url("**/runs/*")


async def remember(page: Page) -> None:
    """Leave something that is gone when the page is loaded again, and note every state that a listener would be told of."""
    await page.evaluate(
        """() => {
          window.kept = true;
          window.told = [];
          new MutationObserver(() => window.told.push(document.getElementById("run-heard").textContent))
            .observe(document.getElementById("run-heard"), { childList: true, characterData: true, subtree: true });
        }"""
    )


def asks(page: Page) -> list[str]:
    """From now on, what the page's script asks for of the run: its events or its part."""
    found: list[str] = []

    def heard(request: Request) -> None:
        if "/events" in request.url:
            found.append("events")
        elif request.headers.get("hx-request") == "true":
            found.append("part")

    page.on("request", heard)
    return found


async def test_the_page_is_as_good_without_javascript(slow: Stack, running: Browser) -> None:
    async with visiting(running, slow.url, javascript=False) as visitor:
        page = visitor.page
        await visitor.sign_in(ADMIN, "Harborline")
        # More than are analysed while a page is loaded again on a busy machine.
        await begin(visitor, 12)
        await expect(page.locator(".stages li")).to_have_count(4)
        await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("^[1-9]"))
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.get_by_text("The run was cancelled")).to_be_visible()
        await expect(page.locator(".stages .stopped")).to_have_count(1)
        await expect(page.get_by_role("link", name="Read the partial report")).to_be_visible()
        assert visitor.complaints == []


async def test_a_proxy_that_refuses_streams_does_no_harm(slow: Stack, running: Browser) -> None:
    async with window_of(running, slow.url, ADMIN, "light", WIDE) as visitor:
        visitor.expected = (503,)
        page = visitor.page
        await page.route(EVENTS, lambda route: route.fulfill(status=503, body="no streams here"))
        asked = asks(page)
        await begin(visitor, 3)
        await remember(page)
        await expect(page.get_by_role("link", name="Read the report")).to_be_visible()
        assert await page.evaluate("window.kept")
        assert asked.count("part") >= 2
        assert visitor.complaints == []


async def test_a_proxy_that_holds_events_back_does_no_harm(slow: Stack, running: Browser) -> None:
    async with window_of(running, slow.url, ADMIN, "light", WIDE) as visitor:
        page = visitor.page

        async def held(_: Route) -> None:
            """Never answered."""

        await page.route(EVENTS, held)
        asked = asks(page)
        await begin(visitor, 3)
        await remember(page)
        await expect(page.get_by_role("link", name="Read the report")).to_be_visible()
        assert await page.evaluate("window.kept")
        assert "part" in asked


async def test_a_page_that_nobody_looks_at_holds_no_connection_and_catches_up(slow: Stack, running: Browser) -> None:
    async with window_of(running, slow.url, ADMIN, "light", WIDE) as visitor:
        page = visitor.page
        await begin(visitor, 4)
        await remember(page)
        hidden = """(hidden) => {
          Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
          document.dispatchEvent(new Event("visibilitychange"));
        }"""
        await page.evaluate(hidden, True)
        before = await page.locator("#run").get_attribute("data-version")
        await page.wait_for_timeout(2500)
        assert await page.locator("#run").get_attribute("data-version") == before
        await page.evaluate(hidden, False)
        await expect(page.get_by_role("link", name="Read the report")).to_be_visible()
        assert await page.evaluate("window.kept")
        assert visitor.complaints == []


# The last one leaves a whole report, which other tests look at.


async def test_the_page_follows_by_events_and_keeps_what_the_reader_has(slow: Stack, running: Browser) -> None:
    async with window_of(running, slow.url, ADMIN, "light", NARROW) as visitor:
        page = visitor.page
        asked = asks(page)
        # More than are analysed at once, so that some are done while others are not.
        await begin(visitor, 12)
        await remember(page)
        cancel = page.get_by_role("button", name="Cancel")
        await cancel.focus()
        await page.evaluate("window.scrollTo(0, 60)")
        before = await cancel.bounding_box()
        await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile("^([1-9]|1[01])$"))
        assert await page.evaluate("document.activeElement.textContent") == "Cancel"
        assert await cancel.bounding_box() == before
        await expect(page.get_by_role("link", name="Read the report")).to_be_visible()
        await expect(page.locator(".stages .done")).to_have_count(4)
        # The button is gone, the reader's place is not.
        assert await page.evaluate("document.activeElement.id") == "run"
        await expect(page.get_by_role("region", name="Models").get_by_role("row").nth(1)).to_be_visible()
        assert await page.evaluate("window.kept")
        told = await page.evaluate("window.told")
        assert told[-1] == "The run is completed. The report can be read."
        assert any("Per-call analysis" in words for words in told)
        assert len(told) == len(set(told))
        assert len(told) <= 8
        assert set(asked) == {"events"}
        assert visitor.complaints == []
