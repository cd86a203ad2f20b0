"""Use cases of a request to erase one report. Which reports there are, analysis knows: it is asked at once, and tells if there is none."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from contracts import Actor
from core.errors import Conflict, InvalidInput, NotFound
from database import Tx
from retention.domain.erasures import OF_REPORTS, Erasure, State, check_report
from retention.handlers.requests import Asker, Requesting
from retention.store import erasures as workspaces
from retention.store import report_erasures as store
from retention.store.requests import Requests


class ReportErasing(Requesting, frozen=True):
    """The use cases."""

    requests: ClassVar[Requests] = store
    told: ClassVar[Sequence[str]] = OF_REPORTS

    async def ask(self, tx: Tx, asker: Asker, report_id: uuid.UUID, typed: str) -> Erasure:
        """Note a request of an admin who has typed the end of the report's id. One that was made before stays as it is, and is given back.

        Raises InvalidInput for something else, Conflict where the report is erased already, or its workspace is being erased.
        """
        if (existing := await self._existing(tx, report_id)) is not None:
            return existing
        check_report(typed, report_id)
        return await self._note(tx, asker, self.clock.now(), report_id)

    async def open(self, tx: Tx, asker: Asker, received_at: datetime, report_id: uuid.UUID) -> Erasure:
        """Note a request that reached us by mail at `received_at`. Raises InvalidInput, NotFound for no workspace of ours, Conflict."""
        self.check_received(received_at)
        if (existing := await self._existing(tx, report_id)) is not None:
            return existing
        return await self._note(tx, asker, received_at, report_id)

    async def take_back(self, tx: Tx, actor: Actor, report_id: uuid.UUID) -> Erasure:
        """Take the request for a report back. Once more is fine. Raises NotFound where there is none, Conflict where it is too late."""
        known = await store.latest(tx, report_id)
        if known is None or known.state in {State.NOT_FOUND, State.WITH_WORKSPACE}:
            raise NotFound("Nobody has asked for this report to be erased, or there is no such report.")
        return await self.withdraw(tx, known, actor)

    async def unknown(self, tx: Tx, erasure_id: uuid.UUID, service: str) -> None:
        """There is no report that the request could be about. Raises InvalidInput where nobody asked, or for another service's word."""
        if service not in OF_REPORTS or await self.requests.lock(tx, erasure_id) is None:
            raise InvalidInput("There is no such request in this workspace, or it is another service's word.")
        await store.not_found(tx, erasure_id)

    async def replay(self, tx: Tx, entered: Erasure) -> bool:
        """Carry out again what the ledger names, where a database was restored. Whether retention's own database did not know of it.

        Again is fine: who has erased a report looks for what is left. Raises Gone where the whole workspace is erased.
        """
        forgotten = await self.requests.restore(tx, entered)
        if forgotten:
            await self.requests.begin_parts(tx, entered.id)
        await self.tell.requested(tx, entered)
        return forgotten

    async def _existing(self, tx: Tx, report_id: uuid.UUID) -> Erasure | None:
        """The request for the report. Raises Conflict where it is completed, or the workspace is being erased."""
        whole = await workspaces.latest(tx)
        if whole is not None and whole.started_at is not None:
            raise Conflict("This workspace is being erased, and each of its reports with it.")
        known = await store.latest(tx, report_id)
        if known is None or not known.holds:
            return None
        if known.state is State.COMPLETED and known.completed_at is not None:
            raise Conflict(f"This report was erased on {known.completed_at:%-d %B %Y}. There is nothing left to erase.")
        return known

    async def _note(self, tx: Tx, asker: Asker, asked_at: datetime, report_id: uuid.UUID) -> Erasure:
        known = await workspaces.about(tx)
        if not known.name:
            raise NotFound("There is no such workspace here yet. Look at the id again, or try again in a moment.")
        noted = await self.note(tx, asker, asked_at, known.timezone, report_id)
        # Somebody else asked at this moment.
        other = noted or await self._existing(tx, report_id)
        if other is None:
            raise Conflict("The request was taken back at this moment. Ask again if it is to be made.")
        return other
