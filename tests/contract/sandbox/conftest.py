"""One sandbox for all contract tests that need no other; faults are taken back and the journal emptied after each."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
import trustme

from contract.sandbox.stage import Stage
from local.sandbox.oauth.rules import vendor_rules
from local.sandbox.server import RunningSandbox, running
from local.sandbox.settings import OAuthSettings


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Where sandboxes of this test run keep their things."""
    return Stage(tmp_path_factory.mktemp("sandbox"), trustme.CA())


@pytest.fixture(scope="session")
async def shared_sandbox(stage: Stage) -> AsyncIterator[RunningSandbox]:
    """A listening sandbox over the small tenants."""
    async with running(stage.settings()) as sandbox:
        yield sandbox


@pytest.fixture
async def sandbox(shared_sandbox: RunningSandbox) -> AsyncIterator[RunningSandbox]:
    """The shared sandbox, left as it was found."""
    yield shared_sandbox
    shared_sandbox.sandbox.switchboard.disarm()
    shared_sandbox.sandbox.journal.clear()
    shared_sandbox.sandbox.messages.clear()
    for desk in shared_sandbox.sandbox.desks.values():
        desk.office.rules = vendor_rules(desk.provider, OAuthSettings())


@pytest.fixture
async def client(stage: Stage, sandbox: RunningSandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the shared sandbox that trusts its CA."""
    async with stage.client(sandbox.url) as client:
        yield client
