"""Two workspaces' work side by side in the same workers: prompts, messages, log lines, storage and providers keep them apart."""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx2
import pytest
import trustme

from analysis.models.port import Prompt
from audit.main import compose
from audit.settings import Settings
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.calls.v1.calls_pb2 import CallFetched
from cloud import Endpoint
from cloud.names import own_name
from cloud.objects import GoogleObjects
from contracts import Event
from core.errors import InvalidInput
from core.ids import WorkspaceId, uuid7
from core.log import JsonFormatter
from egress import Destination, Egress
from integration.analysis.world import ACME, MAYA, RIVAL, World, call_document, question
from integration.analysis.world import world as opened
from integration.egress.scripted_provider import Provider, SettableClock, answer
from local.storage import StorageServer, StorageSettings
from local.tls import Authority
from messaging import Verdict
from testkit.messages import delivery, parked_reasons
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import settings_for, started

WORDS = {ACME: "Zaffre", RIVAL: "Vermilion"}


@pytest.fixture
async def world(new_database: NewDatabase, postgres_url: str) -> AsyncIterator[World]:
    async with opened(await new_database("analysis"), postgres_url) as made:
        yield made


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """Every log line of the test as it would be written."""
    written: list[dict[str, object]] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            written.append(json.loads(JsonFormatter("analysis").format(record)))

    handler, root = Kept(logging.DEBUG), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


async def _ask(world: World, workspace_id: WorkspaceId, calls: int) -> None:
    """A run whose brief and calls hold the workspace's word everywhere a text can be."""
    word = WORDS[workspace_id]
    run_id = await world.desk.start(workspace_id, question(brief=f"What do buyers of {word} say?"), MAYA)
    for number in range(calls):
        # Both workspaces have calls of the same id: another company's Gong counts from the same start.
        document = call_document(f"call{number}", f"{word} costs more than we planned for.")
        document |= {"title": f"{word} {number}", "deal": {"account": f"{word} Foods", "segment": word}}
        await world.deliver(await world.fetched(run_id, f"call{number}", workspace_id, document))
    await world.deliver(world.completed(run_id, calls, workspace_id=workspace_id))


async def test_a_prompt_holds_one_workspace_and_no_id_of_any(world: World) -> None:
    async with asyncio.TaskGroup() as both:
        for workspace_id in (ACME, RIVAL):
            both.create_task(_ask(world, workspace_id, 5))
    await world.work()
    # The summary is asked with the same words, so that each prompt can be told by its own.
    assert len(world.model.asked) == 12
    for prompt in world.model.asked:
        words = {word for word in WORDS.values() if word in prompt.document}
        assert len(words) == 1
        assert not any(told in prompt.document + prompt.instructions for told in (ACME, RIVAL, MAYA.id, MAYA.email))
    for prompt in world.model.asked:
        assert prompt.instructions == next(p.instructions for p in world.model.asked if p.task == prompt.task)


async def test_what_is_said_and_stored_of_a_run_is_its_workspaces(world: World) -> None:
    await _ask(world, ACME, 2)
    await _ask(world, RIVAL, 3)
    await world.work()
    for event in await world.sent():
        rows = await world.rows(f"SELECT workspace_id FROM outbox WHERE event_id = '{event.event_id}'")
        assert [row["workspace_id"] for row in rows] == [event.workspace_id]
    keys = await world.rows("SELECT workspace_id, ordering_key, attributes->>'ce-workspaceid' AS told FROM outbox")
    assert all(row["ordering_key"].startswith(f"{row['workspace_id']}/") for row in keys)
    assert all(row["told"] == row["workspace_id"] for row in keys)
    for workspace_id, other in ((ACME, RIVAL), (RIVAL, ACME)):
        for table in ("reports", "analyses", "findings", "quotes", "run_calls"):
            stored = str(await world.rows(f"SELECT * FROM {table} WHERE workspace_id = '{workspace_id}'"))
            assert stored != "[]"
            assert WORDS[other] not in stored
            assert f"workspaces/{other}/" not in stored


async def test_a_log_line_of_the_workers_names_the_workspace_it_worked_for(
    world: World, lines: list[dict[str, object]]
) -> None:
    def fail(prompt: Prompt) -> str:
        raise LookupError(prompt.document)

    world.model.script = fail
    await _ask(world, ACME, 1)
    await _ask(world, RIVAL, 1)
    await world.work()
    told = [line.get("workspace_id") for line in lines if line["logger"] == "analysis.workers"]
    assert set(told) == {ACME, RIVAL}
    text = json.dumps(lines)
    assert not any(word in text for word in (*WORDS.values(), MAYA.email))


async def _foreign(world: World) -> dict[str, str]:
    """Names of objects that ACME's message must not make anybody read."""
    theirs = (await world.objects.workspace(RIVAL).put("calls/c1/secret.json.gz", b"{}")).name
    inside = theirs.removeprefix("workspaces/")
    return {
        "another workspace's": theirs,
        "another workspace's by a way around": f"workspaces/{ACME}/../{inside}",
        "another workspace's below mine": f"workspaces/{ACME}/{theirs}",
        "a workspace's whose id begins like mine": theirs.replace(RIVAL, f"{ACME}0"),
        "relative": "calls/c1/secret.json.gz",
        "absolute": f"/{theirs}",
        "in an address": f"gs://calls/{theirs}",
        "escaped": f"workspaces/{ACME}/%2e%2e/{inside}",
        "with a nul": f"workspaces/{ACME}/calls/c1\x00/{theirs}",
        "with a line end": f"workspaces/{ACME}/calls/c1\n",
        "nothing but my folder": f"workspaces/{ACME}/",
        "nothing": "",
    }


