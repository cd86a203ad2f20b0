"""Use cases of reading: a page, what is new, everything as a stream."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from zoneinfo import ZoneInfo

from msgspec import Struct

from audit.domain.entry import Entry
from audit.domain.reading import Filters, Mark, Page, Position
from audit.store import reading, search
from core.ids import WorkspaceId
from database import Database

# Of an export: its memory, and how long one of its transactions lasts (some milliseconds).
EXPORTED_AT_ONCE = 500


class Shown(Struct, frozen=True):
    """What a page shows. `mark` is None but on the first page; `actors` are id and name of people to choose from."""

    page: Page
    zone: ZoneInfo
    mark: Mark | None
    names: Mapping[tuple[str, str], str]
    actors: Sequence[tuple[str, str]]


class Reader(Struct, frozen=True):
    """Reads the log of one workspace at a time."""

    db: Database

    async def shown(self, workspace_id: WorkspaceId, filters: Filters, after: str, size: int) -> Shown:
        """The page after the cursor `after`, with all that stands around it. Raises InvalidInput."""
        place = Position.parse(after)
        async with self.db.workspace(workspace_id) as tx:
            zone = await reading.zone_of(tx)
            wanted = await reading.asked(tx, filters, zone)
            # Before the page: what comes in between is new as well as shown, rather than neither.
            mark = None if after else await reading.mark(tx, wanted)
            page = await reading.page(tx, place, size, wanted)
            names = await search.names_of(tx, page.entries)
            actors = await search.actors(tx)
        return Shown(page, zone, mark, names, actors)

    async def listed(
        self, workspace_id: WorkspaceId, filters: Filters, after: str, size: int
    ) -> tuple[Page, Mark | None, Mapping[tuple[str, str], str]]:
        """The page after the cursor `after`, the mark where it is the first one, and names of targets. Raises InvalidInput."""
        place = Position.parse(after)
        async with self.db.workspace(workspace_id) as tx:
            wanted = await reading.asked(tx, filters, await reading.zone_of(tx))
            mark = None if after else await reading.mark(tx, wanted)
            page = await reading.page(tx, place, size, wanted)
            return page, mark, await search.names_of(tx, page.entries)

    async def news(self, workspace_id: WorkspaceId, filters: Filters, mark: Mark) -> int:
        """How many entries that the filters ask for have come in since; `reading.MOST_COUNTED` stands for that many or more."""
        async with self.db.workspace(workspace_id) as tx:
            wanted = await reading.asked(tx, filters, await reading.zone_of(tx))
            return await reading.new_since(tx, mark, wanted)

    async def everything(self, workspace_id: WorkspaceId, filters: Filters) -> AsyncIterator[Sequence[Entry]]:
        """All entries that the filters ask for and that were in the log at the start, newest first, some at a time.

        Each part is a transaction of its own: entries never change and the order is kept by the place, so that pages of different moments
        are one view once what came in later is left out. No transaction lasts as long as a reader takes.
        """
        async with self.db.workspace(workspace_id) as tx:
            wanted = await reading.asked(tx, filters, await reading.zone_of(tx))
            began = (await reading.mark(tx, wanted)).read_at
            page = await reading.page(tx, Position(), EXPORTED_AT_ONCE, wanted)
        while True:
            yield [entry for entry in page.entries if entry.recorded_at is None or entry.recorded_at <= began]
            if page.next is None:
                return
            async with self.db.workspace(workspace_id) as tx:
                page = await reading.page(tx, page.next, EXPORTED_AT_ONCE, wanted)
