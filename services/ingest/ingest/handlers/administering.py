"""What admins change: members and the workspace's name at Clerk, the settings here.

A change at Clerk has three steps: an intent with its author is committed; Clerk is called, outside any transaction; Clerk's answer is made
true here, and the intent goes, in one transaction. When the process dies in between, Clerk's webhook finds the author in the intent.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import TypeVar

from msgspec import Struct
from msgspec.structs import replace

from contracts import Actor
from core.errors import Conflict, NotFound
from core.faultpoints import reach
from core.ids import UserId, WorkspaceId, uuid7
from database import Database, Tx
from ingest import events
from ingest.clerk_backend import ClerkBackend, ClerkBusy, ClerkRefused
from ingest.domain.intents import Intent, IntentKind, Wish
from ingest.domain.invitations import Invitation, InvitationState
from ingest.domain.members import Membership, Organisation, Role, Workspace, settings_diff
from ingest.domain.preferences import Chosen
from ingest.handlers.changes import Authors, Changes
from ingest.store import members, workspaces
from messaging import Outbox

T = TypeVar("T")

Call = Callable[[], Awaitable[T]]
Guard = Callable[[Tx], Awaitable[None]]
Apply = Callable[[Changes, Tx, Workspace, T], Awaitable[None]]


class Admin(Struct, frozen=True):
    """Who changes something, and where; made of a session that was checked."""

    workspace_id: WorkspaceId
    user_id: UserId
    actor: Actor


class Elsewhere(Conflict):
    """Somebody else has changed the same thing since the page was opened."""

    title = "Somebody else changed this in the meantime"


class Administering(Struct, frozen=True):
    """The use cases. Those that call Clerk raise its errors (see `clerk_backend`)."""

    db: Database
    outbox: Outbox
    clerk: ClerkBackend

    async def rename(self, admin: Admin, name: str, seen: str) -> None:
        """Call the workspace `name`. Raises Elsewhere when it is not called `seen` any more."""
        if name == seen:
            return

        async def guard(tx: Tx) -> None:
            if (await workspaces.lock_workspace(tx)).name != seen:
                raise Elsewhere("The name is another one by now. Look at it, and change it again if you still want to.")

        async def apply(changes: Changes, tx: Tx, _: Workspace, told: Organisation) -> None:
            await changes.organisation(tx, told)

        wish = Wish(IntentKind.RENAME, wanted=name)
        await self._change(admin, wish, guard, partial(self.clerk.rename, admin.workspace_id, name), apply)

    async def choose(self, admin: Admin, timezone: str, version: int, preferences: Mapping[str, bool]) -> None:
        """Save the settings that were changed from version `version`; a preference that is not among `preferences` stays as it is.

        Raises Elsewhere when they are at another version.
        """
        async with self.db.workspace(admin.workspace_id) as tx:
            known = await _known(tx)
            if known.version != version:
                raise Elsewhere(
                    "The settings have been changed by somebody else since you opened them. Nothing was saved."
                )
            chosen = Chosen(timezone, replace(known.settings.preferences, **preferences))
            diff = settings_diff(known.settings, chosen)
            if not diff:
                return
            sequence = known.sequence + 1
            await members.save_settings(tx, chosen, version, sequence)
            updated = events.workspace_updated(known.name, known.slug, chosen)
            for payload in (updated, events.workspace_action(known.workspace_id, diff)):
                await self.outbox.add(
                    tx, payload, aggregate_id=known.workspace_id, sequence=sequence, actor=admin.actor
                )

    async def invite(self, admin: Admin, email: str, role: Role) -> None:
        """Invite `email`, as the admin."""

        async def guard(tx: Tx) -> None:
            await _known(tx)

        async def apply(changes: Changes, tx: Tx, _: Workspace, told: Invitation) -> None:
            await changes.invitation(tx, told)

        call = partial(self.clerk.invite, admin.workspace_id, email, role, admin.user_id)
        await self._change(admin, Wish(IntentKind.INVITE, email.lower(), role), guard, call, apply)

    async def revoke(self, admin: Admin, invitation_id: str) -> None:
        """Make an invitation worthless. Raises NotFound, and Conflict for one that is over."""

        async def guard(tx: Tx) -> None:
            stored = await members.read_invitation(tx, invitation_id)
            if stored is None:
                raise NotFound("There is no such invitation.")
            if stored.invitation.state is not InvitationState.PENDING:
                raise Conflict("This invitation has been accepted or revoked already.")

        async def apply(changes: Changes, tx: Tx, _: Workspace, told: Invitation) -> None:
            await changes.invitation(tx, told)

        call = partial(self.clerk.revoke, admin.workspace_id, invitation_id, admin.user_id)
        await self._change(admin, Wish(IntentKind.REVOKE, invitation_id), guard, call, apply)

    async def change_role(self, admin: Admin, user_id: UserId, role: Role) -> None:
        """Make a member an admin, or an admin a member. Raises NotFound, and Conflict for the last admin."""

        async def guard(tx: Tx) -> None:
            known = await _member(tx, user_id)
            if known.role is role:
                raise Conflict("This person has that role already.")
            if role is Role.MEMBER:
                await _keep_an_admin(tx, user_id)

        call = partial(self.clerk.change_role, admin.workspace_id, user_id, role)
        await self._change(admin, Wish(IntentKind.CHANGE_ROLE, user_id, role), guard, call, _membership)

    async def remove(self, admin: Admin, user_id: UserId, *, confirmed: bool) -> None:
        """Remove a member. Raises NotFound, and Conflict for the last admin, and for oneself unless that is `confirmed`."""

        async def guard(tx: Tx) -> None:
            known = await _member(tx, user_id)
            if known.role is Role.ADMIN:
                await _keep_an_admin(tx, user_id)
            if user_id == admin.user_id and not confirmed:
                raise Conflict(
                    "This would remove yourself: you could no longer open this workspace. Confirm it to go on."
                )

        call = partial(self.clerk.remove, admin.workspace_id, user_id)
        await self._change(admin, Wish(IntentKind.REMOVE, user_id), guard, call, _membership)

    async def _change(self, admin: Admin, wish: Wish, guard: Guard, call: Call[T], apply: Apply[T]) -> None:
        """Intent, call, effect. The workspace's row is the lock of the first and the last."""
        intent = Intent(uuid7(), wish)
        try:
            async with self.db.workspace(admin.workspace_id) as tx:
                await _known(tx)
                await guard(tx)
                await members.add_intent(tx, intent, admin.actor)
            reach("members.intent_written")
            told = await call()
        except (ClerkRefused, ClerkBusy):
            async with self.db.workspace(admin.workspace_id) as tx:
                await members.forget_intent(tx, intent)
            raise
        reach("members.clerk_answered")
        async with self.db.workspace(admin.workspace_id) as tx:
            workspace = await _known(tx)
            await apply(Changes(self.outbox, _author(admin.actor)), tx, workspace, told)
            await members.forget_intent(tx, intent)
            reach("members.before_commit")


def _author(actor: Actor) -> Authors:
    async def find(_tx: Tx, _wish: Wish) -> Actor:
        return actor

    return find


async def _membership(changes: Changes, tx: Tx, workspace: Workspace, told: Membership) -> None:
    await changes.membership(tx, workspace, told)


async def _known(tx: Tx) -> Workspace:
    """The workspace, locked. Raises NotFound where Clerk has not told of it yet."""
    found = await workspaces.known(tx)
    if found is None:
        raise NotFound("Your workspace is still being set up. Try again in a moment.")
    return found


async def _member(tx: Tx, user_id: UserId) -> Membership:
    stored = await workspaces.read_member(tx, user_id)
    if stored is None or stored.membership.removed:
        raise NotFound("There is no such member.")
    return stored.membership


async def _keep_an_admin(tx: Tx, user_id: UserId) -> None:
    """Somebody else is an admin and stays one, also when two admins remove each other at once."""
    if not set(await members.admins_staying(tx)) - {user_id}:
        raise Conflict(
            "A workspace needs an admin, and this person is the last one. Make somebody else an admin first."
        )
