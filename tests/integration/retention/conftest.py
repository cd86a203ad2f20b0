"""Retention, composed as in production, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from integration.retention.shop import Shop, opened
from local.postgres import ServiceDsns
from retention.main import compose
from retention.settings import Settings
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import Service, settings_for, started


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("retention")


@pytest.fixture
def settings(dsns: ServiceDsns, outside: Outside) -> Settings:
    return settings_for(Settings, dsns, outside, stripe_base_url=f"{outside.url}/stripe")


@pytest.fixture
async def retention(settings: Settings, dsns: ServiceDsns) -> AsyncIterator[Service]:
    async with compose(settings) as parts, started(parts, dsns) as service:
        yield service


@pytest.fixture
async def shop(retention: Service, outside: Outside, postgres_url: str) -> AsyncIterator[Shop]:
    async with opened(retention, outside, postgres_url) as shop:
        yield shop
