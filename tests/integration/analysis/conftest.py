"""Analysis around a fresh database for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from integration.analysis.world import World
from integration.analysis.world import world as opened

from testkit.postgres import NewDatabase


@pytest.fixture
async def world(new_database: NewDatabase, postgres_url: str) -> AsyncIterator[World]:
    """All of analysis but the network."""
    async with opened(await new_database("analysis"), postgres_url) as world:
        yield world
