"""The main job, as a person does it with a browser: with JavaScript, and without."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from playwright.async_api import Browser, Page, expect

from browser.visitor import Visitor, visiting
from e2e.sandbox import Sandbox
from local.journey import BRIEFS
from local.stack import Stack

expect.set_options(timeout=30_000)

# For a file: its maker loads a typesetter, which takes a minute where other tests use the processors.
_LONGEST_MS = 120_000


async def test_the_whole_journey(stack: Stack, running: Browser, tmp_path: Path) -> None:
    async with visiting(running, stack.url) as helen:
        helen.expected = (401, 400)
        await _come_in(helen, "Helen Achebe")
        await expect(helen.page.get_by_role("heading", name="Nothing asked yet")).to_be_visible()
        await _connect(helen.page, stack.site.keys.gong["harborline"])
        await _preview(helen.page)
        async with Sandbox(stack).misbehaving({"provider": "openai", "delay": 0.3}):
            await _watch(helen.page)
        await _read(helen.page)
        await _export(helen.page, tmp_path)
        await _find_in_audit_log(helen.page, "report.exported")
        await _leave(helen)
        assert helen.complaints == []


async def test_the_whole_journey_without_javascript(stack: Stack, running: Browser, tmp_path: Path) -> None:
    async with visiting(running, stack.url, javascript=False) as leonor:
        leonor.expected = (401, 400)
        await _come_in(leonor, "Leonor Vasquez")
        await _connect(leonor.page, stack.site.keys.gong["quillstone"])
        await leonor.page.get_by_role("link", name="New analysis").click()
        await leonor.page.get_by_label("Brief").fill(BRIEFS["quillstone"])
        await leonor.page.get_by_text("Direction, length, amount, company size").click()
        await leonor.page.get_by_label("Minutes from").fill("1")
        await leonor.page.get_by_label("Web conference").check()
        await leonor.page.get_by_role("button", name="Preview").click()
        await expect(leonor.page.get_by_text("calls match")).to_be_visible()
        await expect(leonor.page.get_by_role("region", name="Some of the calls")).to_be_visible()
        await expect(leonor.page.get_by_label("Minutes from")).to_have_value("1")
        await expect(leonor.page.get_by_label("Web conference")).to_be_checked()
        await leonor.page.get_by_role("button", name="Start").click()
        await leonor.page.get_by_role("link", name="Read the report").click()
        await _read(leonor.page)
        await _export(leonor.page, tmp_path)
        await _find_in_audit_log(leonor.page, "report.exported")
        await _leave(leonor)
        assert leonor.complaints == []


async def test_switching_the_workspace_switches_what_is_seen_and_allowed(stack: Stack, running: Browser) -> None:
    async with visiting(running, stack.url) as yuki:
        await yuki.sign_in("Yuki Tanabe", "Harborline")
        navigation = yuki.page.get_by_role("navigation", name="Main")
        for greyed in ("Integrations", "Audit log"):
            await expect(navigation.get_by_text(greyed)).to_have_attribute("aria-disabled", "true")
        await yuki.page.get_by_role("link", name=re.compile("harborline.*switch workspace")).click()
        await yuki.page.get_by_role("button", name="Work in Quillstone").click()
        await yuki.page.wait_for_url("**/dashboard")
        await expect(yuki.page.get_by_role("link", name=re.compile("quillstone.*switch workspace"))).to_be_visible()
        await navigation.get_by_role("link", name="Audit log").click()
        await expect(yuki.page.get_by_role("heading", name="Audit log")).to_be_visible()
        assert yuki.complaints == []


async def _come_in(visitor: Visitor, name: str) -> None:
    """From the front door, through the hosted sign-in page, to the dashboard."""
    assert await visitor.open("/") == 401
    await visitor.page.get_by_role("main").get_by_role("link", name="Sign in").click()
    await visitor.page.get_by_role("button", name=f"Sign in as {name}").first.click()
    await visitor.page.wait_for_url("**/dashboard")


async def _connect(page: Page, key: Mapping[str, str]) -> None:
    """First with a key that is wrong by one letter, then with the right one."""
    await page.get_by_role("link", name="Integrations").click()
    for access_key in (key["access_key"][:-1] + "?", key["access_key"]):
        await page.get_by_label("Access key", exact=True).fill(access_key)
        await page.get_by_label("Access key secret").fill(key["secret"])
        await page.get_by_role("button", name="Connect by key").click()
        if access_key != key["access_key"]:
            await expect(page.get_by_role("alert")).to_contain_text("Gong did not accept this key")
            await expect(page.locator("#gong .between .badge")).to_have_text("Not connected")
    await expect(page.locator("#gong .between .badge")).to_have_text("Connected")


async def _preview(page: Page) -> None:
    """htmx puts the count into the page; what was typed stays."""
    await page.get_by_role("link", name="New analysis").click()
    await page.get_by_label("Brief").fill(BRIEFS["harborline"])
    await _mark(page)
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_text(re.compile(r"\d+ calls match, "))).to_be_visible()
    shown = page.get_by_role("region", name="Some of the calls")
    await expect(shown.get_by_role("listitem")).to_have_count(10)
    await page.get_by_label("Words in the title").fill("no such words")
    await page.get_by_role("button", name="Preview").click()
    await expect(page.get_by_text("No calls match")).to_be_visible()
    await expect(shown).to_be_hidden()
    await page.get_by_label("Words in the title").fill("Castellan MEDICAL")
    await page.get_by_role("button", name="Preview").click()
    await expect(shown.get_by_role("listitem").first).to_contain_text("Castellan Medical")
    await page.get_by_label("Words in the title").fill("")
    await expect(page.get_by_label("Brief")).to_have_value(BRIEFS["harborline"])
    assert await _marked(page)


async def _watch(page: Page) -> None:
    """The run's page follows the run to its end without being loaded again."""
    await page.get_by_role("button", name="Start").click()
    await page.wait_for_url("**/runs/*")
    await _mark(page)
    await expect(page.get_by_text("Running")).to_be_visible()
    await expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", re.compile(r"^[1-9]"))
    done = page.get_by_role("link", name="Read the report")
    await expect(done).to_be_visible()
    await expect(page.get_by_text("Completed", exact=True)).to_be_visible()
    assert await _marked(page)
    await done.click()


