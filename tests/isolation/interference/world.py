"""A world: the five services as their composition roots make them, each on a database of its own, in this process.

What stands outside a service is replaced at its edge only: the broker (messages are handed over here), object storage (in memory), the
language models (they quote the transcript) and the process that makes files of reports. Background work is driven by operations: it
happens at the same point in both worlds.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from unittest import mock

import asyncpg
from starlette.types import ASGIApp

import analysis.main
import audit.main
import credential_vault.main
import ingest.main
import retention.main
from analysis.exporting.formats import Format
from analysis.settings import Settings as AnalysisSettings
from analysis.store.schedules import ScheduleClaim
from analysis.workers import Workers
from analysis.workers.exports import Printers
from analysis.workers.pool import WorkPool
from audit.log.sealing import Sealer
from audit.settings import Settings as AuditSettings
from credential_vault.settings import Settings as VaultSettings
from ingest.settings import Settings as IngestSettings
from ingest.workers import FetchWorker
from integration.analysis.world import ScriptedModel, honest
from isolation.interference.bucket import Bucket
from isolation.interference.sources import Source
from isolation.interference.surroundings import AUDIT_KEY, Surroundings
from isolation.interference.tenants import Gate
from local.postgres import ServiceDsns
from messaging.breaker import Breaker, BreakerSettings
from retention.settings import Settings as RetentionSettings
from testkit.services import Compose, Service, settings_for, started
from web import ServiceSettings

MODELS = ("openai/small", "openai/large", "anthropic/small", "anthropic/large")

T = TypeVar("T")
S = TypeVar("S", bound=ServiceSettings)

if TYPE_CHECKING:
    Watcher = asyncpg.Pool[asyncpg.Record]


@dataclass(frozen=True, slots=True)
class Published:
    """An event of the subject that a service has published, as the broker would have it."""

    service: str
    topic: str
    ordering_key: str
    body: bytes
    attributes: Mapping[str, str]


@dataclass(slots=True)
class World:
    """One world. `published` holds what the subject's services have said in this chapter."""

    surroundings: Surroundings
    gate: Gate
    services: Mapping[str, Service]
    apps: Mapping[str, ASGIApp]
    watchers: Mapping[str, Watcher]
    bucket: Bucket
    published: list[Published] = field(default_factory=list)
    source: Source = field(default_factory=lambda: Source(0, ""))

    async def fetch(self) -> None:
        """Let ingest's worker do all that is due."""
        worker = _worker(self.services["ingest"], FetchWorker)
        await self._end_waits("ingest", "UPDATE jobs SET next_attempt_at = now() WHERE state = 'ready'")
        while await worker.work_once():
            pass

    async def analyse(self) -> None:
        """Let analysis' workers do all that is due. Of what is planned a day has come: every active schedule's, or the one after."""
        await self._end_waits(
            "analysis",
            "UPDATE schedules SET lease_until = now(), next_firing_at = next_firing_at - interval '1 day' WHERE state = 'active'",
        )
        await _pool(self.services["analysis"], "schedule").drain()
        await self._end_waits("analysis", "UPDATE syntheses SET lease_until = now() WHERE done_at IS NULL")
        # Of calls that are due since the same moment any may come first: here each has been due since one of its own.
        await self._end_waits(
            "analysis",
            "UPDATE run_calls SET lease_until = now() - (hashtextextended(call_id, 0) & 16777215) * interval '1 microsecond' "
            "WHERE done_at IS NULL",
        )
        await _worker(self.services["analysis"], Workers).drain()
        await self._end_waits("analysis", "UPDATE export_files SET lease_until = now() WHERE done_at IS NULL")
        await _worker(self.services["analysis"], Printers).drain()

    async def seal(self) -> None:
        """Let audit seal what has arrived."""
        await _worker(self.services["audit"], Sealer).drain()

    async def _end_waits(self, service: str, statement: str) -> None:
        """Work that was put back is due with the next operation that works, however long that took in this world (see `sources`)."""
        await self.watchers[service].execute(statement)

    async def sql(self, service: str, statement: str, *values: object) -> list[asyncpg.Record]:
        """A statement as the server's administrator, past all policies."""
        return list(await self.watchers[service].fetch(statement, *values))


class TimelessPress:
    """Makes every file from its document, but for the database's time: the same bytes in both worlds."""

    async def make(self, document: Mapping[str, object], kind: Format) -> bytes:
        return f"{kind} {json.dumps({**document, 'created_at': ''})}".encode()


