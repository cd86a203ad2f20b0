"""Between the vault's words and the message contracts."""

from __future__ import annotations

import re

from google.protobuf.timestamp_pb2 import Timestamp

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRequested,
    DenialReason,
)
from callmine.integrations.v1 import integrations_pb2
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, IntegrationDisconnected
from contracts import Actor, Event, field_change
from core.errors import InvalidInput
from core.ids import parse_uuid
from credential_vault.domain.credentials import Denial, Grant, GrantRequest, Provider, State
from credential_vault.handlers.vault import Connected, Denied, Disconnected, Vault
from database import Tx
from messaging import Draft, Outbox, Routes

_PROVIDERS = {provider: integrations_pb2.Provider.Value(f"PROVIDER_{provider.name}") for provider in Provider}
_PROVIDER_OF = {number: provider for provider, number in _PROVIDERS.items()}

_WORD = re.compile(r"[A-Za-z0-9_-]{1,100}")

_DENIALS = {
    Denial.NOT_CONNECTED: DenialReason.DENIAL_REASON_NOT_CONNECTED,
    Denial.NOT_ALLOWED: DenialReason.DENIAL_REASON_NOT_ALLOWED,
    Denial.NEEDS_RECONNECT: DenialReason.DENIAL_REASON_NEEDS_RECONNECT,
}


def routes(vault: Vault, outbox: Outbox, requester: str) -> Routes:
    """What is done with the messages on `requester`'s own topic: the topic says who asks, not the message."""

    async def requested(tx: Tx, event: Event[CredentialRequested]) -> None:
        answer = await vault.grant(tx, _request(event.payload, requester))
        if answer is None:
            return
        payload = _granted(answer) if isinstance(answer, Grant) else _denied(answer)
        await outbox.add(tx, payload, aggregate_id=event.payload.grant_id, sequence=1, cause=event, requester=requester)

    table = Routes()
    table.on(CredentialRequested, requested)
    return table


async def announce_connected(tx: Tx, outbox: Outbox, change: Connected, actor: Actor) -> None:
    """Tell the other services, and the audit log, that an integration was connected."""
    payload = IntegrationConnected(
        provider=_PROVIDERS[change.provider], credential_version=change.version, base_url=change.base_url
    )
    again = change.before in {State.CONNECTED, State.NEEDS_RECONNECT}
    diff = [
        field_change("status", None if change.before is State.NEW else change.before.value, State.CONNECTED.value),
        *_changed("base_url", change.base_url_before or None, change.base_url),
        field_change("authentication", "access key and secret" if again else None, "access key and secret (new pair)"),
    ]
    kind = AdminActionType.ADMIN_ACTION_TYPE_INTEGRATION_CONNECTED
    await outbox.add_many(tx, _drafts(tx, change.provider, change.version, actor, payload, kind, diff))


async def announce_disconnected(tx: Tx, outbox: Outbox, change: Disconnected, actor: Actor) -> None:
    """Tell the other services, and the audit log, that an integration was disconnected."""
    payload = IntegrationDisconnected(provider=_PROVIDERS[change.provider], credential_version=change.version)
    diff = [field_change("status", change.before.value, State.DISCONNECTED.value)]
    kind = AdminActionType.ADMIN_ACTION_TYPE_INTEGRATION_DISCONNECTED
    await outbox.add_many(tx, _drafts(tx, change.provider, change.version, actor, payload, kind, diff))


def _drafts(
    tx: Tx,
    provider: Provider,
    version: int,
    actor: Actor,
    payload: IntegrationConnected | IntegrationDisconnected,
    kind: AdminActionType.ValueType,
    diff: list[FieldChange],
) -> list[Draft]:
    aggregate = f"{tx.workspace_id}:{provider.value}"
    action = AdminAction(type=kind, target_kind="integration", target_id=provider.value, diff=diff)
    return [
        Draft(payload=payload, aggregate_id=aggregate, sequence=version, actor=actor),
        Draft(payload=action, aggregate_id=aggregate, sequence=version, actor=actor),
    ]


def _request(payload: CredentialRequested, requester: str) -> GrantRequest:
    provider = _PROVIDER_OF.get(payload.provider)
    if provider is None:
        raise InvalidInput("the credential request names no provider that is known here")
    return GrantRequest(
        grant_id=parse_uuid(payload.grant_id, "grant_id"),
        provider=provider,
        requester=requester,
        purpose=_word(payload.purpose, "purpose"),
        subject_id=_word(payload.subject_id, "subject_id"),
    )


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


def _changed(field: str, before: str | None, after: str | None) -> list[FieldChange]:
    """Nothing where nothing changed."""
    return [] if before == after else [field_change(field, before, after)]
