"""Somebody of our staff looks in, from the first command to the page that admins see, through the real bus.

Pictures go to build/pages/.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from playwright.async_api import Browser, expect

from audit.verify import callmine_verify as verifier
from browser.pictures import ADMIN, picture, window_of
from browser.visitor import NARROW, WIDE, Scheme
from local.broker.clock import SystemClock
from local.broker.tokens import PushSigner
from local.sandbox.clerk.people import HARBORLINE
from local.stack import Stack
from local.stack.environment import STAFF, STAFF_AUDIENCE

BASICS = (Path(__file__).parent / "basics.js").read_text()
LOOKS: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))
WORKSPACE = HARBORLINE.organization_id
ADA, GRACE = STAFF


async def command(stack: Stack, who: str, service: str, *arguments: str) -> tuple[int, str, str]:
    """Exit status, output and errors of `<service> staff …`, run by `who`."""
    token = PushSigner(stack.settings.directory / "broker", SystemClock()).token(STAFF_AUDIENCE, who)
    environment = stack.service_environment(service) | {"CALLMINE_STAFF_IDENTITY_TOKEN": token}
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", service, "staff", *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    output, errors = await child.communicate()
    return child.returncode or 0, output.decode(), errors.decode()


async def asked(stack: Stack, grant: str, *, until: int) -> tuple[str, str]:
    """Output and errors of a question, once it ends with `until`: the services hear of a grant, and of its end, by message."""
    async with asyncio.timeout(60):
        while True:
            status, output, errors = await command(stack, ADA, "analysis", "ask", WORKSPACE, grant, "plan")
            if status == until:
                return output, errors
            await asyncio.sleep(0.2)


async def test_admins_see_staff_look_in_and_end_it(stack: Stack, running: Browser) -> None:
    terms = ("--service", "analysis", "--reason", "support", "--ticket", "SUP-412", "--minutes", "20")
    status, output, errors = await command(stack, ADA, "audit", "grant", WORKSPACE, *terms)
    assert status == 0, errors
    grant = output.strip()
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as visitor:
        page = visitor.page
        await visitor.open("/audit")
        await page.get_by_role("link", name="Staff access").click()
        await page.get_by_text("Asked, not approved").wait_for()
    status, _, errors = await command(stack, GRACE, "audit", "approve", WORKSPACE, grant, "--yes")
    assert status == 0, errors
    output, _ = await asked(stack, grant, until=0)
    assert '"plan"' in output
    for scheme, width in LOOKS:
        async with window_of(running, stack.url, ADMIN, scheme, width) as visitor:
            page = visitor.page
            await visitor.open("/audit/staff-access")
            while not await page.get_by_text("Statement by statement").count():
                await visitor.open("/audit/staff-access")
            found = await page.evaluate(BASICS, True)
            await picture(visitor, f"staff-access-{scheme}-{width}")
            assert found == []
            await page.get_by_role("link", name="Statement by statement").first.click()
            await page.get_by_text("asked for 20 minutes").wait_for()
            found = await page.evaluate(BASICS, True)
            await picture(visitor, f"staff-access-statements-{scheme}-{width}")
            assert found == []
            assert visitor.complaints == []
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as visitor:
        page = visitor.page
        await visitor.open("/audit/staff-access")
        await page.get_by_label(f"End the access of {ADA}").click()
        await page.get_by_role("button", name="End this access now").click()
        await page.get_by_text("The access is ended").wait_for()
        await expect(page.get_by_text("ended by an admin of this workspace")).to_be_visible()
    _, errors = await asked(stack, grant, until=1)
    assert "this grant is over" in errors
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as visitor:
        page = visitor.page
        await visitor.open("/audit/staff-access")
        async with page.expect_download() as download:
            await page.get_by_role("link", name="Export with proof").click()
        exported = (await (await download.value).path()).read_text(encoding="utf-8").split("\n")[:-1]
        keys = await page.evaluate("async () => (await fetch('/audit/log/keys')).text()")
    report = verifier.check(exported, [verifier.read_key(line) for line in keys.splitlines()])
    assert report.findings == []
    steps = [step["kind"] for step in report.steps if step["grant"] == grant]
    assert {"grant.asked", "grant.approved", "grant.ended", "statement.asked", "statement.shown"} <= set(steps)
