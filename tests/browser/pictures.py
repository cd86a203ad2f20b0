"""Pictures of every page, in light and dark, wide and narrow, into build/pages/.

python -m browser.pictures             starts everything, does the main job, takes the pictures
python -m browser.pictures --readme    the same, and docs/report.png for the README
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, Page

from browser.visitor import NARROW, WIDE, Scheme, Visitor, browser, visiting
from e2e.sandbox import Sandbox
from local.journey import everything
from local.stack import Stack, StackSettings

ROOT = Path(__file__).resolve().parents[2]
PAGES = ROOT / "build" / "pages"
README_PICTURE = ROOT / "docs" / "report.png"

# Nobody signed in, a member, an admin of a workspace with a report; each comes to all of their pages in one window.
NOBODY, MEMBER, ADMIN = None, "Tobias Lindgren", "Helen Achebe"

Way = Callable[[Visitor], Awaitable[object]]
"""How to get to a page; the visitor's window then shows it."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A page to be looked at: its name, whose it is, how to get there, and whether it is in the product's own frame."""

    name: str
    person: str | None
    way: Way
    framed: bool = True


def _at(path: str) -> Way:
    async def go(visitor: Visitor) -> None:
        await visitor.open(path)

    return go


def _latest(name: str, then: Callable[[Page], Awaitable[object]] | None = None) -> Way:
    """To what the first link of the dashboard called `name` leads to, and on from there."""

    async def go(visitor: Visitor) -> None:
        await visitor.open("/dashboard")
        await visitor.page.get_by_role("main").get_by_role("link", name=name).first.click()
        await visitor.page.wait_for_load_state()
        if then is not None:
            await then(visitor.page)

    return go


async def _first_quote(page: Page) -> None:
    await page.locator(".quote a").first.click()
    await page.wait_for_url("**/calls/*")


async def _asked_to_export(page: Page) -> None:
    await page.locator("summary", has_text="Export").click()
    await page.get_by_role("button", name="PDF").wait_for()


async def _exported(page: Page) -> None:
    await _asked_to_export(page)
    async with page.expect_download():
        await page.get_by_role("button", name="PDF").click()
    await page.goto(f"{page.url}/exports/1")


async def _to_be_erased(page: Page) -> None:
    await page.get_by_role("link", name="Erase this report").click()
    await page.get_by_role("button", name="Erase this report").wait_for()


async def _previewed(visitor: Visitor) -> None:
    await visitor.open("/new")
    await visitor.page.get_by_label("Brief").fill(
        "What do buyers say about price, and what convinced those who signed?"
    )
    await visitor.page.get_by_role("button", name="Preview").click()
    await visitor.page.get_by_text("calls match,").wait_for()


async def _refused_key(visitor: Visitor) -> None:
    await visitor.open("/settings/integrations")
    await visitor.page.get_by_label("Access key", exact=True).fill("not-a-key")
    await visitor.page.get_by_label("Access key secret").fill("not-a-secret")
    await visitor.page.get_by_role("button", name="Replace the key").click()
    await visitor.page.get_by_role("alert").wait_for()


async def _mistyped(visitor: Visitor) -> None:
    await _named(visitor, "bess@juniperrye.example", "bess@juniper.example")
    await visitor.page.get_by_role("alert").wait_for()


async def _somebody(visitor: Visitor) -> None:
    await _named(visitor, "bess@juniperrye.example", "bess@juniperrye.example")
    await visitor.page.get_by_text("Calls found").wait_for()


async def _named(visitor: Visitor, email: str, confirmation: str) -> None:
    await visitor.open("/settings/data")
    await visitor.page.get_by_label("The person's e-mail address").fill(email)
    await visitor.page.get_by_label("The same address once more").fill(confirmation)
    await visitor.page.get_by_role("button", name="Erase this person's data").click()
    await visitor.page.wait_for_load_state()


async def _drafted(visitor: Visitor) -> None:
    await visitor.open("/schedules/new")
    await visitor.page.get_by_label("Brief").fill(
        "What do buyers say about price, and what convinced those who signed?"
    )
    await visitor.page.get_by_label("Every month").check()
    await visitor.page.get_by_label("On this day of the month").fill("31")
    await visitor.page.get_by_role("button", name="Go on to the review").click()
    await visitor.page.get_by_text("The next 5 firings").wait_for()


async def _scheduled(visitor: Visitor) -> None:
    await _drafted(visitor)
    await visitor.page.get_by_role("button", name="Activate").click()
    await visitor.page.get_by_text("The schedule is active").wait_for()


SHOWN = (
    Shown("sign-in", NOBODY, _at("/sandbox/clerk/sign-in"), framed=False),
    Shown("401", NOBODY, _at("/dashboard")),
    Shown("sub-processors", NOBODY, _at("/sub-processors")),
    Shown("trust", NOBODY, _at("/trust")),
    Shown("403", MEMBER, _at("/audit")),
    Shown("members-as-member", MEMBER, _at("/settings/members")),
    Shown("workspace-as-member", MEMBER, _at("/settings/workspace")),
    Shown("dashboard", ADMIN, _at("/dashboard")),
    Shown("run", ADMIN, _latest("What objections")),
    Shown("report", ADMIN, _latest("Read")),
    Shown("report-export", ADMIN, _latest("Read", _asked_to_export)),
    Shown("export", ADMIN, _latest("Read", _exported)),
    Shown("transcript", ADMIN, _latest("Read", _first_quote)),
    Shown("report-erasure", ADMIN, _latest("Read", _to_be_erased)),
    Shown("person-mistyped", ADMIN, _mistyped),
    Shown("person-erasure", ADMIN, _somebody),
    Shown("data", ADMIN, _at("/settings/data")),
    Shown("data-as-member", MEMBER, _at("/settings/data")),
    Shown("new", ADMIN, _previewed),
    Shown("schedule-new", ADMIN, _at("/schedules/new")),
    Shown("schedule-review", ADMIN, _drafted),
    Shown("schedule", ADMIN, _scheduled),
    Shown("schedules", ADMIN, _at("/schedules")),
    Shown("search", ADMIN, _at("/search?q=price&sentiment=negative")),
    Shown("search-empty", ADMIN, _at("/search")),
    Shown("integrations", ADMIN, _at("/settings/integrations")),
    Shown("integrations-refused", ADMIN, _refused_key),
    Shown("audit", ADMIN, _at("/audit")),
    Shown("billing", ADMIN, _at("/settings/billing")),
    Shown("members", ADMIN, _at("/settings/members")),
    Shown("workspace", ADMIN, _at("/settings/workspace")),
    Shown("404", ADMIN, _at("/reports/nothing")),
)


@asynccontextmanager
async def window_of(
    running: Browser, origin: str, person: str | None, scheme: Scheme, width: int
) -> AsyncIterator[Visitor]:
    """A window in which `person` is signed in to Harborline."""
    async with visiting(running, origin, scheme=scheme, width=width) as visitor:
        visitor.expected = (400, 401, 403, 404)
        if person is not None:
            await visitor.sign_in(person, "Harborline")
        yield visitor


async def picture(visitor: Visitor, name: str, *, whole: bool = True) -> None:
    """Take a picture of what the window shows; of the whole page, up to where a person would stop scrolling."""
    PAGES.mkdir(parents=True, exist_ok=True)
    await visitor.page.screenshot(path=PAGES / f"{name}.png", full_page=whole)


async def empty_dashboard(running: Browser, stack: Stack, scheme: Scheme) -> None:
    """Before anything has been asked."""
    async with window_of(running, stack.url, ADMIN, scheme, WIDE) as visitor:
        await visitor.open("/dashboard")
        await picture(visitor, f"dashboard-empty-{scheme}-{WIDE}")


async def _under_way(visitor: Visitor) -> None:
    """Start a run of 12 calls, some of which are analysed then."""
    await visitor.open("/new")
    await visitor.page.get_by_label("Brief").fill("Which competitors come up, and what is said of them?")
    await visitor.page.get_by_label("Calls at most").fill("12")
    await visitor.page.get_by_role("button", name="Start").click()
    # The pace is told from the third call on.
    await visitor.page.get_by_text("calls a minute").wait_for()


async def running_run(running: Browser, stack: Stack, scheme: Scheme, width: int) -> None:
    """A run in its middle, for the model takes its time; then cancelled, with its partial report."""
    async with (
        Sandbox(stack).misbehaving({"provider": "openai", "delay": 2.5}),
        window_of(running, stack.url, ADMIN, scheme, width) as visitor,
    ):
        await _under_way(visitor)
        await picture(visitor, f"run-in-the-middle-{scheme}-{width}")
        await visitor.page.get_by_role("button", name="Cancel").click()
        await visitor.page.get_by_role("link", name="Read the partial report").wait_for()
        await picture(visitor, f"run-cancelled-{scheme}-{width}")


async def failed_run(running: Browser, stack: Stack, scheme: Scheme, width: int) -> None:
    """A run that fails in its middle: the model's provider does not take the key any more."""
    async with (
        Sandbox(stack).misbehaving({"provider": "openai", "delay": 2.5}),
        window_of(running, stack.url, ADMIN, scheme, width) as visitor,
    ):
        await _under_way(visitor)
        async with Sandbox(stack).misbehaving({"provider": "openai", "status": 401}):
            await visitor.page.get_by_role("button", name="Resume").wait_for()
        await picture(visitor, f"run-failed-{scheme}-{width}")


