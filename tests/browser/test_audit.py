"""An admin looks through the audit log in the browser: filters, diffs, what is new, files; by keyboard and without scripts.

Pictures go to build/pages/.
"""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from playwright.async_api import Browser, expect

from browser.pictures import ADMIN, picture, window_of
from browser.visitor import NARROW, WIDE, Scheme, Visitor, visiting
from local.stack import Stack

BASICS = (Path(__file__).parent / "basics.js").read_text()
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))


async def _renamed(visitor: Visitor, name: str) -> None:
    """The workspace is called `name`, or anything else if that is its name."""
    page = visitor.page
    await visitor.open("/settings/workspace")
    field = page.get_by_label("Name of the workspace")
    while not await field.count():
        await visitor.open("/settings/workspace")
    await field.fill(name if await field.input_value() != name else f"{name} again")
    await page.get_by_role("button", name="Change the name").click()
    await page.get_by_text("The name is changed").wait_for()


async def _told(visitor: Visitor, words: str) -> None:
    """The log has an entry with `words`."""
    await visitor.open(f"/audit?text={words}")
    while not await visitor.page.locator("details").count():
        await visitor.open(f"/audit?text={words}")


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_the_log_in_every_look(stack: Stack, running: Browser, scheme: Scheme, width: int) -> None:
    async with window_of(running, stack.url, ADMIN, scheme, width) as visitor:
        page = visitor.page
        await _renamed(visitor, f"Harborline{scheme}{width}")
        await _told(visitor, f"harborline{scheme}{width}")
        await visitor.open("/audit")
        await page.locator("summary").first.click()
        await expect(page.locator("details[open] del").first).to_be_visible()
        found = await page.evaluate(BASICS, True)
        await picture(visitor, f"audit-open-{scheme}-{width}")
        assert found == []
        await page.get_by_label("Type").select_option("Workspace updated")
        await page.get_by_label("Words").fill("nobody has written this")
        await page.get_by_role("button", name="Show").click()
        await page.get_by_text("Nothing matches").wait_for()
        found = await page.evaluate(BASICS, True)
        await picture(visitor, f"audit-nothing-{scheme}-{width}")
        assert found == []
        await page.get_by_role("link", name=re.compile("with .nobody has written this")).click()
        await expect(page.get_by_label("Type")).to_have_value("workspace.updated")
        await expect(page.locator("details").first).to_be_visible()
        assert visitor.complaints == []


async def test_new_entries_are_told_of_while_the_page_is_open(stack: Stack, running: Browser) -> None:
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as reader:
        await reader.open("/audit?type=workspace.updated")
        async with window_of(running, stack.url, ADMIN, "light", WIDE) as writer:
            await _renamed(writer, "Harborline Live")
        link = reader.page.get_by_role("link", name=re.compile(r"^\d+ new entr"))
        await link.click()
        await expect(reader.page.locator("summary").first).to_contain_text("Harborline Live")
        assert "type=workspace.updated" in reader.page.url
        assert reader.complaints == []


async def test_everything_but_the_live_count_works_without_scripts(stack: Stack, running: Browser) -> None:
    async with visiting(running, stack.url, javascript=False) as visitor:
        page = visitor.page
        await visitor.sign_in(ADMIN, "Harborline")
        await _renamed(visitor, "Harborline Plain")
        await _told(visitor, "plain")
        # By keyboard: the line is a button that opens, the form is sent by Enter.
        await page.locator("summary").first.focus()
        await page.keyboard.press("Enter")
        await expect(page.locator("details[open] ins").first).to_contain_text("Plain")
        await page.get_by_label("Words").fill("plain name")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**text=plain+name**")
        await expect(page.locator("details").first).to_be_visible()
        async with page.expect_download() as started:
            await page.get_by_role("link", name="Export CSV").click()
        file = await (await started.value).path()
        lines = (await asyncio.to_thread(Path(file).read_text)).splitlines()
        assert lines[0].startswith("\ufeffoccurred_at,type,")
        assert all("workspace.updated" in line for line in lines[1:])
        assert len(lines) > 1
