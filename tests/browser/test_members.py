"""An admin manages people and settings in the browser; what a member sees of it. Pictures go to build/pages/."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.async_api import Browser

from browser.pictures import ADMIN, MEMBER, picture, window_of
from browser.visitor import NARROW, WIDE, Scheme, Visitor
from local.stack import Stack

BASICS = (Path(__file__).parent / "basics.js").read_text()
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))


async def _shown(visitor: Visitor, name: str, scheme: Scheme, width: int) -> None:
    # First: taking a picture leaves styles of its own behind.
    found = await visitor.page.evaluate(BASICS, True)
    await picture(visitor, f"{name}-{scheme}-{width}")
    assert found == [], name


async def _arrived(visitor: Visitor) -> None:
    """Clerk has told of everybody."""
    await visitor.open("/settings/members")
    while await visitor.page.get_by_text("helen.achebe@harborline.example").count() < 2:
        await visitor.open("/settings/members")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_the_pages_in_every_look(stack: Stack, running: Browser, scheme: Scheme, width: int) -> None:
    address = f"robin.{scheme}.{width}@harborline.example"
    async with window_of(running, stack.url, ADMIN, scheme, width) as visitor:
        visitor.expected = (400, 409)
        await _arrived(visitor)
        await visitor.page.get_by_label("E-mail address").fill(address)
        await visitor.page.get_by_label("Role", exact=True).select_option("admin")
        await visitor.page.get_by_role("button", name="Send the invitation").click()
        await visitor.page.get_by_text("The invitation is on its way").wait_for()
        await visitor.page.get_by_label("Remove tobias.lindgren@harborline.example", exact=True).click()
        await _shown(visitor, "members-asked", scheme, width)
        await visitor.page.get_by_role("button", name=f"Revoke the invitation of {address}").click()
        await visitor.page.get_by_text("The invitation is revoked").wait_for()
        assert await visitor.page.get_by_text(address).count() == 0
        await visitor.open("/settings/workspace")
        await _shown(visitor, "workspace", scheme, width)
        await visitor.page.get_by_label("Timezone").fill("Mars/Olympus")
        await visitor.page.get_by_role("button", name="Save").click()
        await visitor.page.get_by_text("This is not a timezone").wait_for()
        await _shown(visitor, "workspace-refused", scheme, width)
        assert visitor.complaints == []
    async with window_of(running, stack.url, MEMBER, scheme, width) as visitor:
        for page in ("members", "workspace"):
            await visitor.open(f"/settings/{page}")
            await _shown(visitor, f"{page}-as-member", scheme, width)
            assert await visitor.page.get_by_role("main").get_by_role("button").count() == 0
        assert await visitor.page.get_by_label("Timezone").is_disabled()


async def test_an_admin_changes_what_everybody_sees(stack: Stack, running: Browser) -> None:
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as visitor:
        visitor.expected = (409,)
        page = visitor.page
        await _arrived(visitor)
        await page.get_by_label("Make tobias.lindgren@harborline.example an admin").click()
        await page.get_by_text("The role is changed").wait_for()
        await page.get_by_label("Make tobias.lindgren@harborline.example a member").click()
        await page.get_by_text("The role is changed").wait_for()
        await visitor.open("/settings/workspace")
        zone = "Asia/Tokyo"
        await page.get_by_label("Timezone").fill(zone)
        await page.get_by_role("button", name="Save").click()
        await page.get_by_text(re.compile("^Saved$")).wait_for()
        assert await page.get_by_label("Timezone").input_value() == zone
        for choice in ("Send transcripts as they are", "Mask them"):
            await page.get_by_label(choice).check()
            await page.get_by_role("button", name="Save").click()
            await page.get_by_text(re.compile("^Saved$")).wait_for()
            assert await page.get_by_label(choice).is_checked()
        await page.get_by_label("Name of the workspace").fill("Harborline Group")
        await page.get_by_role("button", name="Change the name").click()
        await page.get_by_text("The name is changed").wait_for()
        await page.get_by_label("Name of the workspace").fill("Harborline")
        await page.get_by_role("button", name="Change the name").click()
        await page.get_by_text("The name is changed").wait_for()
        await visitor.open("/settings/members")
        await page.get_by_label("Make helen.achebe@harborline.example a member").click()
        await page.get_by_text("Make somebody else an admin first").wait_for()
        assert visitor.complaints == []