async def _read(page: Page) -> None:
    """From a quote to the sentence in its transcript, which is in sight, and back."""
    await expect(page.get_by_role("heading", name="Executive summary")).to_be_visible()
    quote = page.locator(".quote").first
    words = await quote.locator("blockquote").inner_text()
    await quote.get_by_role("link").click()
    await page.wait_for_url("**/calls/*")
    said = page.locator("span:target")
    await expect(said).to_be_in_viewport()
    assert (await said.inner_text())[:20] in words or words[:20] in await said.inner_text()
    await page.get_by_role("link", name="Back to the report").click()


async def _export(page: Page, folder: Path) -> None:
    files = {name: await _exported_as(page, folder, name) for name in ("JSON", "PDF", "Word (DOCX)", "Findings (CSV)")}
    document = json.loads(files["JSON"])
    assert document["format"] == "callmine.report"
    assert document["numbers"]["quotes_verified"] == document["numbers"]["quotes"] > 0
    starts = [files[name][:4] for name in ("PDF", "Word (DOCX)", "Findings (CSV)")]
    assert starts == [b"%PDF", b"PK\3\4", b"\xef\xbb\xbfr"]


async def _exported_as(page: Page, folder: Path, name: str) -> bytes:
    """A file of the report, by the menu. The page stays where it was, or tells that a slow machine takes longer and then has a link."""
    if not await page.get_by_role("button", name=name).is_visible():
        await page.locator("summary", has_text="Export").click()
    report = page.url
    async with page.expect_download(timeout=_LONGEST_MS) as expected:
        await page.get_by_role("button", name=name).click()
        while not expected.is_done():
            if page.url != report and await page.get_by_role("link", name=f"Download {name}").is_visible():
                await page.get_by_role("link", name=f"Download {name}").click()
                break
            await page.wait_for_timeout(100)
    download = await expected.value
    if page.url != report:
        await page.goto(report)
    await download.save_as(folder / download.suggested_filename)
    return (folder / download.suggested_filename).read_bytes()


async def _find_in_audit_log(page: Page, kind: str) -> None:
    await page.get_by_role("link", name="Audit log").click()
    for _ in range(100):
        if await page.get_by_role("cell", name=kind).count():
            break
        await page.reload()
    await page.get_by_label("Type").select_option(kind)
    await page.get_by_role("button", name="Show").click()
    await expect(page.get_by_role("cell", name=kind).first).to_be_visible()
    assert await page.get_by_role("cell", name="integration.connected").count() == 0


async def _leave(visitor: Visitor) -> None:
    await visitor.page.get_by_role("link", name="Sign out").click()
    await expect(visitor.page.get_by_role("heading", name="Sign in to Callmine")).to_be_visible()
    assert await visitor.open("/dashboard") == 401


async def _mark(page: Page) -> None:
    """Leave something in the page that is gone when the page is loaded again."""
    await page.evaluate("document.documentElement.dataset.marked = 'yes'")


async def _marked(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.dataset.marked === 'yes'"))
