"""Audit, composed as in production, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from audit.main import compose
from audit.settings import Settings
from local.postgres import ServiceDsns
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import Service, settings_for, started


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("audit")


@pytest.fixture
def settings(dsns: ServiceDsns, outside: Outside) -> Settings:
    return settings_for(Settings, dsns, outside, stream_sandbox_url=outside.siem_url)


@pytest.fixture
async def audit(settings: Settings, dsns: ServiceDsns) -> AsyncIterator[Service]:
    async with compose(settings) as parts, started(parts, dsns) as service:
        yield service
