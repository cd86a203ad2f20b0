"""Reports from a run's end to the sandbox's Slack: the handlers, the workers, and the vault of `slack_bench`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from random import Random

import asyncpg
from google.protobuf.message import Message

from analysis.domain.deliveries import Covers
from analysis.domain.request import RunId
from analysis.slack.client import Slack
from analysis.slack.credential import Door
from analysis.store.channels import ListClaim
from analysis.store.deliveries import DeliveryClaim
from analysis.workers.backoff import Backoff
from analysis.workers.channels import ChannelWork
from analysis.workers.deliveries import DeliveryWork
from analysis.workers.pool import PoolSettings, WorkPool
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected
from contracts import Event
from core.ids import WorkspaceId
from integration.analysis.slack_bench import KEYS, SLACK, Bench, bench_of
from integration.analysis.world import ACME, MAYA, World
from integration.credential_vault.oauth_way import ADMIN_TOKEN
from local.sandbox.oauth.accounts import Account
from messaging import Outbox
from testkit.outside import Outside

ADDRESS = "https://app.callmine.example"
HARBORLINE = Account("harborline")
SALES, GENERAL = (HARBORLINE.identifier("C", name) for name in ("sales", "general"))
LEADERSHIP, ARCHIVED = (HARBORLINE.identifier("C", name) for name in ("leadership", "old-deals"))
POST, HISTORY, LIST = (f"/api/{name}" for name in ("chat.postMessage", "conversations.history", "conversations.list"))


@dataclass(slots=True)
class DeliveryBench:
    """A world whose reports go to the sandbox's Slack. `slack` has the vault's part."""

    world: World
    slack: Bench

    def pool(self) -> WorkPool[DeliveryClaim]:
        """Workers as a fresh process would have them."""
        work = DeliveryWork(
            self.world.db,
            Outbox("analysis"),
            Door(KEYS),
            Slack(self.slack.egress),
            ADDRESS,
            Backoff(random=Random(1)),
        )
        return WorkPool("delivery", work, PoolSettings(2, lease=30, poll=0.05))

    def list_pool(self) -> WorkPool[ListClaim]:
        """The same for lists of channels."""
        work = ChannelWork(
            self.world.db, Outbox("analysis"), Door(KEYS), Slack(self.slack.egress), Backoff(random=Random(1))
        )
        return WorkPool("channels", work, PoolSettings(2, lease=30, poll=0.05))

    async def connect(self, workspace_id: WorkspaceId = ACME) -> None:
        """Slack is connected."""
        connected = self.world.event(IntegrationConnected(provider=SLACK), f"{workspace_id}:slack", workspace_id)
        await self.slack.hear(connected)

    async def choose(self, channel: str = SALES, covers: Covers = Covers.ALL) -> None:
        """The workspace's reports go to a channel."""
        known = await self.world.deliveries.settings(ACME)
        await self.world.deliveries.choose(ACME, channel, covers, known.version, MAYA)

    async def ready(self, channel: str = SALES, **changes: object) -> RunId:
        """A report is finished and Slack's credential has come."""
        await self.choose(channel)
        run_id = await self.world.finished_run()
        await self.slack.answer(await self.slack.granted(**changes))
        return run_id

    async def list_channels(self) -> None:
        """Slack's channels are read anew."""
        await self.world.deliveries.ask_for_channels(ACME)
        await self.slack.answer(await self.slack.granted())
        await self.skip_waits()
        await self.list_pool().drain()

    async def work(self) -> None:
        """Let the workers do everything there is, with all leases and pauses over; each look comes in its time."""
        await self.skip_waits()
        while await self.pool().drain():
            await self.skip_waits()

    async def skip_waits(self) -> None:
        """Let the time of every lease and pause pass, and so much since Slack was asked that it is looked for."""
        await self.world.owner(
            "UPDATE deliveries SET lease_until = now() - interval '1 second', asked_at = asked_at - interval '61 seconds'"
            " WHERE ended_at IS NULL",
            "UPDATE channel_lists SET lease_until = now() - interval '1 second'",
        )

    async def allow_history(self) -> None:
        """From now on grants hold a token that may read channels."""
        order = {"account": "harborline", "scopes": ["chat:write", "channels:read", "channels:history"]}
        answer = await self.slack.sandbox.post("/_oauth/slack/tokens", json=order, headers=ADMIN_TOKEN)
        self.slack.token = answer.json()["access_token"]

    async def ends(self) -> list[tuple[str, str]]:
        """State and reason of each delivery, the oldest first."""
        return [(row["state"], row["reason"]) for row in await self.rows()]

    async def rows(self) -> list[asyncpg.Record]:
        """The deliveries."""
        return await self.world.rows("SELECT * FROM deliveries ORDER BY created_at, id")

    async def asked(self) -> list[Event[Message]]:
        """The requests for a credential so far."""
        return await self.slack.asked()

    async def told(self) -> list[tuple[str, str]]:
        """Notices that stand above pages: whose, and of what kind."""
        rows = await self.world.rows(
            "SELECT recipient, kind FROM page_notices WHERE dismissed_at IS NULL ORDER BY 1, 2"
        )
        return [(row["recipient"], row["kind"]) for row in rows]

    def posted(self) -> list[dict[str, object]]:
        """What Slack has."""
        return self.slack.posted()

    def arm(self, how: Mapping[str, object], count: int | None = None, path: str = POST) -> None:
        """Have Slack misbehave, `count` times."""
        self.slack.arm(path=path, **how, **({} if count is None else {"count": count}))


@asynccontextmanager
async def delivery_bench(world: World, outside: Outside) -> AsyncIterator[DeliveryBench]:
    """A bench with a token of Harborline's Slack, as the vault asks for it; the sandbox is left as it was found."""
    async with bench_of(world, outside) as slack:
        bench = DeliveryBench(world, slack)
        await bench.connect()
        yield bench
