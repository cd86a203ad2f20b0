"""One person's data is erased in a running Callmine: calls, the reports that read them, and nobody else's; none of it comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from chaos.erasure import one_person
from chaos.erasure.callmine import objects_of
from chaos.server import stack_folder
from e2e.settled import settled
from e2e.snapshot import snapshot
from local.journey import Outcome, admin_of, asked, everything, finished
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack import Stack, StackSettings
from local.stack.keys import WORKSPACES

WORKSPACE, OTHER = "harborline", "quillstone"
WHO = "bess@juniperrye.example"

# Where ids of calls stay: so that they do not come back, and what a bill is made of.
KEPT = {"ingest.call_tombstones", "analysis.erased_calls", "analysis.usage"}


@pytest.fixture(scope="module")
async def whole() -> AsyncIterator[tuple[Stack, list[Outcome]]]:
    """A Callmine of its own: reports are erased that other tests look at."""
    with stack_folder("callmine-person-") as folder:
        async with Stack.start(StackSettings(folder)) as stack:
            yield stack, await everything(stack, lambda *_: None)


async def test_from_the_admins_request_to_the_certificate(whole: tuple[Stack, list[Outcome]]) -> None:
    stack, outcomes = whole
    mine, theirs = admin_of(stack, WORKSPACE), admin_of(stack, OTHER)
    library = load_library(SHIPPED_CALLS, None, WORKSPACES, datetime.now(UTC).date())
    calls = [one.call_id for one in library.of(WORKSPACE) if WHO in {party.email for party in one.parties}]
    assert calls
    read = next(one for one in outcomes if one.workspace == WORKSPACE)
    kept = next(one for one in outcomes if one.workspace == OTHER)
    await settled(stack)
    before = await snapshot(stack)
    assert [name for name, rows in before.items() if any(calls[0] in row for row in rows)]

    # Who is a member is refused, and of whom nothing is kept the request ends; nothing is erased by either.
    member = (await mine.json("GET", "/api/v1/members"))["members"][0]["email"]
    for email, end in ((member, "still_member"), ("nobody@quillstone.example", "not_found")):
        await one_person.until(mine, (await one_person.ask(mine, email))["id"], end)
    # In the other workspace nobody has this address.
    await one_person.until(theirs, (await one_person.ask(theirs, WHO))["id"], "not_found")

    request = (await one_person.ask(mine, WHO.upper()))["id"]
    assert await one_person.counted(mine, request) == len(calls)
    await settled(stack)
    assert (await mine.call("GET", f"/api/v1/reports/{read.run['report_id']}")).is_success, "nothing is erased yet"
    await one_person.a_day_passes(stack, request)
    done = await one_person.until(mine, request, "completed")
    stages = {one["service"]: one["stage"] for one in done["services"]}
    assert stages == dict.fromkeys(("ingest", "analysis", "credential-vault", "audit", "retention"), "verified")
    assert await one_person.certificate_problem(stack, mine.organization_id, request, len(calls)) == ""

    await settled(stack)
    after = await snapshot(stack)
    assert {name for name, rows in after.items() if any(one in row for row in rows for one in calls)} <= KEPT
    assert [name for name, rows in after.items() if any(WHO in row.lower() for row in rows)] == []
    async with objects_of(stack) as objects:
        copies = await objects.copies(f"workspaces/{mine.organization_id}/")
    assert copies
    assert [name for name, content in copies.items() if any(one.encode() in content for one in calls)] == []
    assert (await mine.call("GET", f"/api/v1/reports/{read.run['report_id']}")).status_code == 404
    assert (await theirs.call("GET", f"/api/v1/reports/{kept.run['report_id']}")).is_success

    # The question can be asked again, and does not get these calls.
    # What the first one used stays used: a trial has 50 calls.
    question = {**await asked(mine, WORKSPACE), "max_calls": 30}
    again = await finished(mine, question, lambda *_: None)
    assert again["state"] == "completed", again
    report = await mine.json("GET", f"/api/v1/reports/{again['report_id']}")
    assert report["numbers"]["calls_analysed"] == read.numbers["calls_analysed"] - len(calls)
    last = await snapshot(stack)
    assert {name for name, rows in last.items() if any(one in row for row in rows for one in calls)} <= KEPT
