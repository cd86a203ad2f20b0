"""The journal: no credential leaves the vault without its entry, whoever crashes where.

On a real PostgreSQL many callers ask for grants at once through the service's own handler: the same grant more than once, over several
workspaces. Attempts are cancelled at any of their awaits, fail right before the commit, and lose their connection. What counts is what was
committed: each grant that waits in the outbox has one entry that says the same, and each entry its one grant.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

from callmine.credentials.v1.credentials_pb2 import CredentialGranted
from chaos.harness import Figure, Plan
from chaos.vault.journal.blows import Crash
from chaos.vault.journal.callers import MEANT, Crowd, Release, as_in_service, vault_of
from chaos.vault.renewal.postgres import vault_database
from credential_vault.domain.credentials import Provider
from integration.credential_vault.letting_go import Place, place_in
from isolation import Part
from local.postgres.connection import connected
from testkit.messages import said
from testkit.tables import same_database

# Attempts that come to their end. A ninth of them is denied, and some are for grants that were made before: these release nothing.
QUICK, FULL = 2_800, 140_000

# Workspace, grant, provider, version, requester.
_Entry = tuple[str, str, str, int, str]


async def measure(
    plan: Plan,
    admin_url: str,
    attempts: int | None = None,
    released_by: Callable[[Place], Release] = lambda place: as_in_service(vault_of(place)),
) -> Part:
    """Let `attempts` come to their end (otherwise QUICK, or FULL for a full plan); `released_by` may release in another way."""
    total = attempts or (FULL if plan.full else QUICK)
    async with (
        vault_database(admin_url, "proof-journal") as dsns,
        place_in(dsns, admin_url) as place,
        connected(same_database(admin_url, dsns)) as admin,
    ):
        crowd = Crowd(place, released_by(place), random.Random(plan.seed), total, plan.tick)
        await crowd.connect()
        await crowd.run(admin)
        released, journal = await _released(place), await _journal(place)
    return _verdict(plan, crowd, released, journal)


async def _released(place: Place) -> Counter[_Entry]:
    """What waits to be sent: the sealed credentials."""
    found: Counter[_Entry] = Counter()
    for topic, event in await said(place.dsns):
        payload = event.payload
        if isinstance(payload, CredentialGranted):
            asker = topic.removeprefix("credential-grants-")
            entry = (event.workspace_id, payload.grant_id, Provider.GONG.value, payload.credential_version, asker)
            found[entry] += 1
    return found


async def _journal(place: Place) -> Counter[_Entry]:
    rows = await place.admin(
        "SELECT workspace_id, grant_id, provider, credential_version, requester FROM access_journal"
    )
    return Counter((row[0], str(row[1]), row[2], row[3], row[4]) for row in rows)


def _verdict(plan: Plan, crowd: Crowd, released: Counter[_Entry], journal: Counter[_Entry]) -> Part:
    unjournalled, unreleased = (released - journal), (journal - released)
    meant = {name: crowd.ends[name] for name in sorted(MEANT - {"whole"})}
    figures: dict[str, Figure] = {
        "grants": released.total(),
        "released_unjournalled": unjournalled.total(),
        "journalled_unreleased": unreleased.total(),
        "grant_attempts": sum(number for name, number in crowd.ends.items() if name != "connections killed"),
        "grant_blows": {"attempts": {name.lower(): number for name, number in meant.items()}},
    }
    told = [f"released without an entry: {entry}" for entry in sorted(unjournalled)]
    told += [f"journalled, but not released: {entry}" for entry in sorted(unreleased)]
    told += [f"an attempt ended with {name}" for name in sorted(set(crowd.ends) - MEANT)]
    told += [f"no attempt was {name}" for name in ("cancelled", Crash.__name__) if not crowd.ends[name]]
    return Part(figures, tuple(f"journal, seed {plan.seed}: {one}" for one in told))


__all__ = ["FULL", "QUICK", "measure"]
