"""The services that runtime puts together: what each needs to be composed."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from audit.main import compose
from audit.settings import Settings
from local.postgres import ServiceDsns
from runtime import Assembly
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import settings_for


@pytest.fixture
async def dsns(new_database: NewDatabase) -> ServiceDsns:
    return await new_database("audit")


@pytest.fixture
def settings(dsns: ServiceDsns, outside: Outside) -> Settings:
    return settings_for(Settings, dsns, outside)


@pytest.fixture
async def parts(settings: Settings) -> AsyncIterator[Assembly]:
    async with compose(settings) as assembly:
        yield assembly
