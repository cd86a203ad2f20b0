"""Taking a report away as a file: asked for, noted and audited in one transaction, made by a worker, handed out for some minutes."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable

from msgspec import Struct

from analysis import events
from analysis.domain.export import Export, ExportState
from analysis.domain.request import ReportId
from analysis.exporting.formats import CONTENT_VERSION, Format
from analysis.exporting.links import Handout, Links
from analysis.store import exports
from cloud.objects import ObjectStore
from contracts import Actor
from core.clock import Clock
from core.errors import InvalidInput, NotFound
from core.ids import UserId, WorkspaceId
from database import Database
from messaging import Outbox

_LOOK_SECONDS = 0.1

_NO_REPORT = "there is no such report in this workspace"
_NO_EXPORT = "there is no such export in this workspace"


class Exports(Struct, frozen=True):
    """Every method works in the given workspace, for one person, and raises NotFound for what is not theirs or no longer shown.

    `wake` tells the workers that there is a file to be made. `patience` is how many seconds a browser that asks for one is kept waiting,
    before it is shown a page that waits instead.
    """

    db: Database
    outbox: Outbox
    objects: ObjectStore
    links: Links
    clock: Clock
    wake: Callable[[], None]
    patience: float

    async def ask(
        self,
        workspace_id: WorkspaceId,
        report_id: ReportId,
        format_name: str,
        actor: Actor,
        request_id: uuid.UUID | None = None,
    ) -> int:
        """Have a report exported; the export's number, the same for the same request. Raises InvalidInput for an unknown format."""
        kind = format_of(format_name)
        async with self.db.workspace(workspace_id) as tx:
            if not await exports.is_shown(tx, report_id):
                raise NotFound(_NO_REPORT)
            await exports.ask_file(tx, report_id, kind, CONTENT_VERSION)
            asked = exports.Asked(report_id, kind, actor.id, request_id, CONTENT_VERSION)
            number, is_new = await exports.insert_export(tx, asked)
            if is_new:
                action = events.report_exported(report_id, kind)
                await self.outbox.add(tx, action, aggregate_id=str(report_id), sequence=number, actor=actor)
            tx.on_commit(self.wake)
        return number

    async def export(self, workspace_id: WorkspaceId, report_id: ReportId, number: int, person: UserId) -> Export:
        """One export of `person`."""
        async with self.db.workspace(workspace_id) as tx:
            found = await exports.export(tx, report_id, number, person)
        if found is None:
            raise NotFound(_NO_EXPORT)
        return found

    async def settled(self, workspace_id: WorkspaceId, report_id: ReportId, number: int, person: UserId) -> Export:
        """The same, once its file is there or cannot be made; as it is when patience ends."""
        until = self.clock.monotonic() + self.patience
        found = await self.export(workspace_id, report_id, number, person)
        while found.state is ExportState.MAKING and self.clock.monotonic() < until:
            await self.clock.sleep(_LOOK_SECONDS)
            found = await self.export(workspace_id, report_id, number, person)
        return found

    async def exports(self, workspace_id: WorkspaceId, report_id: ReportId, person: UserId) -> list[Export]:
        """The latest exports of `person`, newest first."""
        async with self.db.workspace(workspace_id) as tx:
            if not await exports.is_shown(tx, report_id):
                raise NotFound(_NO_REPORT)
            return await exports.exports(tx, report_id, person)

    def address(self, workspace_id: WorkspaceId, report_id: ReportId, export: Export, person: UserId) -> str | None:
        """The path to the file; None while there is nothing to be handed out, or no longer."""
        if export.state is not ExportState.READY:
            return None
        return self.links.address(Handout(workspace_id, person, str(report_id), export.number), export.ends_at)

    async def hand_out(
        self, workspace_id: WorkspaceId, report_id: ReportId, number: int, person: UserId, ends: str, signature: str
    ) -> tuple[Export, AsyncIterator[bytes]]:
        """A file by its link: what it is, and its content piece by piece. Raises NotFound, Permanent, Transient before the first piece."""
        found = await self.export(workspace_id, report_id, number, person)
        self.links.check(Handout(workspace_id, person, str(report_id), number), ends, signature, found.read_at)
        if found.file is None or found.state is not ExportState.READY:
            raise NotFound(_NO_EXPORT)
        pieces = self.objects.workspace(workspace_id).stream(found.file.object_name, found.file.sha256)
        # The first piece is waited for here: what cannot be read is told as an error then, not as a file that breaks off.
        first = await anext(pieces, b"")
        return found, _whole(first, pieces)


def format_of(name: str) -> Format:
    """The format called `name`. Raises InvalidInput."""
    try:
        return Format(name)
    except ValueError as error:
        raise InvalidInput(f"reports are exported as {', '.join(Format)}") from error


async def _whole(first: bytes, others: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in others:
        yield piece
