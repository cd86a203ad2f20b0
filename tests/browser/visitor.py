"""A person with a browser: Debian's Chromium, driven by Playwright."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal

from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Error, Page, async_playwright

Scheme = Literal["light", "dark"]

WIDE, NARROW = 1280, 390

# On two busy cores a page that waits for a message to travel takes a few seconds; ten times that is a failure.
_PATIENCE_MS = 30_000


def chromium() -> str | None:
    """Where Chromium is, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser")


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """A running Chromium. Raises RuntimeError where there is none."""
    path = chromium()
    if path is None:
        raise RuntimeError("there is no Chromium on PATH: on Debian, apt-get install chromium")
    async with async_playwright() as playwright:
        # The pages are our own, and Chromium's own sandbox does not work for root in a container.
        running = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox", "--disable-gpu"])
        yield running
        await running.close()


@dataclass  # no slots: Playwright leaves a mark on the objects whose methods it calls back
class Visitor:
    """One person's browser window. `complaints` are the errors on its console, refusals by the content policy among them."""

    origin: str
    context: BrowserContext
    page: Page
    complaints: list[str] = field(default_factory=list)
    expected: tuple[int, ...] = ()

    async def open(self, path: str) -> int:
        """Go to a path of the front door; the status of the answer."""
        answer = await self.page.goto(self.origin + path)
        return answer.status if answer else 0

    async def sign_in(self, name: str, workspace: str, path: str = "/dashboard") -> None:
        """Sign in on the hosted page and come back to `path`."""
        await self.page.goto(f"{self.origin}/sandbox/clerk/sign-in?redirect_url={path}")
        await self.page.get_by_role("button", name=f"Sign in as {name}").filter(has_text=workspace).click()
        await self.page.wait_for_url(f"{self.origin}{path}")

    def heard(self, message: ConsoleMessage) -> None:
        """Note what the console complains about; a status that the test asks for is no complaint."""
        asked_for = any(f"status of {status}" in message.text for status in self.expected)
        if message.type == "error" and not asked_for:
            self.complaints.append(message.text)

    def failed(self, error: Error) -> None:
        """Note an exception that nobody caught in a page's script."""
        self.complaints.append(str(error))


@asynccontextmanager
async def visiting(
    running: Browser, origin: str, *, scheme: Scheme = "light", width: int = WIDE, javascript: bool = True
) -> AsyncIterator[Visitor]:
    """A window of its own, with no cookies in it."""
    context = await running.new_context(
        color_scheme=scheme,
        viewport={"width": width, "height": 900},
        java_script_enabled=javascript,
        accept_downloads=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(_PATIENCE_MS)
    visitor = Visitor(origin, context, await context.new_page())
    visitor.page.on("console", visitor.heard)
    visitor.page.on("pageerror", visitor.failed)
    try:
        yield visitor
    finally:
        await context.close()
