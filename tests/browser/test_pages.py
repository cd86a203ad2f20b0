"""Every page, in light and dark, wide and narrow: usable by everybody, and nothing on the console. Pictures go to build/pages/."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser

from browser.pictures import ADMIN, MEMBER, NOBODY, SHOWN, picture, window_of
from browser.visitor import NARROW, WIDE, Scheme
from local.journey import everything, found_again
from local.stack import Stack

BASICS = (Path(__file__).parent / "basics.js").read_text()

LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", NARROW))


@pytest.fixture(scope="module")
async def full(stack: Stack) -> Stack:
    """A stack on which both workspaces have a report."""
    await found_again(stack, lambda *_: None) or await everything(stack, lambda *_: None)
    return stack


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
@pytest.mark.parametrize("person", [NOBODY, MEMBER, ADMIN])
async def test_the_pages_can_be_used_by_everybody(
    full: Stack, running: Browser, person: str | None, scheme: Scheme, width: int
) -> None:
    wrong: dict[str, list[str]] = {}
    async with window_of(running, full.url, person, scheme, width) as visitor:
        for shown in (each for each in SHOWN if each.person == person):
            await shown.way(visitor)
            # What is waited for may be there before the styles are.
            await visitor.page.wait_for_load_state()
            found: list[str] = await visitor.page.evaluate(BASICS, shown.framed)
            if found:
                wrong[shown.name] = found
            await picture(visitor, f"{shown.name}-{scheme}-{width}", whole=shown.name != "transcript")
    assert wrong == {}
    assert visitor.complaints == []


async def test_the_check_of_a_page_finds_what_is_wrong(running: Browser) -> None:
    page = await running.new_page()
    await page.set_content(
        "<main><h3>Low</h3><input id=a><input id=a><button></button><p style='color:#999'>faint</p>"
        "<div style='width:5000px'>wide</div></main>"
    )
    found = " | ".join(await page.evaluate(BASICS, True))
    await page.close()
    for fault in (
        "no language",
        "no title",
        "0 h1",
        "no header",
        "no label",
        "no name",
        "ids used",
        "inline",
        "wider",
        "contrast",
    ):
        assert fault in found


async def test_a_keyboard_reaches_the_content_first(full: Stack, running: Browser) -> None:
    async with window_of(running, full.url, ADMIN, "light", WIDE) as visitor:
        await visitor.open("/dashboard")
        await visitor.page.keyboard.press("Tab")
        assert await visitor.page.evaluate("document.activeElement.textContent") == "Skip to content"
        await visitor.page.keyboard.press("Enter")
        assert await visitor.page.evaluate("document.activeElement.id") == "content"