async def all_pages(running: Browser, stack: Stack) -> None:
    """Every page, in every look."""
    looks: tuple[tuple[Scheme, int], ...] = (("light", WIDE), ("dark", WIDE), ("light", NARROW), ("dark", NARROW))
    for scheme, width in looks:
        for person in (NOBODY, MEMBER, ADMIN):
            async with window_of(running, stack.url, person, scheme, width) as visitor:
                for shown in SHOWN:
                    if shown.person == person:
                        await shown.way(visitor)
                        await picture(visitor, f"{shown.name}-{scheme}-{width}", whole=shown.name != "transcript")
    for scheme, width in looks:
        await running_run(running, stack, scheme, width)
        await failed_run(running, stack, scheme, width)


async def readme_picture(running: Browser, stack: Stack) -> None:
    """The top of the report page."""
    async with window_of(running, stack.url, ADMIN, "light", WIDE) as visitor:
        await _latest("Read")(visitor)
        README_PICTURE.parent.mkdir(exist_ok=True)
        await visitor.page.screenshot(path=README_PICTURE)


def enterable(folder: str) -> Path:
    """A folder that the stack can live in: as root, PostgreSQL runs as another user, who must be able to enter."""
    path = Path(folder)
    path.chmod(0o711)
    return path


async def _main(*, readme: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="callmine-pictures-") as folder:
        directory = enterable(folder)
        async with browser() as running, Stack.start(StackSettings(directory=directory, tell=print)) as stack:
            await empty_dashboard(running, stack, "light")
            await empty_dashboard(running, stack, "dark")
            await everything(stack, lambda *_: None)
            if readme:
                await readme_picture(running, stack)
            await all_pages(running, stack)
    print(f"The pictures are in {PAGES}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="browser.pictures", description="Pictures of every page")
    parser.add_argument("--readme", action="store_true", help="take docs/report.png as well")
    asyncio.run(_main(readme=parser.parse_args().readme))
