"""Clerk's webhooks: workspaces and members as they are now, told to all services and audited, in one transaction."""

from __future__ import annotations

from dataclasses import dataclass

from google.protobuf.message import Message

from contracts import Actor, ActorKind, Source
from database import Tx
from ingest import events
from ingest.domain.members import (
    MemberChange,
    Membership,
    Organisation,
    Workspace,
    change_of,
    is_news,
    member_diff,
    workspace_diff,
)
from ingest.store import webhooks, workspaces
from ingest.webhooks.clerk import Told
from messaging import Outbox

# Clerk does not say who did it.
CLERK = Actor(kind=ActorKind.SYSTEM, id="clerk", source=Source.WEBHOOK)


@dataclass(frozen=True, slots=True)
class ClerkHandlers:
    """Takes what `webhooks.clerk.read_webhook` gives."""

    outbox: Outbox

    async def hear(self, tx: Tx, told: Told) -> bool:
        """Make `told` true here and tell the others what it changes; False if it was heard before. What is old changes nothing.

        The workspace's row is the lock: of two webhooks about one workspace the second waits for the first.
        """
        if not await webhooks.note(tx, "clerk", told.message_id, told.type):
            return False
        workspace = await self._hear_organisation(tx, told.organisation)
        if told.membership is not None:
            await self._hear_membership(tx, workspace, told.membership)
        return True

    async def _hear_organisation(self, tx: Tx, told: Organisation) -> Workspace:
        """A membership may come before its organisation, so each webhook may be the first to tell of a workspace."""
        created = await workspaces.add_workspace(tx, told)
        known = await workspaces.lock_workspace(tx)
        if created:
            await self._tell(tx, events.workspace_created(known), known.workspace_id, known.sequence)
        elif told.updated_at > known.updated_at:
            await self._update_workspace(tx, known, told)
        return known

    async def _update_workspace(self, tx: Tx, known: Workspace, told: Organisation) -> None:
        diff = workspace_diff(known, told)
        sequence = known.sequence + bool(diff)
        await workspaces.save_workspace(tx, told, sequence)
        if diff:
            updated = events.workspace_updated(told.name, told.slug, known.timezone)
            await self._tell(tx, updated, known.workspace_id, sequence)
            action = events.workspace_action(known.workspace_id, diff)
            await self._tell(tx, action, known.workspace_id, sequence)

    async def _hear_membership(self, tx: Tx, workspace: Workspace, told: Membership) -> None:
        stored = await workspaces.read_member(tx, told.user_id)
        known = stored.membership if stored else None
        if not is_news(known, told):
            return
        change = change_of(known, told)
        sequence = (stored.sequence if stored else 0) + (change is not MemberChange.NOTHING)
        await workspaces.save_member(tx, told, sequence)
        if change is MemberChange.NOTHING:
            return
        member = f"{workspace.workspace_id}:{told.user_id}"
        await self._tell(tx, events.member_changed(change, known, told), member, sequence)
        action = events.member_action(change, told.user_id, member_diff(known, told, change))
        await self._tell(tx, action, told.user_id, sequence)

    async def _tell(self, tx: Tx, payload: Message, aggregate_id: str, sequence: int) -> None:
        await self.outbox.add(tx, payload, aggregate_id=aggregate_id, sequence=sequence, actor=CLERK)
