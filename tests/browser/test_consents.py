"""Connecting by OAuth with a browser: to the provider's own page and back, with JavaScript and without."""

from __future__ import annotations

import pytest
from playwright.async_api import Browser, expect

from browser.visitor import visiting
from local.stack import Stack

PAGE = "/settings/integrations"


@pytest.mark.parametrize("javascript", [True, False])
@pytest.mark.parametrize(("provider", "title"), [("hubspot", "HubSpot"), ("slack", "Slack"), ("gong", "Gong")])
async def test_an_admin_connects_reconnects_and_disconnects(
    stack: Stack, running: Browser, provider: str, title: str, javascript: bool
) -> None:
    async with visiting(running, stack.url, javascript=javascript) as helen:
        await helen.sign_in("Helen Achebe", "Harborline")
        await helen.open(PAGE)
        badge = helen.page.locator(f"#{provider} .badge").first
        disconnect = helen.page.locator(f"#{provider}").get_by_role("button", name="Disconnect")
        if await disconnect.count():  # by a test that came before on this stack
            await disconnect.click()
            await expect(badge).to_have_text("Not connected")
        for button in (f"Connect {title}", f"Reconnect {title}"):
            await helen.page.get_by_role("button", name=button, exact=True).click()
            await expect(helen.page.get_by_role("heading", name=f"Let this application use {title}?")).to_be_visible()
            await helen.page.get_by_role("button", name="Allow").click()
            await helen.page.wait_for_url(f"**{PAGE}#{provider}")
            await expect(badge).to_have_text("Connected")
        await disconnect.click()
        await expect(badge).to_have_text("Not connected")
        assert helen.complaints == []


async def test_somebody_who_changes_their_mind(stack: Stack, running: Browser) -> None:
    async with visiting(running, stack.url) as helen:
        helen.expected = (400,)
        await helen.sign_in("Helen Achebe", "Harborline")
        await helen.open(PAGE)
        await helen.page.get_by_role("button", name="Connect Slack", exact=True).click()
        await helen.page.get_by_role("button", name="Cancel").click()
        await expect(helen.page.get_by_role("alert")).to_contain_text("Access to Slack was not given")
        await expect(helen.page.locator("#slack .badge").first).to_have_text("Not connected")
        assert helen.complaints == []
