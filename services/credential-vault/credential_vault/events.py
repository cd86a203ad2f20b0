"""Between the vault's words and the message contracts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial

from google.protobuf.timestamp_pb2 import Timestamp
from msgspec import Struct
from msgspec.structs import replace

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRejected,
    CredentialRequested,
    DenialReason,
    RevocationNoticed,
)
from callmine.integrations.v1 import integrations_pb2
from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
)
from contracts import Actor, Event, field_change
from contracts.changes import Value
from core.errors import InvalidInput
from core.ids import parse_uuid
from credential_vault.domain.connections import Connected, Disconnected, Face, Kind
from credential_vault.domain.credentials import Denial, Grant, GrantRequest, Provider, Rejection, Slot, State
from credential_vault.handlers.noticing import look_after_notice
from credential_vault.handlers.rejecting import Rejecting
from credential_vault.handlers.vault import Denied, Vault
from credential_vault.store.credentials import standing
from database import Tx
from messaging import Draft, Outbox, Routes
from telemetry.instruments import GRANT_SECONDS

_PROVIDERS = {provider: integrations_pb2.Provider.Value(f"PROVIDER_{provider.name}") for provider in Provider}
_PROVIDER_OF: Mapping[int, Provider] = {number: provider for provider, number in _PROVIDERS.items()}

_CONNECTED = AdminActionType.ADMIN_ACTION_TYPE_INTEGRATION_CONNECTED
_DISCONNECTED = AdminActionType.ADMIN_ACTION_TYPE_INTEGRATION_DISCONNECTED

# How a credential shows itself, as the audit log has it: one that was there, and one that has just come.
_WAYS = {
    Kind.BASIC: ("access key and secret", "access key and secret (new pair)"),
    Kind.OAUTH: ("OAuth", "OAuth (new consent)"),
    Kind.SIGNING: ("signing secret", "signing secret (new)"),
}

# Who did what nobody did.
_ITSELF = Actor(id="credential-vault")

IntegrationMessage = IntegrationConnected | IntegrationDisconnected | IntegrationNeedsReconnect

_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")

_DENIALS = {
    Denial.NOT_CONNECTED: DenialReason.DENIAL_REASON_NOT_CONNECTED,
    Denial.NOT_ALLOWED: DenialReason.DENIAL_REASON_NOT_ALLOWED,
    Denial.NEEDS_RECONNECT: DenialReason.DENIAL_REASON_NEEDS_RECONNECT,
}


def routes(vault: Vault, rejecting: Rejecting, outbox: Outbox, requester: str) -> Routes:
    """What is done with the messages on `requester`'s own topic: the topic says who asks, not the message."""

    async def requested(tx: Tx, event: Event[CredentialRequested]) -> None:
        answer = await vault.grant(tx, _request(event.payload, requester))
        if answer is None:
            return
        payload = _granted(answer) if isinstance(answer, Grant) else _denied(answer)
        await outbox.add(tx, payload, aggregate_id=event.payload.grant_id, sequence=1, cause=event, requester=requester)
        tx.on_commit(partial(_tell_answered, event, answer))

    async def rejected(tx: Tx, event: Event[CredentialRejected]) -> None:
        await rejecting.hear(tx, _rejection(event.payload, requester))

    async def noticed(tx: Tx, event: Event[RevocationNoticed]) -> None:
        told = event.payload
        await look_after_notice(tx, _provider(told.provider), told.account_id)
        tx.on_commit(rejecting.wake)

    table = Routes()
    table.on(CredentialRequested, requested)
    table.on(CredentialRejected, rejected)
    table.on(RevocationNoticed, noticed)
    return table


def _tell_answered(event: Event[CredentialRequested], answer: Grant | Denied) -> None:
    """How long the requester waited, by its own clock and ours."""
    waited = max(0.0, (datetime.now(UTC) - event.occurred_at).total_seconds())
    outcome = "granted" if isinstance(answer, Grant) else "denied"
    GRANT_SECONDS.record(waited, provider=_provider(event.payload.provider).value, outcome=outcome)


async def announce_connected(tx: Tx, outbox: Outbox, change: Connected, actor: Actor) -> None:
    """Tell the other services, and the audit log, that an integration was connected."""
    face, known = change.face, change.face_before
    before = None if known is None or change.before is State.DISCONNECTED else known
    diff = [
        field_change("status", None if change.before is State.NEW else change.before.value, State.CONNECTED.value),
        *_changed("base_url", known.base_url or None if known else None, face.base_url or None),
        field_change("authentication", _WAYS[before.kind][0] if before else None, _WAYS[face.kind][1]),
        *_changed("account", before.account or None if before else None, face.account or None),
        *_changed("scopes", list(before.scopes) or None if before else None, list(face.scopes) or None),
    ]
    told = _connected(change.provider, change.version, face)
    await _announce(tx, outbox, _Change(change.provider, 2 * change.version, _CONNECTED, diff, actor), told)


