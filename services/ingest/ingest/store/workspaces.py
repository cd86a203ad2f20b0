"""Workspaces, members and integrations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct

from core.ids import UserId, WorkspaceId
from database import Database, Row, Tx
from ingest.domain.members import Membership, Organisation, Role, Workspace
from ingest.domain.preferences import Chosen, Preferences


class StoredMembership(Struct, frozen=True):
    """A membership as it is known, with the sequence of the last message about that member."""

    membership: Membership
    sequence: int


class Integration(Struct, frozen=True):
    """What the vault last said of an integration. `account_id` is the provider's own id of the account, empty where it tells none."""

    provider: str
    state: str
    credential_version: int
    base_url: str
    sequence: int
    account_id: str = ""


class WorkspaceLine(Struct, frozen=True):
    """A workspace in the operators' list: nothing that its people have written."""

    workspace_id: str
    timezone: str
    created_at: datetime


async def add_workspace(tx: Tx, told: Organisation) -> bool:
    """Create the workspace; False when it is known already."""
    added = await tx.execute("workspace_insert", name=told.name, slug=told.slug, source_updated_at=told.updated_at)
    return added == 1


async def lock_workspace(tx: Tx) -> Workspace:
    """The workspace, locked until the transaction ends. Raises LookupError where there is none."""
    row = await tx.fetch_one("workspace_locked")
    if row is None:
        raise LookupError("the workspace is not known here")
    return _workspace(tx.workspace_id, row)


async def read_workspace(tx: Tx) -> Workspace | None:
    """The workspace, or None where Clerk has not told of it yet."""
    row = await tx.fetch_one("workspace_read")
    return _workspace(tx.workspace_id, row) if row else None


async def known(tx: Tx) -> Workspace | None:
    """The workspace, locked until the transaction ends; None where Clerk has not told of it yet."""
    row = await tx.fetch_one("workspace_locked")
    return _workspace(tx.workspace_id, row) if row else None


async def save_workspace(tx: Tx, told: Organisation, sequence: int) -> None:
    """What Clerk says of the workspace now."""
    await tx.execute(
        "workspace_update", name=told.name, slug=told.slug, source_updated_at=told.updated_at, sequence=sequence
    )


async def read_member(tx: Tx, user_id: UserId) -> StoredMembership | None:
    """One membership, removed or not."""
    row = await tx.fetch_one("member_read", user_id=user_id)
    return StoredMembership(_membership(row), row["sequence"]) if row else None


async def save_member(tx: Tx, membership: Membership, sequence: int) -> None:
    """Write one membership as it is now."""
    await tx.execute(
        "member_save",
        user_id=membership.user_id,
        email=membership.email,
        role=membership.role.value,
        removed=membership.removed,
        source_updated_at=membership.updated_at,
        sequence=sequence,
    )


async def save_integration(tx: Tx, integration: Integration) -> None:
    """Note what the vault says, unless something later is known."""
    await tx.execute(
        "integration_save",
        provider=integration.provider,
        state=integration.state,
        credential_version=integration.credential_version,
        base_url=integration.base_url,
        account_id=integration.account_id,
        sequence=integration.sequence,
    )


async def integrations(tx: Tx) -> list[Integration]:
    """The workspace's integrations, by provider."""
    return [Integration(**dict(row)) for row in await tx.fetch("integrations_all")]


async def all_workspaces(db: Database) -> Sequence[WorkspaceLine]:
    """All workspaces, for operators."""
    async with db.sweep() as tx:
        return [WorkspaceLine(**dict(row)) for row in await tx.fetch("workspaces_every")]


def _workspace(workspace_id: WorkspaceId, row: Row) -> Workspace:
    return Workspace(
        workspace_id,
        row["name"],
        row["slug"],
        Chosen(row["timezone"], Preferences(row["mask_personal_data"], row["other_provider_fallback"])),
        row["settings_version"],
        row["source_updated_at"],
        row["sequence"],
        row["created_at"],
    )


def _membership(row: Row) -> Membership:
    return Membership(
        UserId(row["user_id"]),
        row["email"],
        Role(row["role"]),
        row["removed"],
        row["source_updated_at"],
    )
