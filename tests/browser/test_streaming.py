"""An admin has the log sent to a SIEM: the secret is made and shown once, the address is set, a test event goes there and back.

Pictures go to build/pages/.
"""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Browser, expect

from browser.pictures import ADMIN, picture, window_of
from browser.visitor import NARROW, WIDE, Scheme
from local.stack import Stack

LOOKS: tuple[tuple[Scheme, int], ...] = (("dark", WIDE), ("light", NARROW), ("dark", NARROW))
BASICS = (Path(__file__).parent / "basics.js").read_text()


async def test_the_log_goes_to_a_siem(stack: Stack, running: Browser) -> None:
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as visitor:
        page = visitor.page
        await visitor.open("/audit/streaming")
        # Before the picture: taking one leaves a style at each field.
        assert await page.evaluate(BASICS, True) == []
        await picture(visitor, "streaming-off-light")
        await page.get_by_role("link", name="signing secret", exact=True).click()
        await page.get_by_role("button", name="Make the secret").click()
        secret = await page.get_by_label("Signing secret").input_value()
        assert await page.evaluate(BASICS, True) == []
        await page.get_by_role("link", name="Go on to streaming").click()
        await page.get_by_label("Address").fill(f"{stack.site.sandbox_url}/siem/browser")
        await page.get_by_label("Begin with everything").check()
        await page.get_by_role("button", name="Start sending").click()
        await page.get_by_text("Sent to", exact=True).wait_for()
        taken = page.get_by_text("The test event was taken: 200")
        while not await taken.count():
            await page.wait_for_timeout(1000)
            await page.get_by_role("button", name="Send a test event").click()
            await page.get_by_text("The stream").first.wait_for()
        await expect(taken).to_be_visible()
        await picture(visitor, "streaming-light")
    for scheme, width in LOOKS:
        async with window_of(running, stack.url, ADMIN, scheme, width) as visitor:
            await visitor.open("/audit/streaming")
            assert await visitor.page.evaluate(BASICS, True) == []
            await picture(visitor, f"streaming-{scheme}-{width}")
            await visitor.open("/settings/integrations/siem")
            assert await visitor.page.evaluate(BASICS, True) == []
            await picture(visitor, f"signing-{scheme}-{width}")
            assert secret.removeprefix("whsec_") not in await visitor.page.content()
