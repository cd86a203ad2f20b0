"""A database with the messaging tables and a small service's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from chaos.effects import effects_settings, open_effects
from core.ids import uuid7
from database import Database, DatabaseSettings


@pytest.fixture(scope="session")
async def template(postgres_url: str) -> AsyncIterator[str]:
    """Migrated once, copied for each test."""
    name = f"template-messaging-r{uuid7().hex}"
    async with effects_settings(postgres_url, name):
        yield name


@pytest.fixture
async def settings(postgres_url: str, template: str) -> AsyncIterator[DatabaseSettings]:
    """A fresh database for each test; commits need not survive a power cut."""
    name = f"test-messaging-r{uuid7().hex}"
    async with effects_settings(postgres_url, name, durable=False, template=template) as made:
        yield made


@pytest.fixture
async def db(settings: DatabaseSettings) -> AsyncIterator[Database]:
    """That database, opened."""
    async with open_effects(settings) as database:
        yield database
