"""The vault's statements, as functions."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from msgspec import Struct

from credential_vault.domain.connections import Face, Kind
from credential_vault.domain.credentials import GrantRequest, Integration, Provider, Slot, State
from database import Row, Tx

# What a requester may be given. The token that renews is not among it, and is not even read.
_GRANTED = ("access_key", "secret", "access_token")


class Turn(Struct, frozen=True):
    """The version that a change was given, and what was there before."""

    slot: Slot
    before: State
    face_before: Face


@dataclass(frozen=True, slots=True)
class Content:
    """A credential as it goes into its row, encrypted. `expires_in`, `renew_in`, `check_in` are seconds; the first two None for no end.

    `provider_user` is the provider's own id of who connected, empty where it gives none.
    """

    face: Face
    fields: Mapping[str, bytes] = field(repr=False)
    check_in: float = 0.0
    expires_in: float | None = None
    renew_in: float | None = None
    provider_user: str = ""


class Standing(Struct, frozen=True):
    """What may be said of a credential, with its version."""

    version: int
    state: State
    face: Face


@dataclass(frozen=True, slots=True)
class Stored:
    """A credential as it lies in its row: the ciphertexts of a pair, or that of an access token.

    `expires_at` is the token's end, `seconds_left` what the database's clock leaves of it; None for a pair, and for a token without an end.
    `age_seconds` since this version was connected.
    """

    provider: Provider
    credential_id: uuid.UUID
    version: int
    state: State
    base_url: str
    fields: Mapping[str, bytes] = field(repr=False)
    expires_at: datetime | None = None
    seconds_left: float | None = None
    renewable: bool = False
    provider_user: str = ""
    age_seconds: float = 0.0

    def slot(self, tx: Tx, field: str) -> Slot:
        """Where the ciphertext of `field` belongs."""
        return Slot(tx.workspace_id, self.provider, self.credential_id, self.version, field)


async def next_version(tx: Tx, provider: Provider, credential_id: uuid.UUID) -> Turn:
    """Lock the credential and count its version up."""
    row = await tx.fetch_one("credential_next_version", provider=provider.value, credential_id=credential_id)
    assert row is not None, "an upsert returns its row"  # noqa: S101
    slot = Slot(tx.workspace_id, provider, row["credential_id"], row["version"], "")
    return Turn(slot, State(row["state"]), _face(row))


async def connect(tx: Tx, slot: Slot, content: Content, user_id: str) -> None:
    """Store the ciphertexts of the version that `next_version` gave."""
    await tx.execute(
        "credential_connect",
        provider=slot.provider.value,
        version=slot.version,
        kind=content.face.kind.value,
        base_url=content.face.base_url,
        account=content.face.account,
        account_id=content.face.account_id,
        scopes=list(content.face.scopes),
        **{name: content.fields.get(name) for name in ("access_key", "secret", "access_token", "refresh_token")},
        expires_in=content.expires_in,
        renew_in=content.renew_in,
        check_in=content.check_in,
        provider_user=content.provider_user,
        connected_by=user_id,
    )


async def standing(tx: Tx, provider: Provider) -> Standing | None:
    """How a provider's credential stands; None where there never was one."""
    row = await tx.fetch_one("credential_standing", provider=provider.value)
    return Standing(row["version"], State(row["state"]), _face(row)) if row else None


async def disconnect(tx: Tx, provider: Provider) -> tuple[int, State] | None:
    """Forget a connected credential: its new version, and the state it had; None when none was connected."""
    row = await tx.fetch_one("credential_disconnect", provider=provider.value)
    return (row["version"], State(row["before"])) if row else None


async def credential(tx: Tx, provider: Provider) -> Stored | None:
    """The connected credential of `provider`, encrypted; None when there is none."""
    row = await tx.fetch_one("credential", provider=provider.value)
    if row is None:
        return None
    fields = {name: bytes(row[name]) for name in _GRANTED if row[name] is not None}
    if not fields:
        return None
    return Stored(
        provider=provider,
        credential_id=row["credential_id"],
        version=row["version"],
        state=State(row["state"]),
        base_url=row["base_url"],
        fields=fields,
        expires_at=row["expires_at"],
        seconds_left=row["seconds_left"],
        renewable=row["renewable"],
        provider_user=row["provider_user"],
        age_seconds=row["age_seconds"] or 0.0,
    )


async def integrations(tx: Tx) -> list[Integration]:
    """All integrations the workspace has had, with their last use."""
    return [
        Integration(
            **{
                **dict(row),
                "provider": Provider(row["provider"]),
                "state": State(row["state"]),
                "scopes": tuple(row["scopes"]),
            }
        )
        for row in await tx.fetch("integrations")
    ]


async def journal(tx: Tx, request: GrantRequest, version: int) -> bool:
    """Record that `request` is about to be granted; False when a grant of that id was recorded before."""
    added = await tx.execute(
        "journal_add",
        grant_id=request.grant_id,
        provider=request.provider.value,
        credential_version=version,
        requester=request.requester,
        purpose=request.purpose,
        subject_id=request.subject_id,
    )
    return added == 1


async def granted_version(tx: Tx, grant_id: uuid.UUID, provider: Provider, requester: str) -> int | None:
    """The version that was granted; None for a grant that `requester` was not made of this provider's credential."""
    row = await tx.fetch_one("journal_version", grant_id=grant_id, provider=provider.value, requester=requester)
    return row["credential_version"] if row else None


def _face(row: Row) -> Face:
    return Face(Kind(row["kind"]), row["base_url"], row["account"], tuple(row["scopes"]), row["account_id"])
