"""A stream in the composed service: what the vault would answer, a log to send, a sender to send it with."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import cast

from google.protobuf.timestamp_pb2 import Timestamp
from standardwebhooks import Webhook

from audit.log.note import Keyring
from audit.log.sealing import Sealer, SealerSettings
from audit.streaming.grants import Door
from audit.streaming.posting import EgressPost
from audit.streaming.sender import Sender, SenderSettings
from audit.streaming.vault import Vault
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRequested,
    DenialReason,
)
from callmine.integrations.v1.integrations_pb2 import Provider
from contracts import Event
from contracts.sealing import Binding, SealedTo, SealingKeys, seal
from core.ids import WorkspaceId
from egress import Destination
from integration.audit.actions import MINE, action
from local.sandbox.siem.collector import Received
from testkit.clock import SimulatedClock
from testkit.messages import deliver, said
from testkit.outside import AUDIT_SEALING_KEY, LOG_KEY, Outside
from testkit.services import Service

SECRET, OTHER_SECRET = (f"whsec_{base64.b64encode(bytes([number]) * 32).decode()}" for number in (7, 8))


@dataclass(slots=True)
class Streams:
    """The service, the sandbox's endpoint, and a clock of the sender's own that stands still until it is moved."""

    audit: Service
    outside: Outside
    clock: SimulatedClock
    sender: Sender
    vault: Vault

    @property
    def url(self) -> str:
        """Where the log is sent."""
        return f"{self.outside.siem_url}/mine"

    @property
    def received(self) -> list[Received]:
        """What has come there."""
        return self.outside.running.sandbox.siem.received()

    async def fill(self, *numbers: int, workspace_id: WorkspaceId = MINE) -> None:
        """Entries, recorded and sealed."""
        events = [action(number, workspace_id=workspace_id) for number in numbers]
        await deliver(self.audit.consumer("audit"), *events)
        await Sealer(self.audit.parts.db, Keyring.parse(LOG_KEY), SealerSettings("callmine.ai/audit")).drain()

    async def asked(self) -> list[Event[CredentialRequested]]:
        """What the vault was asked for so far."""
        events = [event for topic, event in await said(self.audit.dsns) if topic == "credential-requests-audit"]
        return cast("list[Event[CredentialRequested]]", events)

    async def answered(self, *secrets: str) -> None:
        """The vault answers the last question: with these secrets, or without any that there are none."""
        event = (await self.asked())[-1]
        payload = granted(event, secrets, self.clock.now()) if secrets else denied(event)
        told = Event(
            workspace_id=event.workspace_id,
            payload=payload,
            producer="credential-vault",
            aggregate_id=event.payload.grant_id,
            sequence=1,
        )
        await deliver(self.audit.consumer("credential-grants-audit"), told)

    async def sent(self) -> None:
        """Everything that is due is sent."""
        while await self.sender.once():
            pass


def streams_of(audit: Service, outside: Outside) -> Streams:
    """The service with a sender whose clock can be set. It is a minute ahead of the machine's, by which the routes say what is due and the
    library how old a signature is.
    """
    clock = SimulatedClock(datetime.now(UTC) + timedelta(seconds=60))
    parts = audit.parts
    door = Door(SealingKeys.parse(AUDIT_SEALING_KEY.private_text()))
    vault = Vault(parts.outbox, door, clock=clock)
    post = EgressPost(parts.outbound.egress([Destination(name="siem", base_url=outside.siem_url)]))
    sender = Sender(parts.db, parts.outbox, vault, post, SenderSettings(), clock, Random(1))
    return Streams(audit, outside, clock, sender, vault)


def granted(asked: Event[CredentialRequested], secrets: Sequence[str], now: datetime) -> CredentialGranted:
    """What the vault sends for a request."""
    expires_at = (now + timedelta(minutes=30)).replace(microsecond=0)
    to = SealedTo.parse(AUDIT_SEALING_KEY.public_text())
    binding = Binding(asked.workspace_id, asked.payload.grant_id, "siem", "audit", expires_at)
    content = json.dumps({"kind": "signing", "secrets": list(secrets)}).encode()
    ends = Timestamp()
    ends.FromDatetime(expires_at)
    return CredentialGranted(
        grant_id=asked.payload.grant_id,
        provider=Provider.PROVIDER_SIEM,
        sealed=seal(to, content, binding),
        sealing_key_id=to.key_id,
        expires_at=ends,
        credential_version=1,
    )


def denied(asked: Event[CredentialRequested]) -> CredentialDenied:
    """What the vault says where there is no secret."""
    return CredentialDenied(
        grant_id=asked.payload.grant_id,
        provider=Provider.PROVIDER_SIEM,
        reason=DenialReason.DENIAL_REASON_NOT_CONNECTED,
    )


def opened(message: Received, secret: str = SECRET) -> dict[str, object]:
    """A message whose signature is right, as a customer checks it with the Standard Webhooks library."""
    Webhook(secret).verify(message.body, message.headers)
    found: dict[str, object] = json.loads(message.body)
    return found


def positions(message: Received) -> list[int]:
    """The positions in a message."""
    data = json.loads(message.body)["data"]
    return [item["position"] for item in data["entries"]]
