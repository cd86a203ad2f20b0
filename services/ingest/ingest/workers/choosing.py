"""Which calls a run fetches: listed page by page, and chosen once the list has been read to its end.

Every page is written down before the one after it, with what is needed to go on: a grant that expires, a worker that dies or an answer that
cannot be read costs no page that was read. A list is read anew where it began too long ago, where Gong does not know its own cursor any
more or leads nowhere, and where the same page has failed again and again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing

from msgspec import Struct
from msgspec.structs import replace

from core.faultpoints import reach
from core.log import logger
from database import Database
from ingest.domain.choice import Choice
from ingest.domain.deals import DealSource
from ingest.domain.jobs import Claim, Job, Progress
from ingest.domain.pages import RunPage, run_page
from ingest.gong.client import GongClient
from ingest.gong.paging import ListBroken
from ingest.store import call_tombstones, run_calls, run_pages, work
from ingest.workers.listing import Tally, ahead

log = logger("ingest.fetch")

# Attempts at one page of a list before the list is read anew: Gong may have forgotten it, and say so in its own way.
_MOST_ATTEMPTS = 3


class RunChoice(Struct, frozen=True):
    """Chooses the calls of runs."""

    db: Database

    async def choose(self, job: Job, gong: GongClient, deals: DealSource) -> None:
        """List, and write down which calls the run fetches. Raises LeaseLost, and what the client raises."""
        known = await self._known(job)
        try:
            await self._choose(job, gong, deals, known)
        except _CannotGoOn:
            log.info("list of calls begun anew", job=str(job.claim.job_id), pages=len(known))
            await self._choose(job, gong, deals, [])

    async def _known(self, job: Job) -> Sequence[RunPage]:
        """The pages that need not be read again."""
        async with self.db.workspace(job.claim.workspace_id) as tx:
            known = await run_pages.read(tx, job.claim) if job.attempts <= _MOST_ATTEMPTS else []
        if not known:
            await self._forget(job.claim)
        return known

    async def _choose(self, job: Job, gong: GongClient, deals: DealSource, known: Sequence[RunPage]) -> None:
        choice, tally = Choice(job.max_calls), Tally()
        for page in known:
            tally.take_page(page, choice)
        await self._read_on(job, gong, deals, known, tally, choice)
        chosen = choice.newest_first()
        reach("fetch.before_plan")
        async with self.db.workspace(job.claim.workspace_id) as tx:
            before = await work.held(tx, job.claim)
            left_out = tally.erased + await run_calls.choose(tx, job.claim, chosen)
            now = replace(
                before,
                matching=tally.matching,
                private=tally.private,
                without_transcript=before.without_transcript + left_out,
                remarks=remarks(before, deals),
            )
            await work.planned(tx, job.claim, now)
            await run_pages.forget(tx, job.claim)
        log.info("calls chosen", job=str(job.claim.job_id), matching=tally.matching, chosen=len(chosen))

    async def _read_on(
        self,
        job: Job,
        gong: GongClient,
        deals: DealSource,
        known: Sequence[RunPage],
        tally: Tally,
        choice: Choice,
    ) -> None:
        """Read the pages behind those that are known. Raises _CannotGoOn where the first of them is not to be had."""
        number = len(known)
        marks = [page.mark for page in known]
        listed = gong.call_pages(job.filter.from_time, job.filter.to_time, marks)
        try:
            async with aclosing(ahead(listed)) as pages:
                async for page in pages:
                    number += 1
                    calls = await deals.complete(page.calls)
                    read = run_page(number, page.mark, calls, job.filter)
                    tally.take_page(await self._write_down(job.claim, deals, read), choice)
        except ListBroken as broken:
            await self._forget(job.claim)
            if known and number == len(known):
                raise _CannotGoOn from broken
            raise

    async def _write_down(self, claim: Claim, deals: DealSource, read: RunPage) -> RunPage:
        """What is written down of a page: calls that are erased are counted only."""
        async with self.db.workspace(claim.workspace_id) as tx:
            before = await work.held(tx, claim)
            page = read.without(await call_tombstones.among(tx, read.call_ids))
            await run_pages.add(tx, claim, page)
            await work.page_read(tx, claim, page.number, remarks(before, deals))
            reach("list.before_commit")
        reach("list.after_commit")
        return page

    async def _forget(self, claim: Claim) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await work.held(tx, claim)
            await run_pages.forget(tx, claim)


class _CannotGoOn(Exception):
    """The list that was begun cannot be gone on with; nothing has been read of it now."""


def remarks(before: Progress, deals: DealSource) -> tuple[str, ...]:
    """What the run is to be told, each sentence once; written with the rest, for another worker may end the run."""
    return tuple(dict.fromkeys([*before.remarks, *deals.remarks()]))
