"""Retention, composed as in production, on a database of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from integration.retention.leaving import Leaving
from integration.retention.shop import Shop, opened
from local.postgres import ServiceDsns
from local.storage import StorageServer, StorageSettings
from local.tls import ServerCertificate
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


@pytest.fixture
def storage(outside: Outside, tmp_path: Path) -> Iterator[StorageServer]:
    certificate = ServerCertificate(outside.folder / "cert.pem", outside.folder / "key.pem")
    with StorageServer.start(StorageSettings(tmp_path / "objects", certificate, buckets=("calls",))) as running:
        yield running


@pytest.fixture
async def leaving(
    dsns: ServiceDsns, outside: Outside, storage: StorageServer, tmp_path: Path, postgres_url: str
) -> AsyncIterator[Leaving]:
    more = {"stripe_base_url": f"{outside.url}/stripe", "storage_endpoint": storage.endpoint}
    settings = settings_for(Settings, dsns, outside, **more)
    async with (
        compose(settings) as parts,
        started(parts, dsns) as service,
        opened(service, outside, postgres_url) as shop,
    ):
        yield Leaving(shop, tmp_path / "objects", settings)