async def announce_disconnected(tx: Tx, outbox: Outbox, change: Disconnected, actor: Actor) -> None:
    """Tell the other services, and the audit log, that an integration was disconnected."""
    told = IntegrationDisconnected(provider=_PROVIDERS[change.provider], credential_version=change.version)
    diff = [field_change("status", change.before.value, State.DISCONNECTED.value)]
    await _announce(tx, outbox, _Change(change.provider, 2 * change.version, _DISCONNECTED, diff, actor), told)


async def announce_needs_reconnect(tx: Tx, outbox: Outbox, slot: Slot, reason: str) -> None:
    """Tell the other services, and the audit log, that a credential is of no use any more; `reason` is in words fit for both."""
    told = IntegrationNeedsReconnect(provider=_PROVIDERS[slot.provider], credential_version=slot.version, reason=reason)
    diff = [
        field_change("status", State.CONNECTED.value, State.NEEDS_RECONNECT.value),
        field_change("reason", None, reason),
    ]
    # The version stays: it comes after the message of that version, and before those of the next one.
    await _announce(tx, outbox, _Change(slot.provider, 2 * slot.version + 1, _DISCONNECTED, diff, _ITSELF), told)


async def announce_recovered(tx: Tx, outbox: Outbox, provider: Provider, default_url: str) -> None:
    """Tell the other services, and the audit log, that a credential works after all; its renewal has just raised the version."""
    found = await standing(tx, provider)
    if found is None:
        return
    face = replace(found.face, base_url=found.face.base_url or default_url)
    told = _connected(provider, found.version, face)
    diff = [field_change("status", State.NEEDS_RECONNECT.value, State.CONNECTED.value)]
    await _announce(tx, outbox, _Change(provider, 2 * found.version, _CONNECTED, diff, _ITSELF), told)


class _Change(Struct, frozen=True):
    """What becomes an entry of the audit log.

    Messages of an integration come in the order of their versions, those of one version as they can happen: connected or disconnected
    (twice the version), then of no use (one more).
    """

    provider: Provider
    sequence: int
    kind: AdminActionType.ValueType
    diff: list[FieldChange]
    actor: Actor


def _connected(provider: Provider, version: int, face: Face) -> IntegrationConnected:
    return IntegrationConnected(
        provider=_PROVIDERS[provider],
        credential_version=version,
        base_url=face.base_url,
        account_id=face.account_id,
    )


async def _announce(tx: Tx, outbox: Outbox, change: _Change, told: IntegrationMessage) -> None:
    aggregate = f"{tx.workspace_id}:{change.provider.value}"
    action = AdminAction(type=change.kind, target_kind="integration", target_id=change.provider.value, diff=change.diff)
    # The secret of a SIEM is nobody's account: whoever signs with it asks for it, and no other service has anything to do with it.
    payloads = (action,) if change.provider is Provider.SIEM else (told, action)
    drafts = [
        Draft(payload=payload, aggregate_id=aggregate, sequence=change.sequence, actor=change.actor)
        for payload in payloads
    ]
    await outbox.add_many(tx, drafts)


def _request(payload: CredentialRequested, requester: str) -> GrantRequest:
    return GrantRequest(
        grant_id=parse_uuid(payload.grant_id, "grant_id"),
        provider=_provider(payload.provider),
        requester=requester,
        purpose=_word(payload.purpose, "purpose"),
        subject_id=_word(payload.subject_id, "subject_id"),
    )


def _rejection(payload: CredentialRejected, requester: str) -> Rejection:
    """The provider's status is the requester's word, on which nothing is done: it is not read."""
    return Rejection(
        grant_id=parse_uuid(payload.grant_id, "grant_id"),
        provider=_provider(payload.provider),
        requester=requester,
        version=payload.credential_version,
    )


def _provider(number: int) -> Provider:
    provider = _PROVIDER_OF.get(number)
    if provider is None:
        raise InvalidInput("the message names no provider that is known here")
    return provider


def _word(text: str, name: str) -> str:
    """Both stand in the journal and on the page: a word, or an id."""
    if not _WORD.fullmatch(text):
        raise InvalidInput(f"{name} of the credential request is not a word of at most 100 letters, digits, _ and -")
    return text


def _granted(grant: Grant) -> CredentialGranted:
    expires_at = Timestamp()
    expires_at.FromDatetime(grant.expires_at)
    return CredentialGranted(
        grant_id=str(grant.request.grant_id),
        provider=_PROVIDERS[grant.request.provider],
        sealed=grant.sealed,
        sealing_key_id=grant.sealing_key_id,
        expires_at=expires_at,
        credential_version=grant.credential_version,
    )


def _denied(denied: Denied) -> CredentialDenied:
    return CredentialDenied(
        grant_id=str(denied.request.grant_id),
        provider=_PROVIDERS[denied.request.provider],
        reason=_DENIALS[denied.reason],
    )


def _changed(field: str, before: Value, after: Value) -> list[FieldChange]:
    """Nothing where nothing changed."""
    return [] if before == after else [field_change(field, before, after)]