_FOREIGN = (
    "another workspace's",
    "another workspace's by a way around",
    "another workspace's below mine",
    "a workspace's whose id begins like mine",
    "relative",
    "absolute",
    "in an address",
    "escaped",
    "with a nul",
    "with a line end",
    "nothing but my folder",
    "nothing",
)


@pytest.mark.parametrize("which", _FOREIGN)
async def test_a_call_announced_under_another_name_is_parked_and_never_read(world: World, which: str) -> None:
    run_id = await world.desk.start(ACME, question(), MAYA)
    name = (await _foreign(world))[which]
    message = CallFetched(run_id=str(run_id), call_id="c1", object_name=name, sha256="0" * 64)
    message.started_at.GetCurrentTime()
    assert await world.deliver(world.event(message, str(run_id))) == [Verdict.ACK]
    (parked,) = await world.rows("SELECT workspace_id, reason FROM parked")
    assert parked["workspace_id"] == ACME
    assert RIVAL not in parked["reason"]
    assert await world.rows("SELECT * FROM run_calls") == []
    await world.work()
    assert world.model.asked == []


def test_every_foreign_name_is_refused_by_the_one_who_builds_names() -> None:
    assert own_name(ACME, f"workspaces/{ACME}/calls/c1/1.json.gz").endswith("1.json.gz")
    for name in (f"workspaces/{RIVAL}/a", f"workspaces/{ACME}/../{RIVAL}/a", "calls/a", "", f"workspaces/{ACME}"):
        with pytest.raises(InvalidInput):
            own_name(ACME, name)


async def test_storage_itself_gives_a_workspace_nothing_of_another(tmp_path: Path) -> None:
    """Google's client against a server that holds both: every way of naming the other's object is refused before it is sent."""
    authority = Authority.open(tmp_path / "tls")
    settings = StorageSettings(tmp_path / "objects", authority.server("storage"), buckets=("calls",))
    with StorageServer.start(settings) as server:
        endpoint = Endpoint(address=server.endpoint, ca_file=authority.ca_file)
        store = GoogleObjects(bucket="calls", endpoint=endpoint)
        theirs = await store.workspace(RIVAL).put("calls/c1/1.json.gz", b"theirs")
        mine = store.workspace(ACME)
        for name in (theirs.name, f"../{RIVAL}/calls/c1/1.json.gz", f"workspaces/{ACME}/../{RIVAL}/calls/c1/1.json.gz"):
            with pytest.raises(InvalidInput):
                await mine.get(name, theirs.sha256)
            with pytest.raises(InvalidInput):
                await mine.put(name, b"mine")
            with pytest.raises(InvalidInput):
                await mine.delete(name)
        assert await store.workspace(RIVAL).get(theirs.name, theirs.sha256) == b"theirs"
        await store.close()


@pytest.mark.parametrize("target", [RIVAL, f"{RIVAL}:gong", f"{ACME}0"])
async def test_an_audit_entry_about_another_workspace_is_parked(
    new_database: NewDatabase, outside: Outside, target: str
) -> None:
    dsns = await new_database("audit")
    kind = AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED
    async with compose(settings_for(Settings, dsns, outside)) as parts, started(parts, dsns) as audit:
        for target_id, parked in ((ACME, 0), (target, 1)):
            action = AdminAction(type=kind, target_kind="workspace", target_id=target_id)
            event = Event(workspace_id=ACME, payload=action, producer="ingest", aggregate_id=str(uuid7()), sequence=1)
            assert await audit.consumer("audit").process([delivery(event)]) == [Verdict.ACK]
            assert len(await parked_reasons(dsns)) == parked
    ((workspace_id, _, reason),) = await parked_reasons(dsns)
    assert workspace_id == ACME
    assert RIVAL not in reason


@pytest.fixture
async def provider(tmp_path: Path) -> AsyncIterator[tuple[Provider, Path]]:
    """A provider that wants to remember whoever asks it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    cookies = ["set-cookie: session=of-the-first; Path=/", "set-cookie: __cf_bm=too; Secure; HttpOnly; Max-Age=1800"]
    scripted = Provider(answers=[answer(200, b"{}", "content-type: application/json", *cookies)])
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0, ssl=context)
    scripted.port = server.sockets[0].getsockname()[1]
    async with server:
        yield scripted, tmp_path / "ca.pem"


async def test_what_a_provider_sets_on_one_answer_is_not_sent_with_the_next(provider: tuple[Provider, Path]) -> None:
    """One client serves every workspace: a cookie would carry one's session into another's request."""
    scripted, ca_file = provider
    place = Destination(name="gong", base_url=f"https://127.0.0.1:{scripted.port}")
    async with Egress([place], ca_file=ca_file, clock=SettableClock()) as egress:
        for _ in range(2):
            await egress.request("gong", "GET", "/v2/calls")
        sdk = egress.httpx2_client("gong")
        assert isinstance(sdk, httpx2.AsyncClient)
        for _ in range(2):
            await sdk.get(f"https://127.0.0.1:{scripted.port}/v1/responses")
        await sdk.aclose()
    assert len(scripted.requests) == 4
    assert not any(b"cookie:" in request.lower() for request in scripted.requests)
