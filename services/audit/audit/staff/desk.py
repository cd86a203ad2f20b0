"""Use cases of staff access: ask, approve, end, look at it, record what was read."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from msgspec import Struct

from audit.staff import store
from audit.staff.access import Access, AccessPage, State, Statement, Terms
from contracts import Actor, ActorKind, Source
from contracts.staff import Granted, ended, granted
from core.errors import Conflict, Forbidden, InvalidInput, NotFound
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from messaging import Outbox

_HIGHEST = uuid.UUID(int=(1 << 128) - 1)

# Of the two messages that there may be about a grant.
_APPROVED, _ENDED = 1, 2


class Desk(Struct, frozen=True):
    """Grants of access by our own staff, one workspace at a time."""

    db: Database
    outbox: Outbox

    async def ask(self, workspace_id: WorkspaceId, terms: Terms) -> uuid.UUID:
        """Note what is asked for; the grant's id. It opens nothing."""
        grant_id = uuid7()
        async with self.db.workspace(workspace_id) as tx:
            await store.ask(tx, grant_id, terms)
        return grant_id

    async def approve(self, workspace_id: WorkspaceId, grant_id: uuid.UUID, approver: str) -> Access:
        """Let the grant open what it was asked for, and nothing else: its terms cannot be changed. Time counts from now.

        Raises NotFound, Forbidden for the person who asked, and Conflict where it was decided before or asked for too long ago.
        """
        async with self.db.workspace(workspace_id) as tx:
            access = await _found(tx, grant_id)
            if access.terms.staff == approver:
                raise Forbidden("a second person has to approve this: you asked for it yourself")
            if not await store.approve(tx, grant_id, approver):
                raise Conflict(
                    f"this grant is {access.state.value}: only one that was asked for within the hour is approved"
                )
            approved = await _found(tx, grant_id)
            told = granted(_granted(approved))
            actor = Actor(ActorKind.STAFF, approver, approver)
            await self.outbox.add(tx, told, aggregate_id=str(grant_id), sequence=_APPROVED, actor=actor)
            reach("staff.before_approved")
        return approved

    async def end(self, workspace_id: WorkspaceId, grant_id: uuid.UUID, ended_by: str, *, by_staff: bool) -> Access:
        """End the grant for good; one that is over already stays as it is. Raises NotFound."""
        async with self.db.workspace(workspace_id) as tx:
            access = await _found(tx, grant_id)
            if access.state not in {State.ASKED, State.OPEN}:
                return access
            if await store.end(tx, grant_id, ended_by, by_staff=by_staff):
                kind, source = (ActorKind.STAFF, Source.SYSTEM) if by_staff else (ActorKind.USER, Source.WEB)
                actor = Actor(kind, ended_by, ended_by if by_staff else "", source)
                await self.outbox.add(tx, ended(grant_id), aggregate_id=str(grant_id), sequence=_ENDED, actor=actor)
            return await _found(tx, grant_id)

    async def page(self, workspace_id: WorkspaceId, before: uuid.UUID | None, size: int) -> AccessPage:
        """Grants, newest first, with what was read under each."""
        async with self.db.workspace(workspace_id) as tx:
            found = await store.page(tx, before or _HIGHEST, size + 1)
            counts = await store.counts(tx, [access.id for access in found[:size]])
        return AccessPage(found[:size], counts, found[size - 1].id if len(found) > size else None)

    async def one(
        self, workspace_id: WorkspaceId, grant_id: uuid.UUID, before: uuid.UUID | None, size: int
    ) -> tuple[Access, Sequence[Statement], uuid.UUID | None]:
        """A grant, statements under it, newest first, and the id to go on before; None on the last page. Raises NotFound."""
        async with self.db.workspace(workspace_id) as tx:
            access = await _found(tx, grant_id)
            found = await store.statements(tx, grant_id, before or _HIGHEST, size + 1)
        return access, found[:size], found[size - 1].id if len(found) > size else None


async def record(tx: Tx, told: Sequence[store.ToldRead]) -> None:
    """Add what services told of statements. Raises InvalidInput, so that an operator looks at it, for a grant that was never asked for."""
    grants = {one.read.grant_id for one in told}
    if grants - await store.known(tx, grants):
        raise InvalidInput("something was read under a grant of staff access that this log does not know")
    await store.add_reads(tx, told)


async def _found(tx: Tx, grant_id: uuid.UUID) -> Access:
    access = await store.find(tx, grant_id)
    if access is None:
        raise NotFound("there is no such grant of staff access in this workspace")
    return access


def _granted(access: Access) -> Granted:
    if access.approved is None or access.expires_at is None:
        raise NotFound("the approval of this grant is gone")
    return Granted(
        grant_id=access.id,
        service=access.terms.service,
        staff=access.terms.staff,
        approver=access.approved.by,
        reason=access.terms.reason,
        ticket=access.terms.ticket,
        granted_at=access.approved.at,
        expires_at=access.expires_at,
    )
