"""A log in a real database: writing, sealing, exporting, verifying."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import asyncpg

from audit import handlers
from audit.domain import Change, Entry, EntryType
from audit.log import export
from audit.log.keys import Salts
from audit.log.note import Keyring, Signer
from audit.log.sealing import Sealer, SealerSettings
from audit.staff import store as staff
from audit.staff.access import Terms
from audit.verify import callmine_verify as verifier
from contracts.staff import Read, Reason, Step
from core.ids import WorkspaceId, uuid7
from database import Database, Row

KEYRING = Keyring([Signer("callmine.ai/audit", bytes(range(32)))])
ORIGIN = "callmine.ai/audit"
ADA, GRACE = "ada@callmine.example", "grace@callmine.example"
KEYS = [verifier.read_key(KEYRING.verifiers[0].text)]


def entries(count: int, person: int = 0) -> list[Entry]:
    """Entries in which several people do something to each other and to the workspace."""
    return [
        Entry(
            uuid7(),
            EntryType.MEMBER_ADDED if number % 2 else EntryType.WORKSPACE_UPDATED,
            "system" if number % 5 == 4 else "user",
            f"user_{(number + person) % 3}",
            f"user{(number + person) % 3}@example.com",
            "web",
            "member" if number % 2 else "workspace",
            f"user_{number % 4}",
            (Change("name", None, f'né "{number}"'), Change("zone", "UTC", None)),
            datetime(2026, 3, 1, 9, number % 60, tzinfo=UTC),
        )
        for number in range(count)
    ]


@dataclass(slots=True)
class Logs:
    """One service's logs."""

    db: Database
    salts: Salts = field(default_factory=Salts)

    @property
    def sealer(self) -> Sealer:
        """A sealer of its own, as another process has one."""
        return Sealer(self.db, KEYRING, SealerSettings(ORIGIN))

    async def record(self, workspace_id: WorkspaceId, given: Sequence[Entry]) -> None:
        """Record entries in one transaction."""
        async with self.db.workspace(workspace_id) as tx:
            await handlers.record(tx, given, self.salts)

    async def looked_into(self, workspace_id: WorkspaceId, statements: int = 3) -> uuid.UUID:
        """Staff access from beginning to end, in transactions of their own: 3 steps of the grant, 2 of each statement. The grant's id."""
        grant_id, at = uuid7(), datetime(2026, 3, 1, 9, tzinfo=UTC)
        terms = Terms(staff=ADA, service="analysis", reason=Reason.SUPPORT, ticket="SUP-412", minutes=30)
        async with self.db.workspace(workspace_id) as tx:
            await staff.ask(tx, grant_id, terms)
        async with self.db.workspace(workspace_id) as tx:
            assert await staff.approve(tx, grant_id, GRACE)
        for number in range(statements):
            statement = uuid7()
            for step, rows in ((Step.ASKED, 0), (Step.SHOWN, number + 1)):
                told = Read(
                    grant_id=grant_id,
                    statement_id=statement,
                    step=step,
                    question="runs",
                    reads='The newest runs: "states", counts <and> times',
                    about="rü\u2028n",
                    rows=rows,
                )
                at += timedelta(seconds=1)
                async with self.db.workspace(workspace_id) as tx:
                    await staff.add_reads(tx, [staff.ToldRead(told, "analysis", ADA, at)])
        async with self.db.workspace(workspace_id) as tx:
            assert await staff.end(tx, grant_id, "user_1", by_staff=False)
        return grant_id

    async def export(self, workspace_id: WorkspaceId) -> list[str]:
        """The export's lines, without their ends: `splitlines` knows more ends of lines than a file does."""
        whole = b"".join([chunk async for chunk in export.lines(self.db, workspace_id)])
        return whole.decode().split("\n")[:-1]

    async def check(self, workspace_id: WorkspaceId, *pinned: verifier.Checkpoint) -> verifier.Report:
        """What the verifier finds."""
        return verifier.check(await self.export(workspace_id), KEYS, pinned)

    async def pin(self, workspace_id: WorkspaceId) -> verifier.Checkpoint:
        """The checkpoint of now, verified."""
        report = await self.check(workspace_id)
        assert report.findings == []
        assert report.checkpoint is not None
        return report.checkpoint


async def as_administrator(admin_url: str, dsn: str, *statements: str) -> list[Row]:
    """Run statements as somebody with the database, whom no policy holds back; the rows of the last."""
    connection = await asyncpg.connect(admin_url, database=urlsplit(dsn).path[1:])
    try:
        for one in statements[:-1]:
            await connection.execute(one)
        rows: list[Row] = await connection.fetch(statements[-1])
        return rows
    finally:
        await connection.close()


async def positions(admin_url: str, dsn: str) -> dict[tuple[str, int], uuid.UUID]:
    """Which entry has which position, of all workspaces. Raises AssertionError where a position is given twice."""
    rows = await as_administrator(
        admin_url,
        dsn,
        "SELECT s.workspace_id, s.first_index + u.place - 1 AS position, u.id "
        "FROM log_seals s CROSS JOIN unnest(s.entries) WITH ORDINALITY AS u (id, place)",
    )
    found = {(row["workspace_id"], row["position"]): row["id"] for row in rows}
    assert len(found) == len(rows), "two entries have one position"
    return found
