"""A whole Callmine of its own for the browser, in which nobody has done anything yet."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from browser.pictures import enterable
from browser.visitor import browser, chromium
from local.stack import Stack, StackSettings
from testkit.capture import capture_folder


@pytest.fixture(scope="package")
async def running() -> AsyncIterator[Browser]:
    """A running Chromium."""
    if chromium() is None:
        pytest.skip("there is no Chromium on PATH: on Debian, apt-get install chromium")
    async with browser() as started:
        yield started


@pytest.fixture(scope="package")
async def stack(running: Browser) -> AsyncIterator[Stack]:
    """Everything, running; ended before the next folder's tests begin."""
    directory = enterable(tempfile.mkdtemp(prefix="callmine-browser-"))
    admin_url = os.environ.get("CALLMINE_DATABASE_URL")
    settings = StackSettings(directory=directory, admin_url=admin_url, capture=capture_folder())
    async with Stack.start(settings) as started:
        yield started
    shutil.rmtree(directory)
