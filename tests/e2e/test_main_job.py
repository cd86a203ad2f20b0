"""The main job, through five services that talk by messages only."""

from __future__ import annotations

import json
import random
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.registry import SERVICES
from e2e.conftest import Finished
from e2e.settled import settled
from e2e.snapshot import differences, snapshot
from local.journey import admin_of, audit_types, verified
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack.keys import WORKSPACES


async def test_every_call_is_analysed_in_both_workspaces(finished: Finished) -> None:
    analysed = [outcome.numbers["calls_analysed"] for outcome in finished.outcomes]
    assert len(analysed) == 2
    assert sum(analysed) >= 36
    assert all(outcome.numbers["calls_failed"] == 0 for outcome in finished.outcomes)


async def test_every_quote_was_said_by_that_speaker_at_that_time(finished: Finished) -> None:
    library = load_library(SHIPPED_CALLS, None, WORKSPACES, datetime.now(UTC).date())
    for outcome in finished.outcomes:
        assert outcome.numbers["quotes"] > 0
        assert verified(outcome, library) == outcome.numbers["quotes"]


async def test_there_is_an_audit_entry_of_each_type_the_flow_makes(finished: Finished) -> None:
    types = audit_types(finished.outcomes)
    assert types["integration.connected"] == 2
    assert types["report.exported"] == 2
    assert types["member.added"] >= 4


async def test_five_processes_and_five_databases(finished: Finished) -> None:
    assert all(finished.stack.processes[name].running for name in SERVICES)
    assert len({finished.stack.processes[name].pid for name in SERVICES}) == 5
    assert len(set(finished.stack.dsns.values())) == 5


# Everybody outside whom a service may call, as named in the log line that the one HTTP client writes for each call. What a customer
# connects by consent has a server for that beside its API.
CONNECTED = {"gong", "hubspot", "slack"}
OUTSIDE = {"openai", "anthropic", "clerk", "google"} | CONNECTED | {f"{name}-oauth" for name in CONNECTED}


async def test_no_service_calls_another_over_http(finished: Finished) -> None:
    """Every call out is logged by the only HTTP client there is (the import rules see to that), with where it went."""
    called = {
        json.loads(line)["destination"]
        for service in SERVICES
        for line in (finished.directory / "logs" / f"{service}.log").read_text().splitlines()
        if '"destination"' in line
    }
    assert {"gong", "openai", "anthropic"} <= called <= OUTSIDE


async def test_redelivering_every_message_twice_in_random_order_changes_no_row(finished: Finished) -> None:
    messages = await finished.taps.messages()
    assert len(messages) > 80
    await settled(finished.stack)
    before = await snapshot(finished.stack)
    again = messages * 2
    random.Random(20261123).shuffle(again)
    for message in again:
        await finished.taps.publish(message)
    await settled(finished.stack)
    assert differences(before, await snapshot(finished.stack)) == {}


SECRET_PLACES = ("broker", "logs", "storage", "postgres")


@pytest.mark.parametrize("place", SECRET_PLACES)
async def test_no_byte_of_a_gong_key_lies_anywhere(finished: Finished, place: str) -> None:
    keys = [text.encode() for key in finished.stack.site.keys.gong.values() for text in key.values()]
    files = [path for path in (finished.directory / place).rglob("*") if path.is_file()]
    if place == "postgres" and not files:
        pytest.skip("the database is CALLMINE_DATABASE_URL's: its files are elsewhere (its dump is searched below)")
    assert files
    for path in files:
        # A file that PostgreSQL has removed meanwhile was read by nobody.
        with suppress(FileNotFoundError):
            content = path.read_bytes()
            assert not any(key in content for key in keys), path.name


async def test_no_byte_of_a_gong_key_is_in_the_dump_of_any_database(finished: Finished) -> None:
    rows = await snapshot(finished.stack)
    assert rows["credential-vault.credentials"]
    everything = "\n".join(row for table in rows.values() for row in table)
    for key in finished.stack.site.keys.gong.values():
        for text in key.values():
            assert text not in everything
            assert text.encode().hex() not in everything  # bytea is printed in hexadecimal


async def test_the_search_would_find_a_key_that_is_there(finished: Finished, tmp_path: Path) -> None:
    """The keys file of the stand-ins holds them: the search above is able to fail."""
    key = finished.stack.site.keys.gong["harborline"]["secret"]
    assert key.encode() in (finished.directory / "keys.json").read_bytes()


async def test_transcripts_and_briefs_are_in_no_log_and_no_message(finished: Finished) -> None:
    library = load_library(SHIPPED_CALLS, None, WORKSPACES, datetime.now(UTC).date())
    sentences = [s.text for c in library.of("harborline")[:6] for s in c.sentences if len(s.text) > 60][:200]
    brief = finished.outcomes[0].run["question"]["brief"][:60]
    for place in ("logs", "broker"):
        for path in (finished.directory / place).rglob("*"):
            if path.is_file():
                content = path.read_bytes().decode(errors="replace")
                assert brief not in content, path.name
                assert not any(sentence in content for sentence in sentences), path.name


async def test_another_workspaces_report_is_answered_like_one_that_never_was(finished: Finished) -> None:
    ours, theirs = finished.outcomes
    person = admin_of(finished.stack, ours.workspace)
    never = "01890a5d-ac96-774b-bcce-b302099a8057"
    for path in ("/api/v1/reports/{}", "/reports/{}", "/api/v1/runs/{}", "/runs/{}"):
        kind = "run_id" if "runs" in path else "report_id"
        foreign = await person.call("GET", path.format(theirs.run[kind]))
        absent = await person.call("GET", path.format(never))
        assert foreign.status_code == absent.status_code == 404
        assert _without_ids(foreign.text, theirs.run[kind]) == _without_ids(absent.text, never)


def _without_ids(text: str, identifier: str) -> str:
    """The answer without what differs between any two requests: the id asked for, and the reference of the request."""
    lines = text.replace(identifier, "<id>")
    return "".join(part for part in lines.split('"') if "-7" not in part)
