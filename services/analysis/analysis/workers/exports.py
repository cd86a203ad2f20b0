"""Making the files of exports. An object's name holds its SHA-256: whoever makes a file twice writes the same object, or another one."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from msgspec import Struct, field

import core.log
from analysis.domain.export import MOST_ATTEMPTS, StoredFile
from analysis.exporting.formats import CONTENT_VERSION, Format
from analysis.exporting.press import Press
from analysis.store import exports, report_erasure, reports
from analysis.store.exports import ExportClaim
from analysis.workers.backoff import Backoff
from analysis.workers.pool import PoolSettings, WorkPool
from cloud.objects import ObjectStore
from core.errors import Permanent, Transient
from core.faultpoints import reach
from database import Database

log = core.log.logger("analysis.exports")


class ExportWork(Struct, frozen=True):
    """The work of making one file."""

    db: Database
    objects: ObjectStore
    press: Press
    backoff: Backoff = field(default_factory=Backoff)

    async def claim(self, limit: int, seconds: float) -> Sequence[ExportClaim]:
        """Files that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            return await exports.claim(tx, limit, seconds, CONTENT_VERSION)

    async def renew(self, claim: ExportClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await exports.renew(tx, claim, seconds)

    async def do(self, claim: ExportClaim) -> None:
        """Make one file. No transaction is open while it is made or stored."""
        async with self.db.workspace(claim.workspace_id) as tx:
            report = await reports.report(tx, claim.report_id)
        if report is None:
            # Hidden by the plan since it was asked for, and its file with it: there is no row that could be written.
            log.info("a report is exported no longer", report=str(claim.report_id))
            return
        try:
            content = await self.press.make(report.published(), Format(claim.format))
            file = await self._kept(claim, content)
        except Transient as error:
            await self._put_back(claim, error)
        except Permanent as error:
            log.error("a report cannot be exported", report=str(claim.report_id), format=claim.format, error=error)
            await self._end(claim, None)
        else:
            reach("analysis.export.kept")
            if not await self._end(claim, file):
                await self._take_away(claim, file)

    async def _kept(self, claim: ExportClaim, content: bytes) -> StoredFile:
        digest = hashlib.sha256(content).hexdigest()
        name = f"exports/{claim.report_id}/{claim.version}-{digest[:32]}.{claim.format}"
        stored = await self.objects.workspace(claim.workspace_id).put(name, content)
        return StoredFile(stored.name, stored.sha256, stored.size)

    async def _put_back(self, claim: ExportClaim, error: Transient) -> None:
        log.warning("a report is exported later", report=str(claim.report_id), cause=type(error).__name__)
        async with self.db.workspace(claim.workspace_id) as tx:
            if claim.attempts >= MOST_ATTEMPTS:
                await exports.finish(tx, claim, None)
            else:
                await exports.put_back(tx, claim, self.backoff.wait(claim.attempts, error.retry_after))

    async def _end(self, claim: ExportClaim, file: StoredFile | None) -> bool:
        async with self.db.workspace(claim.workspace_id) as tx:
            ended = await exports.finish(tx, claim, file)
            reach("analysis.export.before_commit")
        return ended

    async def _take_away(self, claim: ExportClaim, file: StoredFile) -> None:
        """Remove the file of a report that was erased while it was made. Any other claim that was lost is somebody else's by now, with the
        same file under the same name."""
        async with self.db.workspace(claim.workspace_id) as tx:
            erased = await report_erasure.read(tx, claim.report_id) is not None
        if erased:
            await self.objects.workspace(claim.workspace_id).delete(file.object_name)


class Printers:
    """The workers that make files: few, since each has a process of its own."""

    def __init__(self, work: ExportWork, settings: PoolSettings) -> None:
        self._pool: WorkPool[ExportClaim] = WorkPool("export", work, settings)

    def wake(self) -> None:
        """There may be a file to be made: look now rather than at the next poll."""
        self._pool.wake()

    async def run(self) -> None:
        """Work until cancelled."""
        await self._pool.run()

    async def drain(self) -> int:
        """Make all files that can be claimed now; how many claims that took."""
        return await self._pool.drain()
