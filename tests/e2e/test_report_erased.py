"""One report is erased in a running Callmine: asked for by an admin, a day goes by, there is a certificate; all else is as it was."""

from __future__ import annotations

import uuid

import asyncpg

from chaos.erasure import one_report
from e2e.conftest import Finished
from e2e.settled import settled
from e2e.snapshot import database_of
from local.journey import admin_of
from local.stack import Stack


async def _left(stack: Stack, words: str) -> list[str]:
    """Tables of analysis with a row that holds `words`."""
    connection = await asyncpg.connect(database_of(stack, "analysis"))
    try:
        tables = await connection.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        found = []
        for row in tables:
            name = row["relname"]
            if await connection.fetchval(
                f"SELECT EXISTS (SELECT FROM {name} t WHERE t::text LIKE '%' || $1 || '%')", words
            ):
                found.append(name)
    finally:
        await connection.close()
    return found


async def test_from_the_admins_request_to_the_certificate(finished: Finished) -> None:
    stack, words = finished.stack, f"canary{uuid.uuid4().hex}"
    mine, theirs = admin_of(stack, "harborline"), admin_of(stack, "quillstone")
    report_id = await one_report.reported(mine, "harborline", words)
    exported = await mine.call("POST", f"/api/v1/reports/{report_id}/export?format=json")
    assert exported.is_success
    assert "runs" in await _left(stack, words)

    # The admin of another workspace is told within seconds that there is none, as of one that never was.
    for unknown in (report_id, str(uuid.uuid4())):
        assert (await one_report.ask(theirs, unknown))["state"] in {"asked", "not_found"}
        await one_report.until(theirs, unknown, "not_found")
    assert (await mine.call("GET", f"/api/v1/reports/{report_id}")).is_success

    assert (await one_report.ask(mine, report_id))["state"] == "asked"
    await settled(stack)
    assert (await mine.call("GET", f"/api/v1/reports/{report_id}")).is_success, (
        "until a day has passed nothing is erased"
    )
    await one_report.a_day_passes(stack, report_id)
    done = await one_report.until(mine, report_id, "completed")
    assert [(one["service"], one["stage"]) for one in done["services"]] == [("analysis", "verified")]
    assert done["services"][0]["rows"] > 10
    assert await _left(stack, words) == []
    assert (await mine.call("GET", f"/api/v1/reports/{report_id}")).status_code == 404
    assert await one_report.certificate_problem(stack, mine.organization_id, report_id) == ""
    for outcome in finished.outcomes:
        kept = await admin_of(stack, outcome.workspace).call("GET", f"/api/v1/reports/{outcome.run['report_id']}")
        assert kept.is_success
    entries = (await mine.json("GET", "/api/v1/audit?size=200"))["entries"]
    told = [entry for entry in entries if entry["target"]["kind"] == "report" and entry["target"]["id"] == report_id]
    assert {entry["type"] for entry in told} >= {"report.exported", "workspace.updated"}
