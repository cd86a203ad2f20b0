"""Notices from the vault's message to the sandbox's Slack: the handlers, the workers, and a vault for tests that seals what it grants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random

import httpx
from google.protobuf.message import Message

from analysis.slack.client import Slack, destination
from analysis.slack.credential import Door
from analysis.store.notices import NoticeClaim
from analysis.workers.backoff import Backoff
from analysis.workers.notices import NoticeWork
from analysis.workers.pool import PoolSettings, WorkPool
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRequested,
    DenialReason,
)
from callmine.integrations.v1.integrations_pb2 import IntegrationNeedsReconnect, Provider
from contracts import Event
from contracts.sealing import Binding, SealedTo, SealingKey, SealingKeys, seal
from core.ids import WorkspaceId
from egress import Egress
from integration.analysis.world import ACME, World
from integration.credential_vault.oauth_way import ADMIN_TOKEN, world_of
from local.sandbox.faults import Fault
from messaging import Outbox, Verdict
from testkit.outside import Outside

SITE = "https://callmine.example"
ADDRESS = f"{SITE}/settings/integrations"
GONG, HUBSPOT, SLACK = Provider.PROVIDER_GONG, Provider.PROVIDER_HUBSPOT, Provider.PROVIDER_SLACK
KEY = SealingKey.generate()
# As while a new key takes the place of the one that grants are sealed to.
KEYS = SealingKeys.parse(f"{SealingKey.generate().private_text()}\n{KEY.private_text()}\n")
NEVER_POSTED = "the text of no message"


@dataclass(slots=True)
class Bench:
    """A world whose notices go to the sandbox's Slack."""

    world: World
    outside: Outside
    sandbox: httpx.AsyncClient
    egress: Egress
    token: str = field(repr=False)
    person: str

    def pool(self) -> WorkPool[NoticeClaim]:
        """Workers as a fresh process would have them."""
        work = NoticeWork(
            self.world.db,
            Outbox("analysis"),
            Door(KEYS),
            Slack(self.egress),
            SITE,
            Backoff(random=Random(1)),
            self.world.clock,
        )
        return WorkPool("notice", work, PoolSettings(2, lease=30, poll=0.05))

    def lost(
        self, provider: Provider.ValueType = GONG, version: int = 1, workspace_id: WorkspaceId = ACME
    ) -> Event[Message]:
        """The vault says that a version of a credential has to be reconnected."""
        message = IntegrationNeedsReconnect(provider=provider, credential_version=version, reason=NEVER_POSTED)
        return self.world.event(message, f"{workspace_id}:{provider}", workspace_id, sequence=2 * version + 1)

    async def hear(self, *events: Event[Message]) -> None:
        """The vault's words on integrations, each acknowledged."""
        assert set(await self.world.deliver(*events, topic="integrations")) == {Verdict.ACK}

    async def asked(self) -> list[Event[Message]]:
        """The requests for a credential so far."""
        return await self.world.sent_of(CredentialRequested)

    async def granted(self, **changes: object) -> Event[Message]:
        """The vault's answer to the latest request; `changes` are to what it seals, or `version` and `lasts` (seconds)."""
        asked = (await self.asked())[-1]
        assert isinstance(asked.payload, CredentialRequested)
        version, lasts = changes.pop("version", 1), changes.pop("lasts", 1800)
        assert isinstance(version, int)
        assert isinstance(lasts, int)
        plain: Mapping[str, object] = {
            "kind": "bearer",
            "token": self.token,
            "base_url": "https://elsewhere.example",
            "provider_user": self.person,
        }
        expires_at = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=lasts)
        binding = Binding(asked.workspace_id, asked.payload.grant_id, "slack", "analysis", expires_at)
        to = SealedTo.parse(KEY.public_text())
        message = CredentialGranted(
            grant_id=asked.payload.grant_id,
            provider=SLACK,
            sealed=seal(to, json.dumps({**plain, **changes}).encode(), binding),
            sealing_key_id=to.key_id,
            credential_version=version,
        )
        message.expires_at.FromDatetime(expires_at)
        return self.world.event(message, asked.payload.grant_id, asked.workspace_id, sequence=1)

    async def denied(self, reason: DenialReason.ValueType) -> Event[Message]:
        """The vault says no to the latest request."""
        asked = (await self.asked())[-1]
        assert isinstance(asked.payload, CredentialRequested)
        message = CredentialDenied(grant_id=asked.payload.grant_id, provider=SLACK, reason=reason)
        return self.world.event(message, asked.payload.grant_id, asked.workspace_id, sequence=1)

    async def answer(self, event: Event[Message]) -> None:
        """Deliver what the vault answers."""
        assert await self.world.deliver(event, topic="credential-grants-analysis") == [Verdict.ACK]

    async def ready(self, **changes: object) -> None:
        """Gong is lost and Slack's credential has come."""
        await self.hear(self.lost())
        await self.answer(await self.granted(**changes))

    async def work(self) -> None:
        """Let the workers do everything there is, with all leases and pauses over."""
        await self.skip_waits()
        while await self.pool().drain():
            await self.skip_waits()

    async def skip_waits(self) -> None:
        """Let the time of every lease and pause pass."""
        await self.world.owner("UPDATE notices SET lease_until = now() - interval '1 second' WHERE ended_at IS NULL")

    async def ends(self) -> list[tuple[str, str]]:
        """State and reason of each notice."""
        return [
            (row["state"], row["reason"]) for row in await self.world.rows("SELECT * FROM notices ORDER BY 1, 2, 3")
        ]

    def posted(self) -> list[dict[str, object]]:
        """What Slack has."""
        return self.outside.running.sandbox.messages.report()

    def arm(self, **how: object) -> None:
        """Have Slack misbehave."""
        given = {"provider": "slack", "path": "/api/chat.postMessage"} | how
        self.outside.running.sandbox.switchboard.arm(Fault.model_validate(given))

    def struck(self) -> list[object]:
        """How often each armed fault has struck."""
        return [fault["struck"] for fault in self.outside.running.sandbox.switchboard.report()]


@asynccontextmanager
async def bench_of(world: World, outside: Outside) -> AsyncIterator[Bench]:
    """A bench with a token of Harborline's Slack; the sandbox is left as it was found."""
    order = {"account": "harborline", "scopes": ["chat:write", "channels:read"]}
    async with (
        world_of(outside) as sandbox,
        Egress([destination(f"{outside.url}/slack")], ca_file=outside.ca_file) as egress,
    ):
        tokens = (await sandbox.post("/_oauth/slack/tokens", json=order, headers=ADMIN_TOKEN)).json()
        outside.running.sandbox.messages.clear()
        yield Bench(world, outside, sandbox, egress, tokens["access_token"], tokens["authed_user"]["id"])
        outside.running.sandbox.switchboard.disarm()
        outside.running.sandbox.messages.clear()
