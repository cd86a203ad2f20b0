"""Real places for these tests: a database with the messaging tables, and a broker with the project's topics over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc

from chaos.effects import effects_settings, open_effects
from core.ids import uuid7
from database import Database
from house.projects import ROOT
from local.broker.server import Broker, BrokerSettings, Certificate
from local.tls import Authority
from messaging.google import ensure, open_channel
from messaging.topology import Topology

PROJECT = "callmine-isolation"
_PUSH_URLS = {"credential-vault": "https://127.0.0.1:1", "retention": "https://127.0.0.1:1"}


@asynccontextmanager
async def messaging_database(admin_url: str, template: str) -> AsyncIterator[Database]:
    """A fresh database of a small service, copied from `template`."""
    async with (
        effects_settings(admin_url, f"test-elsewhere-r{uuid7().hex}", durable=False, template=template) as settings,
        open_effects(settings) as db,
    ):
        yield db


@asynccontextmanager
async def broker_channel(folder: Path) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a broker of this test's own."""
    authority = Authority.open(folder / "tls")
    certificate = authority.server("broker")
    (folder / "broker").mkdir()
    settings = BrokerSettings(folder / "broker", certificate=Certificate(certificate.key, certificate.chain))
    async with await Broker.start(settings) as broker, open_channel(broker.address, authority.ca_pem) as channel:
        await ensure(Topology.load(ROOT / "deploy/topology.yaml"), channel, PROJECT, _PUSH_URLS)
        yield channel
