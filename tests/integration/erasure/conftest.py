"""Each service's database with rows of two workspaces in every table, and what erases one of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from integration.erasure.place import Place, place_in
from testkit.postgres import NewDatabase

MakePlace = Callable[[str], Awaitable[Place]]


@pytest.fixture
async def place(request: pytest.FixtureRequest, new_database: NewDatabase, postgres_url: str):  # type: ignore[no-untyped-def] # a generator
    """The place of the service that the test names as its parameter."""
    service = request.param
    async with place_in(service, await new_database(service), postgres_url) as opened:
        yield opened
