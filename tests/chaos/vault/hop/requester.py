"""Asks for grants as ingest does: publishes with the product's publisher, pulls with its subscriber, opens with ingest's sealing key."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from google.protobuf.message import Message

from callmine.credentials.v1.credentials_pb2 import CredentialGranted, CredentialRequested
from callmine.integrations.v1.integrations_pb2 import Provider as Named
from contracts import Event, attributes_of, ordering_key_of, pack, unpack
from contracts.sealing import Binding, CannotOpen, SealingKeys
from core.ids import WorkspaceId
from local.stack import Stack
from local.stack.environment import PROJECT
from messaging.google import GooglePublisher, PullSubscriber, open_channel
from messaging.ports import Delivery, OutgoingMessage, Verdict

NAME = "ingest"

_ASKED, _ANSWERED = f"credential-requests-{NAME}", f"{NAME}.credential-grants-{NAME}"
_PUBLISH_SECONDS = 5.0


class NoGrant(Exception):
    """What came is not the credential that was asked for, or nothing came; the text says which and holds nothing of it."""


@dataclass(slots=True)
class Inbox:
    """A processor that hands each answer to whoever waits for it."""

    halted: str = ""
    received: int = 0
    _waiting: dict[str, asyncio.Future[tuple[float, Event[Message]]]] = field(default_factory=dict)

    def expect(self, grant_id: str) -> asyncio.Future[tuple[float, Event[Message]]]:
        """The answer, with the moment at which it arrived (`time.perf_counter`)."""
        waiting = self._waiting[grant_id] = asyncio.get_running_loop().create_future()
        return waiting

    async def process(self, deliveries: Sequence[Delivery]) -> list[Verdict]:
        """Note when they came."""
        now = time.perf_counter()
        for delivery in deliveries:
            self.received += 1
            event = unpack(delivery.body, delivery.attributes)
            waiting = self._waiting.pop(event.aggregate_id, None)
            if waiting is not None and not waiting.done():
                waiting.set_result((now, event))
        return [Verdict.ACK] * len(deliveries)


@dataclass(slots=True)
class Requester:
    """Open with `Requester.at_work`."""

    publisher: GooglePublisher
    inbox: Inbox
    keys: SealingKeys
    patience: float
    """Seconds after which a grant is taken for lost."""
    published: int = 0

    @classmethod
    @asynccontextmanager
    async def at_work(cls, stack: Stack, patience: float) -> AsyncIterator[Requester]:
        """A requester whose subscriber runs within the block."""
        site = stack.site
        channel = open_channel(
            f"127.0.0.1:{site.ports['broker']}", site.authority.ca_pem, site.keys.service_tokens[NAME]
        )
        inbox = Inbox()
        pulling = asyncio.create_task(PullSubscriber(channel, PROJECT, _ANSWERED, inbox).run())
        try:
            yield cls(GooglePublisher(channel, PROJECT), inbox, SealingKeys.parse(site.keys.sealing[NAME]), patience)
        finally:
            pulling.cancel()
            await asyncio.wait({pulling})
            await channel.close()

    async def ask(self, workspace_id: WorkspaceId, wanted: Mapping[str, str]) -> float:
        """Ask for the workspace's Gong credential and open what comes: seconds from the beginning of the publish call to its arrival.

        Raises NoGrant when what comes is not `wanted`.
        """
        grant_id = str(uuid.uuid4())
        arriving = self.inbox.expect(grant_id)
        message = _request(workspace_id, grant_id)
        began = time.perf_counter()
        await self.publisher.publish(_ASKED, [message], _PUBLISH_SECONDS)
        self.published += 1
        try:
            async with asyncio.timeout(self.patience):
                arrived, event = await arriving
        except TimeoutError:
            raise NoGrant(f"no answer within {self.patience:.0f} s") from None
        self._check(event, grant_id, workspace_id, wanted)
        return arrived - began

    def _check(
        self, event: Event[Message], grant_id: str, workspace_id: WorkspaceId, wanted: Mapping[str, str]
    ) -> None:
        granted = event.payload
        if not isinstance(granted, CredentialGranted) or event.workspace_id != workspace_id:
            raise NoGrant(f"the answer is {event.type} of {event.workspace_id}")
        expires_at = granted.expires_at.ToDatetime(tzinfo=event.occurred_at.tzinfo)
        binding = Binding(workspace_id, grant_id, "gong", NAME, expires_at)
        try:
            content = json.loads(self.keys.open(granted.sealed, granted.sealing_key_id, binding))
        except CannotOpen as error:
            raise NoGrant(str(error)) from None
        if content != wanted:
            raise NoGrant("the grant holds another credential")


def _request(workspace_id: WorkspaceId, grant_id: str) -> OutgoingMessage:
    """As ingest's outbox would write it."""
    payload = CredentialRequested(
        grant_id=grant_id, provider=Named.PROVIDER_GONG, purpose="run", subject_id=f"run-{grant_id}"
    )
    event: Event[Message] = Event(
        workspace_id=workspace_id, payload=payload, producer=NAME, aggregate_id=grant_id, sequence=1
    )
    return OutgoingMessage(pack(event), attributes_of(event), ordering_key_of(workspace_id, grant_id))
