"""Each step of a staff access is a leaf of the workspace's log: what is left out, altered, moved or cut off is found by what was pinned."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from audit.log import erasure
from audit.log.sealing import Sealer
from audit.streaming import items
from audit.verify import callmine_verify as verifier
from core import faultpoints
from core.errors import Transient
from core.ids import WorkspaceId
from database import Database, Queries
from integration.audit.logs import ADA, GRACE, KEYRING, Logs, as_administrator, entries, positions
from local.postgres import ServiceDsns
from testkit.postgres import settings_of

MINE, THEIRS = WorkspaceId("org_mine"), WorkspaceId("org_theirs")

# Of a grant that was asked for, approved and ended, with three statements of two steps each.
STEPS = 9


class Died(Exception):
    """A process died here."""


@pytest.fixture
async def logs(dsns: ServiceDsns) -> AsyncIterator[Logs]:
    db = await Database.open(settings_of(dsns), Queries.of("database", "messaging", "audit"), "audit")
    yield Logs(db)
    faultpoints.arm(None)
    await db.close()


def told(lines: list[str]) -> list[dict[str, object]]:
    return [line["staff"] for line in map(json.loads, lines) if "staff" in line]


async def test_every_step_has_its_place_in_the_order_of_time_and_verifies(logs: Logs) -> None:
    await logs.record(MINE, entries(20))
    await logs.sealer.drain()
    pin = await logs.pin(MINE)
    grant_id = await logs.looked_into(MINE)
    await logs.record(MINE, entries(5))
    assert await logs.sealer.drain() == STEPS + 5
    assert await logs.sealer.drain() == 0
    report = await logs.check(MINE, pin)
    assert (report.findings, report.anchored) == ([], 20 + STEPS + 5)
    steps = told(await logs.export(MINE))
    assert steps == list(report.steps)
    assert [one["at"] for one in steps] == sorted(str(one["at"]) for one in steps)
    assert {one["grant"] for one in steps} == {str(grant_id)}
    by_kind = {str(one["kind"]): one for one in steps}
    assert by_kind["grant.asked"]["who"] == {"id": ADA, "by_staff": True}
    assert by_kind["grant.asked"]["what"] == {
        "service": "analysis",
        "reason": "support",
        "ticket": "SUP-412",
        "minutes": 30,
    }
    assert by_kind["grant.approved"]["who"] == {"id": GRACE, "by_staff": True}
    assert by_kind["grant.ended"]["who"] == {"id": "user_1", "by_staff": False}
    assert sorted(str(one["kind"]) for one in steps) == sorted(
        ["grant.asked", "grant.approved", "grant.ended", *["statement.asked", "statement.shown"] * 3]
    )


async def test_only_a_log_with_such_steps_asks_for_the_verifier_that_knows_them(logs: Logs) -> None:
    await logs.record(MINE, entries(3))
    await logs.record(THEIRS, entries(3))
    await logs.looked_into(MINE)
    await logs.sealer.drain()
    versions = [json.loads((await logs.export(one))[0])["callmine_audit_export"] for one in (MINE, THEIRS)]
    assert versions == [2, 1]


TAMPERED = {
    "statement left out": "DELETE FROM staff_reads WHERE {mine} AND step = 'shown' AND rows = 2",
    "whole statement left out": (
        "DELETE FROM staff_reads r USING staff_reads x WHERE r.statement_id = x.statement_id AND x.rows = 2 AND r.{mine}"
    ),
    "last statement left out": "DELETE FROM staff_reads WHERE {mine} AND rows = 3",
    "all statements left out": "DELETE FROM staff_reads WHERE {mine}",
    "end left out": "DELETE FROM staff_decisions WHERE {mine} AND kind = 'ended'",
    "whole access left out": "WITH r AS (DELETE FROM staff_reads WHERE {mine}), d AS (DELETE FROM staff_decisions WHERE {mine}) "
    "DELETE FROM staff_grants WHERE {mine}",
    "reason altered": "UPDATE staff_grants SET reason = 'incident' WHERE {mine}",
    "ticket altered": "UPDATE staff_grants SET ticket = 'SUP-1' WHERE {mine}",
    "service altered": "UPDATE staff_grants SET service = 'ingest' WHERE {mine}",
    "minutes altered": "UPDATE staff_grants SET minutes = 5 WHERE {mine}",
    "asker altered": "UPDATE staff_grants SET staff = 'hedy@callmine.example' WHERE {mine}",
    "asked earlier": "UPDATE staff_grants SET asked_at = asked_at - interval '1 minute' WHERE {mine}",
    "approver altered": "UPDATE staff_decisions SET decided_by = 'hedy@callmine.example' WHERE {mine} AND kind = 'approved'",
    "ended by staff": "UPDATE staff_decisions SET by_staff = true WHERE {mine} AND kind = 'ended'",
    "ended earlier": "UPDATE staff_decisions SET decided_at = decided_at - interval '1 minute' WHERE {mine} AND kind = 'ended'",
    "fewer rows": "UPDATE staff_reads SET rows = 1 WHERE {mine} AND rows = 3",
    "withheld after all": "UPDATE staff_reads SET step = 'withheld', rows = 0 WHERE {mine} AND rows = 3",
    "another question": "UPDATE staff_reads SET question = 'plan' WHERE {mine} AND rows = 3",
    "other words": "UPDATE staff_reads SET reads = 'Nothing' WHERE {mine} AND rows = 3",
    "about something else": "UPDATE staff_reads SET about = '' WHERE {mine} AND rows = 3",
    "another reader": "UPDATE staff_reads SET staff = 'hedy@callmine.example' WHERE {mine} AND rows = 3",
    "another service read": "UPDATE staff_reads SET service = 'ingest' WHERE {mine} AND rows = 3",
    "read at another time": "UPDATE staff_reads SET told_at = told_at - interval '1 day' WHERE {mine} AND rows = 3",
    "reordered": "UPDATE staff_reads r SET leaf_id = x.leaf_id FROM staff_reads x WHERE r.{mine} AND x.{mine}"
    " AND r.rows + x.rows = 3 AND r.rows * x.rows = 2",
    "sealed again": "UPDATE staff_reads SET leaf_id = NULL, rows = 1 WHERE {mine} AND rows = 3",
    "handed to another workspace": "UPDATE staff_reads SET workspace_id = 'org_theirs' WHERE {mine} AND rows = 3",
    "key altered": "UPDATE log_keys SET key = set_byte(key, 0, get_byte(key, 0) # 1) WHERE {mine} AND subject = ''",
}


@pytest.mark.parametrize("how", TAMPERED)
async def test_tampering_with_the_database_is_found(logs: Logs, dsns: ServiceDsns, postgres_url: str, how: str) -> None:
    await logs.record(MINE, entries(5))
    await logs.looked_into(MINE)
    await logs.sealer.drain()
    pin = await logs.pin(MINE)
    statement = TAMPERED[how].replace("{mine}", f"workspace_id = '{MINE}'")
    changed = await as_administrator(
        postgres_url, dsns.owner, "SET session_replication_role = replica", f"{statement} RETURNING 1"
    )
    assert changed
    # Whoever did it lets the service seal once more.
    await logs.record(MINE, entries(2))
    await logs.sealer.drain()
    assert (await logs.check(MINE, pin)).findings


async def test_the_end_of_the_log_cannot_be_cut_off_nor_the_log_sealed_anew(
    logs: Logs, dsns: ServiceDsns, postgres_url: str
) -> None:
    """Somebody rolls everything back to before the look, and lets the service, which has the key, go on from there."""
    await logs.record(MINE, entries(4))
    await logs.sealer.drain()
    before = await as_administrator(postgres_url, dsns.owner, f"SELECT * FROM log_heads WHERE workspace_id = '{MINE}'")
    await logs.looked_into(MINE)
    await logs.sealer.drain()
    pin = await logs.pin(MINE)
    tables = ("staff_reads", "staff_decisions", "staff_grants")
    await as_administrator(
        postgres_url,
        dsns.owner,
        *(f"DELETE FROM {table} WHERE workspace_id = '{MINE}'" for table in tables),
        f"DELETE FROM log_seals WHERE workspace_id = '{MINE}' AND first_index >= 4",
        f"UPDATE log_tiles SET hashes = substr(hashes, 1, 32 * 4) WHERE workspace_id = '{MINE}'",
        f"UPDATE log_heads SET size = 4, anchored_size = 0, frontier = '\\x{before[0]['frontier'].hex()}',"
        f" checkpoint = '{before[0]['checkpoint']}' WHERE workspace_id = '{MINE}'",
    )
    assert (await logs.check(MINE)).findings == []
    assert "its end was removed" in (await logs.check(MINE, pin)).findings[0]
    await logs.record(MINE, entries(STEPS + 3))
    await as_administrator(
        postgres_url, dsns.owner, f"UPDATE log_heads SET anchored_size = size WHERE workspace_id = '{MINE}'"
    )
    await logs.sealer.seal()
    assert "the past was rewritten" in (await logs.check(MINE, pin)).findings[0]


async def test_an_export_with_a_statement_less_is_none(logs: Logs) -> None:
    await logs.record(MINE, entries(4))
    await logs.looked_into(MINE)
    await logs.sealer.drain()
    pin, lines = await logs.pin(MINE), await logs.export(MINE)
    for place in [place for place, line in enumerate(lines) if '"staff"' in line]:
        line = json.loads(lines[place])
        for lie in (
            {**line, "staff": {**line["staff"], "kind": "statement.failed"}},
            {**line, "salts": {"who": line["salts"]["who"]}},
            {"i": line["i"], "leaf": line["leaf"]},
            {"i": line["i"], "leaf": line["leaf"], "erased": "ticket 9"},
        ):
            forged = [*lines[:place], json.dumps(lie), *lines[place + 1 :]]
            assert verifier.check(forged, [verifier.read_key(KEYRING.verifiers[0].text)], [pin]).findings, lie
        assert verifier.check(
            [*lines[:place], *lines[place + 1 :]], [verifier.read_key(KEYRING.verifiers[0].text)]
        ).findings


async def test_erasures_leave_the_proof_of_steps_valid(logs: Logs) -> None:
    """A person's erasure takes nothing from it; a workspace's takes what could be guessed from the hashes along."""
    await logs.record(MINE, entries(12))
    await logs.looked_into(MINE)
    await logs.sealer.drain()
    pin = await logs.pin(MINE)
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 7", "user_1")
    await logs.looked_into(MINE, 1)
    await logs.sealer.drain()
    report = await logs.check(MINE, pin)
    assert (report.findings, len(report.steps)) == ([], STEPS + 5)
    await erasure.erase(logs.db, logs.sealer.drain, MINE, "ticket 8")
    report = await logs.check(MINE, pin)
    assert (report.findings, len(report.steps)) == ([], 0)
    assert not any(ADA in line or "SUP-412" in line for line in await logs.export(MINE))
    # Without a tombstone, the workspace goes on: under a new key.
    await logs.looked_into(MINE)
    await logs.sealer.drain()
    report = await logs.check(MINE, pin)
    assert (report.findings, len(report.steps)) == ([], STEPS)


async def test_steps_that_wait_while_something_is_erased_are_sealed_under_the_key_of_afterwards(logs: Logs) -> None:
    await logs.record(MINE, entries(4))
    await logs.sealer.drain()
    await logs.looked_into(MINE)

    def trap(reached: str) -> None:
        if reached == "audit.seal.after_take":
            raise Died

    faultpoints.arm(trap)
    with pytest.raises(Died):
        await logs.sealer.drain()
    faultpoints.arm(None)

    async def nothing() -> int:
        return 0

    await erasure.erase(logs.db, nothing, MINE, "ticket 7", "user_1")
    await logs.sealer.drain()
    report = await logs.check(MINE)
    assert (report.findings, len(report.steps)) == ([], STEPS)


@pytest.mark.parametrize("point", ["audit.steps.before_commit", "audit.seal.after_take", "audit.seal.after_commit"])
async def test_a_crash_costs_no_step_its_place_and_gives_none_two(
    logs: Logs, dsns: ServiceDsns, postgres_url: str, point: str
) -> None:
    def trap(reached: str) -> None:
        if reached == point:
            raise Died

    await logs.looked_into(MINE)
    faultpoints.arm(trap)
    with pytest.raises(Died):
        await logs.sealer.drain()
    faultpoints.arm(None)
    await logs.sealer.drain()
    found = await positions(postgres_url, dsns.owner)
    assert len(found) == len(set(found.values())) == STEPS
    assert (await logs.check(MINE)).findings == []


async def test_several_sealers_at_once_make_no_fork(logs: Logs, dsns: ServiceDsns, postgres_url: str) -> None:
    async def seal(sealer: Sealer) -> None:
        for _ in range(10):
            with contextlib.suppress(Transient):
                await sealer.drain()

    async def look(workspace_id: WorkspaceId) -> None:
        for _ in range(3):
            await logs.looked_into(workspace_id)
            await logs.record(workspace_id, entries(3))

    await asyncio.gather(look(MINE), look(THEIRS), *(seal(logs.sealer) for _ in range(3)))
    await logs.sealer.drain()
    found = await positions(postgres_url, dsns.owner)
    assert len(found) == len(set(found.values())) == 2 * 3 * (STEPS + 3)
    for workspace_id in (MINE, THEIRS):
        report = await logs.check(workspace_id)
        assert (report.findings, len(report.steps)) == ([], 3 * STEPS)


async def test_the_stream_tells_of_each_step_at_its_position(logs: Logs) -> None:
    await logs.record(MINE, entries(2))
    await logs.sealer.drain()
    await logs.looked_into(MINE, 1)
    await logs.sealer.drain()
    async with logs.db.workspace(MINE) as tx:
        batch = await items.read(tx, 0, 7)
    sent = [json.loads(one) for one in batch.items]
    assert [one["type"] for one in sent[2:]] == ["audit.staff_access"] * 5
    assert [one["staff"] for one in sent[2:]] == told(await logs.export(MINE))


async def test_nothing_is_sealed_before_processes_of_before_are_gone(
    logs: Logs, dsns: ServiceDsns, postgres_url: str
) -> None:
    """Between `pre` and `post` an export by an older process could not say what a step is."""
    await logs.looked_into(MINE)
    for table in ("staff_grants", "staff_decisions", "staff_reads"):
        await as_administrator(postgres_url, dsns.owner, f"DROP POLICY sweep ON {table}")
    assert await logs.sealer.drain() == 0
    for table in ("staff_grants", "staff_decisions", "staff_reads"):
        policy = f"CREATE POLICY sweep ON {table} FOR SELECT TO audit_sweep USING (true)"
        await as_administrator(postgres_url, dsns.owner, policy)
    assert await logs.sealer.drain() == STEPS
    assert (await logs.check(MINE)).findings == []


async def test_the_command_names_and_prints_the_steps(
    logs: Logs, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await logs.record(MINE, entries(2))
    await logs.looked_into(MINE, 1)
    await logs.sealer.drain()
    lines = await logs.export(MINE)
    export = tmp_path / "audit.jsonl"
    export.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    assert verifier.main([str(export), "--key", KEYRING.verifiers[0].text, "--staff"]) == 0
    printed = capsys.readouterr().out.split("\n")
    assert any("5 of them are steps of staff access, under 1 grants" in line for line in printed)
    assert [json.loads(line) for line in printed if line.startswith("{")] == told(lines)