@asynccontextmanager
async def opened(around: Surroundings, name: str) -> AsyncIterator[World]:
    """A world called `name`, empty."""
    async with AsyncExitStack() as stack:
        databases = await stack.enter_async_context(around.databases(name))
        bucket, model = Bucket(), ScriptedModel(honest)
        stack.enter_context(mock.patch("analysis.main.GoogleObjects", return_value=bucket))
        stack.enter_context(mock.patch("ingest.main.GoogleObjects", return_value=bucket))
        stack.enter_context(mock.patch("analysis.main.ProcessPress", return_value=TimelessPress()))
        stack.enter_context(mock.patch("analysis.main.models_when_asked", return_value=dict.fromkeys(MODELS, model)))
        # A worker that was interrupted leaves a list that seems to be read; later previews would wait for it, each for real seconds.
        stack.enter_context(mock.patch("ingest.workers.preview._LONGEST_WAIT_SECONDS", 0.0))
        services = await _compose(stack, around, databases)
        watchers = {}
        for service, dsns in databases.items():
            pool = asyncpg.create_pool(around.admin_of(dsns), min_size=1, max_size=2, reset=_kept)
            watchers[service] = await stack.enter_async_context(pool)
        apps = {service: made.app.app for service, made in services.items()}
        yield World(around, Gate(around.outside), services, apps, watchers, bucket)


async def _compose(
    stack: AsyncExitStack, around: Surroundings, databases: Mapping[str, ServiceDsns]
) -> dict[str, Service]:
    async def made(name: str, compose: Compose[S], settings_type: type[S]) -> Service:
        known = settings_type.model_fields
        fields = {key: value for key, value in _settings(around).items() if key in known}
        settings = settings_for(settings_type, databases[name], around.outside, **fields)
        parts = await stack.enter_async_context(compose(settings))
        service = await stack.enter_async_context(started(parts, databases[name]))
        _keep_going(service)
        return service

    return {
        "ingest": await made("ingest", ingest.main.compose, IngestSettings),
        "analysis": await made("analysis", analysis.main.compose, AnalysisSettings),
        "credential-vault": await made("credential-vault", credential_vault.main.compose, VaultSettings),
        "audit": await made("audit", audit.main.compose, AuditSettings),
        "retention": await made("retention", retention.main.compose, RetentionSettings),
    }


def _settings(around: Surroundings) -> dict[str, object]:
    """What differs from the usual settings of tests, for whichever service knows it."""
    return {
        "secrets_endpoint": around.secrets.address,
        "storage_endpoint": "https://localhost:1",
        "gong_base_url": around.outside.gong_url,
        "clerk_api_url": f"{around.outside.url}/clerk/v1",
        "gong_requests_per_second": 0,
        # Calls at once would be analysed in an order that nothing decides, with or without anybody else.
        "analysis_concurrency": 1,
        # Files are made when an operation lets workers work; nobody who asks for one waits.
        "export_patience": 0,
        "ingest_sealing_public_key": around.ingest_key.public_text(),
        "analysis_sealing_public_key": around.analysis_key.public_text(),
        "audit_sealing_public_key": AUDIT_KEY.public_text(),
    }


def _keep_going(service: Service) -> None:
    """A consumer stops for everybody when most of what it gets is poison, by design: here a part of it always is."""
    for consumer in service.parts.consumers.values():
        consumer._breaker = Breaker(BreakerSettings(share=1.0))


def _pool(service: Service, name: str) -> WorkPool[ScheduleClaim]:
    """The pool of that name among the service's background work."""
    owners = (getattr(work, "__self__", None) for work in service.parts._works)
    return next(owner for owner in owners if isinstance(owner, WorkPool) and owner._name == name)


def _worker(service: Service, kind: type[T]) -> T:
    """The object whose `run` the service does in the background."""
    owners = (getattr(work, "__self__", None) for work in service.parts._works)
    return next(owner for owner in owners if isinstance(owner, kind))


async def _kept(_: object) -> None:
    """Watchers set nothing that would have to be undone."""


# Rows that migrations have made: the configuration, and the one row of the global log's head.
_STANDING = ["default_plan", "global_head"]


async def empty(world: World) -> None:
    """Remove all rows of all tables but yoyo's and those of the configuration, and all objects."""
    for service in world.services:
        tables = await world.sql(
            service,
            "SELECT string_agg(quote_ident(relname), ', ') AS all FROM pg_class WHERE relkind = 'r' "
            "AND relnamespace = 'public'::regnamespace AND relname NOT LIKE '%yoyo%' AND relname <> ALL ($1)",
            _STANDING,
        )
        await world.watchers[service].execute(f"TRUNCATE {tables[0]['all']}")
    world.bucket.held.clear()


async def relayed(world: World) -> None:
    """Empty the outboxes, as a relay does that has published all."""
    for service in world.services:
        await world.watchers[service].execute("TRUNCATE outbox")


async def taken(world: World, service: str, workspace_id: str) -> list[Published]:
    """What the service has to say for the workspace, in order; taken out of its outbox as by a relay."""
    rows = await world.sql(
        service,
        "WITH taken AS (DELETE FROM outbox WHERE workspace_id = $1 RETURNING id, topic, ordering_key, body, attributes) "
        "SELECT topic, ordering_key, body, attributes::text AS attributes FROM taken ORDER BY id",
        workspace_id,
    )
    return [
        Published(service, row["topic"], row["ordering_key"], row["body"], json.loads(row["attributes"]))
        for row in rows
    ]
