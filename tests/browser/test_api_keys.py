"""An admin makes an API key in the browser, copies it once and takes it back. Pictures go to build/pages/."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Browser

from browser.pictures import ADMIN, picture, window_of
from browser.visitor import NARROW, WIDE, Scheme, Visitor
from local.stack import Stack
from web.api_keys import PATTERN

BASICS = (Path(__file__).parent / "basics.js").read_text()
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))


async def _shown(visitor: Visitor, name: str, scheme: Scheme, width: int) -> None:
    # First: taking a picture leaves styles of its own behind.
    found = await visitor.page.evaluate(BASICS, True)
    await picture(visitor, f"{name}-{scheme}-{width}")
    assert found == [], name


@pytest.mark.parametrize(("scheme", "width"), LOOKS)
async def test_a_key_is_made_copied_used_and_revoked(
    stack: Stack, running: Browser, scheme: Scheme, width: int
) -> None:
    name = f"Nightly export {scheme} {width}"
    async with window_of(running, stack.url, ADMIN, scheme, width) as visitor:
        visitor.expected = (400,)
        page = visitor.page
        await visitor.open("/settings/api-keys")
        form = page.locator("details.card")
        if await form.get_attribute("open") is None:
            await page.get_by_text("Make an API key").click()
        await page.get_by_label("What will use it").fill(name)
        await page.get_by_role("button", name="Make the key").click()
        await page.get_by_text("Choose at least one thing").wait_for()
        await _shown(visitor, "api-keys-refused", scheme, width)
        for scope in ("members:read", "settings:read"):
            await page.locator(f"input[value='{scope}']").check()
        await page.get_by_role("button", name="Make the key").click()
        key = await page.get_by_label("API key", exact=True).input_value()
        assert re.fullmatch(PATTERN, key)
        # A button's script may come after the button.
        await page.wait_for_load_state()
        await page.get_by_role("button", name="Copy").click()
        await page.get_by_role("button", name=re.compile("Copied|Selected")).wait_for()
        # The picture shows no key that opens anything once this test is over: it is revoked below.
        await _shown(visitor, "api-keys-made", scheme, width)
        async with httpx.AsyncClient(base_url=stack.url, headers={"authorization": f"Bearer {key}"}) as program:
            assert (await program.get("/api/v1/members")).status_code == 200
            assert (await program.get("/api/v1/audit")).status_code in {401, 403}
            await visitor.open("/settings/api-keys")
            assert key not in await page.content()
            await _shown(visitor, "api-keys", scheme, width)
            await page.get_by_label(f"Revoke {name}", exact=True).click()
            await page.get_by_label(f"Revoke {name} now").click()
            await page.get_by_text("The key is revoked").wait_for()
            assert (await program.get("/api/v1/members")).status_code == 401
        await visitor.open("/api/v1/docs")
        await page.get_by_text("GET /api/v1/runs", exact=True).click()
        await _shown(visitor, "api-docs", scheme, width)
        assert visitor.complaints == []
