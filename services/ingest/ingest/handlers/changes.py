"""Workspaces, members and invitations as Clerk says they are: stored, told to all services and audited, in one transaction.

Clerk says so twice, in its answer to our own call and in a webhook, in either order: the later state wins and a repetition changes nothing,
so each change is told once, by whoever comes first. `Authors` finds out who made it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime

from google.protobuf.message import Message
from msgspec import Struct

from contracts import Actor
from database import Tx
from ingest import events
from ingest.domain.intents import IntentKind, Wish
from ingest.domain.invitations import Invitation, InvitationState, invitation_diff, is_later
from ingest.domain.members import (
    MemberChange,
    Membership,
    Organisation,
    Role,
    Workspace,
    change_of,
    is_news,
    member_diff,
    workspace_diff,
)
from ingest.handlers.taking_back import take_back_all
from ingest.store import members, workspaces
from messaging import Outbox
from messaging.erasure.people.store import is_forgotten

Authors = Callable[[Tx, Wish], Awaitable[Actor]]
"""Who made the change that `wish` describes."""


class Changes(Struct, frozen=True):
    """What Clerk says, made true here. The workspace's row is the lock: of two about one workspace the second waits for the first."""

    outbox: Outbox
    author: Authors

    async def organisation(self, tx: Tx, told: Organisation) -> Workspace:
        """A membership may come before its organisation, so each may be the first to tell of a workspace."""
        created = await workspaces.add_workspace(tx, told)
        known = await workspaces.lock_workspace(tx)
        if created:
            actor = await self.author(tx, Wish(IntentKind.RENAME, wanted=told.name))
            await self._tell(tx, events.workspace_created(known), known.workspace_id, known.sequence, actor)
        elif told.updated_at > known.updated_at:
            await self._update(tx, known, told)
        return known

    async def _update(self, tx: Tx, known: Workspace, told: Organisation) -> None:
        diff = workspace_diff(known, told)
        sequence = known.sequence + bool(diff)
        await workspaces.save_workspace(tx, told, sequence)
        if diff:
            actor = await self.author(tx, Wish(IntentKind.RENAME, wanted=told.name))
            updated = events.workspace_updated(told.name, told.slug, known.settings)
            await self._tell(tx, updated, known.workspace_id, sequence, actor)
            action = events.workspace_action(known.workspace_id, diff)
            await self._tell(tx, action, known.workspace_id, sequence, actor)

    async def membership(self, tx: Tx, workspace: Workspace, told: Membership) -> None:
        """Somebody was added or removed, or has another role."""
        stored = await workspaces.read_member(tx, told.user_id)
        known = stored.membership if stored else None
        if not is_news(known, told) or await _is_forgotten(tx, known, told.user_id, told.updated_at):
            return
        change = change_of(known, told)
        sequence = (stored.sequence if stored else 0) + (change is not MemberChange.NOTHING)
        await workspaces.save_member(tx, told, sequence)
        if change is MemberChange.NOTHING:
            return
        actor = await self.author(tx, _wish(change, told))
        member = f"{workspace.workspace_id}:{told.user_id}"
        await self._tell(tx, events.member_changed(change, known, told), member, sequence, actor)
        action = events.member_action(change, told.user_id, member_diff(known, told, change))
        await self._tell(tx, action, told.user_id, sequence, actor)
        if told.removed or told.role is not Role.ADMIN:
            await take_back_all(tx, self.outbox, told.user_id, actor)

    async def invitation(self, tx: Tx, told: Invitation) -> None:
        """Somebody was invited, or an invitation came to its end. The workspace has to be locked."""
        stored = await members.read_invitation(tx, told.invitation_id)
        known = stored.invitation if stored else None
        if not is_later(known, told) or await _is_forgotten(tx, known, told.invitation_id, told.updated_at):
            return
        sequence = (stored.sequence if stored else 0) + 1
        await members.save_invitation(tx, told, sequence)
        diff = invitation_diff(known, told)
        if not diff:
            return
        revoked = told.state is InvitationState.REVOKED
        wish = (
            Wish(IntentKind.REVOKE, told.invitation_id)
            if revoked
            else Wish(IntentKind.INVITE, told.email.lower(), told.role)
        )
        actor = await self.author(tx, wish)
        if told.state is InvitationState.PENDING:
            aggregate = f"{tx.workspace_id}:{told.invitation_id}"
            await self._tell(tx, events.member_invited(told), aggregate, sequence, actor)
        await self._tell(tx, events.invitation_action(told, diff), told.invitation_id, sequence, actor)

    async def _tell(self, tx: Tx, payload: Message, aggregate_id: str, sequence: int, actor: Actor) -> None:
        await self.outbox.add(tx, payload, aggregate_id=aggregate_id, sequence=sequence, actor=actor)


async def _is_forgotten(tx: Tx, known: object | None, told_of: str, updated_at: datetime) -> bool:
    """Whether Clerk tells late of somebody, or of an invitation, that was erased since with a person's data."""
    return known is None and await is_forgotten(tx, told_of, updated_at)


def _wish(change: MemberChange, told: Membership) -> Wish:
    """What somebody here would have asked for; nobody here adds members, they are invited."""
    if change is MemberChange.REMOVED:
        return Wish(IntentKind.REMOVE, told.user_id)
    return Wish(IntentKind.CHANGE_ROLE, told.user_id, told.role)
