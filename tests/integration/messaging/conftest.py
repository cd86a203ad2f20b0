"""A database with the messaging tables and a small service's own, and a broker in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from chaos.effects import effects_database

from core.ids import uuid7
from database import Database


@pytest.fixture
async def db(postgres_url: str) -> AsyncIterator[Database]:
    """A fresh database of its own for each test."""
    async with effects_database(postgres_url, f"test-messaging-r{uuid7().hex}") as database:
        yield database
