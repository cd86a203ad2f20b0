"""The findings of 50 workspaces, in the real table and in a copy with the usual row policy."""

from __future__ import annotations

import random
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from core.ids import WorkspaceId
from database import MigrationSettings, migrate
from isolation.cost.ledger import into
from local.postgres import ServiceDsns, drop, provision
from local.postgres.connection import Connection, connected
from testkit.postgres import PASSWORDS, migration_folders

WORKSPACES = tuple(WorkspaceId(f"org_archive{number:02}") for number in range(50))
LARGE = WORKSPACES[7]
MOST_FINDINGS = 100_000

# As many different words as a company's calls have, the first ones as often as in speech (Zipf's law with an offset), so that word 0 is in
# about a third of the findings of 45 words.
VOCABULARY = tuple(f"w{chr(97 + number % 26)}{number}" for number in range(20_000))
_WEIGHTS = tuple(1 / (number + 12) for number in range(len(VOCABULARY)))
_WORDS = 45
_A_REPORT = 500
_FILL_SECONDS = 3_600.0

_FILL = """
INSERT INTO report_findings (workspace_id, report_id, number, run_id, created_at, finding_id, theme_number, place, theme, claim, sentiment,
                             quotes, call_id, call_title, called_at, account, rep, verdict, words)
SELECT $1, r.report, r.number, r.report, now(), 'f' || r.number, 1, r.number, 'Theme ' || r.number % 40, left(r.said, 100),
       (ARRAY['positive', 'negative', 'neutral', 'mixed'])[1 + r.number % 4],
       jsonb_build_array(jsonb_build_object('text', r.said, 'speaker', 'A buyer', 'affiliation', 'external', 'sentence_id', '12',
                                            'start_ms', 61000)),
       'call-' || r.number / 5, 'A call about ' || left(r.said, 30), now() - r.minutes * interval '1 minute', 'An account',
       'Rep ' || r.number % 30, 'yes', finding_words($1, r.said)
FROM unnest($2::uuid[], $3::int[], $4::text[], $5::int[]) AS r (report, number, said, minutes)
"""

_USUAL = """
CREATE TABLE usual_findings (LIKE report_findings INCLUDING ALL);
INSERT INTO usual_findings SELECT * FROM report_findings;
ALTER TABLE usual_findings ENABLE ROW LEVEL SECURITY;
ALTER TABLE usual_findings FORCE ROW LEVEL SECURITY;
CREATE POLICY workspace ON usual_findings TO analysis_app
    USING (workspace_id = current_setting('app.workspace_id')
           AND created_at >= current_setting('app.report_floor')::timestamptz);
GRANT SELECT ON usual_findings TO analysis_app;
VACUUM (ANALYZE) report_findings;
VACUUM (ANALYZE) usual_findings;
CHECKPOINT
"""


@dataclass(frozen=True, slots=True)
class Archive:
    """Where to connect: as the service, and as somebody whom no policy holds back."""

    dsns: ServiceDsns
    unwalled_url: str


@asynccontextmanager
async def archive(admin_url: str, name: str, others: int) -> AsyncIterator[Archive]:
    """A migrated analysis database with the findings; each other workspace has `others`. Dropped at the end."""
    dsns = await provision(admin_url, "analysis", PASSWORDS, name)
    try:
        migrate(MigrationSettings(owner_url=dsns.owner, folders=migration_folders("analysis")))
        unwalled = into(admin_url, dsns.app)
        async with connected(unwalled) as oracle:
            await _fill(oracle, others)
            for statement in _USUAL.split(";"):
                await oracle.execute(statement, timeout=_FILL_SECONDS)
        yield Archive(dsns, unwalled)
    finally:
        await drop(admin_url, name)


async def _fill(oracle: Connection, others: int) -> None:
    """Without their runs and reports, which no search reads."""
    await oracle.execute("SET session_replication_role = replica")
    rng = random.Random(1)
    for workspace in WORKSPACES:
        for part in _parts(MOST_FINDINGS if workspace == LARGE else others):
            said = [" ".join(rng.choices(VOCABULARY, _WEIGHTS, k=_WORDS)) for _ in part]
            reports = [uuid.UUID(int=number // _A_REPORT + 1) for number in part]
            numbers = [number % _A_REPORT + 1 for number in part]
            # Spread over three years and not in the order in which they were stored.
            minutes = [number * 7_919 % 1_576_800 for number in part]
            await oracle.execute(_FILL, workspace, reports, numbers, said, minutes, timeout=_FILL_SECONDS)


def _parts(findings: int) -> Iterator[range]:
    for first in range(0, findings, 5_000):
        yield range(first, min(findings, first + 5_000))
