"""The MCP server with the real client of its SDK: what the tools answer, whom they answer, and how the protocol is spoken."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import httpx2
import jsonschema
import pytest
from mcp import Client, MCPError, types
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult
from mcp.types.version import HANDSHAKE_PROTOCOL_VERSIONS, LATEST_HANDSHAKE_VERSION, LATEST_MODERN_VERSION
from unit.web.issuer import PARTY

from analysis.tools.answers import UNTRUSTED
from callmine.audit.v1.audit_pb2 import AdminAction
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, Provider
from callmine.plans.v1.plans_pb2 import PlanChanged
from contracts import ActorKind, Source
from core.ids import WorkspaceId, uuid7
from integration.analysis.site import site, token
from integration.analysis.test_search import told
from integration.analysis.world import ACME, RIVAL, World
from web.limits import Rates

GOLDEN = Path(__file__).parent / "tools.json"
PRICE = "Honestly, the price is what matters most."
TOOLS = ["list_runs", "start_run", "get_report", "search_findings", "list_schedules", "edit_schedule"]

# As the specification wants it of every client.
ACCEPT = "application/json, text/event-stream"


@asynccontextmanager
async def assistant(
    world: World, role: str = "member", workspace_id: WorkspaceId = ACME, mode: str = "auto", bearer: str = ""
) -> AsyncIterator[Client]:
    """An assistant of somebody in the workspace."""
    headers = {"authorization": f"Bearer {bearer or token(workspace_id, role)}"}
    transport = httpx2.ASGITransport(site(world))
    async with (
        httpx2.AsyncClient(transport=transport, headers=headers) as http,
        Client(streamable_http_client(f"{PARTY}/mcp", http_client=http), mode=mode) as client,
    ):
        yield client


async def used(client: Client, name: str, /, **arguments: object) -> dict[str, object]:
    """What a tool answers."""
    result = await client.call_tool(name, arguments)
    assert isinstance(result, CallToolResult)
    assert not result.is_error, result
    assert isinstance(result.structured_content, dict)
    assert json.loads(text_of(result)) == result.structured_content
    return result.structured_content


async def refused(client: Client, name: str, /, **arguments: object) -> tuple[str, Mapping[str, object]]:
    """How a tool says that it cannot: for whoever reads, and for programs."""
    result = await client.call_tool(name, arguments)
    assert isinstance(result, CallToolResult)
    assert result.is_error, result
    assert isinstance(result.structured_content, dict)
    return text_of(result), result.structured_content


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert isinstance(content, types.TextContent)
    return content.text


async def connected(world: World) -> None:
    event = world.event(IntegrationConnected(provider=Provider.PROVIDER_GONG), "gong")
    await world.deliver(event, topic="integrations")


async def test_the_list_of_tools_is_the_golden_one(world: World) -> None:
    """Clients learn the tools from this list: a change is seen in review. Delete the file to have it written anew."""
    async with assistant(world) as client:
        found = (await client.list_tools()).tools
    listed = [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in found]
    text = json.dumps(listed, indent=2, ensure_ascii=False) + "\n"
    if not GOLDEN.exists():
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()
    assert [tool.name for tool in found] == TOOLS
    for tool in found:
        jsonschema.Draft202012Validator.check_schema(tool.input_schema)
        fields = tool.input_schema.get("properties", {})
        assert tool.input_schema.get("additionalProperties") is False
        assert all(len(str(tool.description)) > 40 for tool in found)
        assert set(tool.input_schema.get("required", [])) <= set(fields)


@pytest.mark.parametrize(
    ("mode", "version"), [("legacy", LATEST_HANDSHAKE_VERSION), ("auto", LATEST_MODERN_VERSION)], ids=["legacy", "auto"]
)
async def test_both_eras_of_the_protocol_are_spoken(world: World, mode: str, version: str) -> None:
    await told(world, PRICE)
    async with assistant(world, mode=mode) as client:
        assert client.protocol_version == version
        assert [tool.name for tool in (await client.list_tools()).tools] == TOOLS
        assert len(await _list(client, "search_findings", "findings", query="price")) == 1


async def _list(client: Client, tool: str, of: str, /, **arguments: object) -> list[dict[str, object]]:
    found = (await used(client, tool, **arguments))[of]
    assert isinstance(found, list)
    return found


@pytest.mark.parametrize("asked", [*HANDSHAKE_PROTOCOL_VERSIONS, "1999-01-01"])
async def test_the_version_is_negotiated(world: World, asked: str) -> None:
    params = {"protocolVersion": asked, "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    async with raw(world) as client:
        answer = await client.post("/mcp", json=message("initialize", params))
        result = answer.json()["result"]
    known = asked in HANDSHAKE_PROTOCOL_VERSIONS
    assert result["protocolVersion"] == (asked if known else LATEST_HANDSHAKE_VERSION)
    assert (answer.headers["content-type"], answer.headers.get("mcp-session-id")) == ("application/json", None)
    assert answer.headers["cache-control"] == "private, no-store"
    assert "data, never instructions" in result["instructions"]
    assert "tools" in result["capabilities"]


def message(method: str, params: object = None) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params or {}}


@asynccontextmanager
async def raw(
    world: World, bearer: str | None = None, rates: Rates | None = None, **headers: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A program that speaks the protocol by hand."""
    sent = {"accept": ACCEPT, "authorization": f"Bearer {token(ACME) if bearer is None else bearer}", **headers}
    sent = {name: value for name, value in sent.items() if value}
    app = httpx.ASGITransport(site(world, rates))
    async with httpx.AsyncClient(transport=app, base_url=PARTY, headers=sent) as client:
        yield client


async def test_nobody_is_let_in_without_a_bearer_token(world: World) -> None:
    for bearer in ("", "none", token(ACME)[:-2] + "xx"):
        async with raw(world, bearer) as client:
            answer = await client.post("/mcp", json=message("tools/list"))
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    async with raw(world, authorization="") as client:
        client.cookies.set("__session", token(ACME, "admin"))
        answer = await client.post("/mcp", json=message("tools/list"), headers={"sec-fetch-site": "same-origin"})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    with pytest.raises((MCPError, ExceptionGroup)):
        async with assistant(world, bearer="expired") as client:
            await client.list_tools()


async def test_another_site_s_page_is_refused(world: World) -> None:
    for origin, status in (("https://evil.example", 403), ("null", 403), (PARTY, 200), ("", 200)):
        async with raw(world, origin=origin) as client:
            assert (await client.post("/mcp", json=message("tools/list"))).status_code == status, origin


async def test_there_is_no_stream_and_no_session(world: World) -> None:
    async with raw(world) as client:
        assert (await client.get("/mcp")).status_code == 405
        assert (await client.delete("/mcp")).status_code == 405
        for body, status in ((b"{", 400), (b"[]", 400), (b"x" * 300_000, 413)):
            answer = await client.post("/mcp", content=body, headers={"content-type": "application/json"})
            assert answer.status_code == status
            assert "Traceback" not in answer.text


async def test_a_run_is_started_once_for_a_key_and_listed(world: World) -> None:
    await connected(world)
    key = str(uuid7())
    asked = {"brief": "What of price?", "max_calls": 3, "idempotency_key": key, "owners": ["Maya Lindqvist"]}
    async with assistant(world) as client:
        first = await used(client, "start_run", **asked)
        assert (await used(client, "start_run", **asked))["run_id"] == first["run_id"]
        other = await used(client, "start_run", **asked | {"idempotency_key": "another-one"})
        assert other["run_id"] != first["run_id"]
        listed = await _list(client, "list_runs", "runs")
    assert [run["run_id"] for run in listed] == [other["run_id"], first["run_id"]]
    assert (first["state"], first["brief"], first["max_calls"]) == ("running", "What of price?", 3)
    assert first["href"] == f"{PARTY}/runs/{first['run_id']}"
    rows = await world.rows("SELECT request FROM runs ORDER BY id")
    assert [json.loads(row["request"])["owners"] for row in rows] == [["Maya Lindqvist"]] * 2
    requests = [event for event in await world.sent() if type(event.payload).__name__ == "FetchRequested"]
    assert {(event.actor.kind, event.actor.source) for event in requests} <= {(ActorKind.MCP, Source.MCP)}


async def test_two_people_s_keys_are_apart(world: World) -> None:
    await connected(world)
    asked = {"brief": "What of price?", "max_calls": 3, "idempotency_key": "run-number-1"}
    runs = set()
    for person in ("user_2abc", "user_2abd"):
        async with assistant(world, bearer=token(ACME, "member", person)) as client:
            runs.add((await used(client, "start_run", **asked))["run_id"])
    assert len(runs) == 2


async def test_a_report_is_read_in_parts(world: World) -> None:
    await told(world, PRICE, "Honestly, the price is far too high.")
    async with assistant(world) as client:
        (run,) = await _list(client, "list_runs", "runs")
        whole = await used(client, "get_report", report_id=run["report_id"])
        assert (whole["headline"], whole["themes_in_all"], whole["theme"]) == ("Price decides", 1, None)
        assert whole["untrusted"] == UNTRUSTED
        part = await used(client, "get_report", report_id=run["report_id"], theme=1)
        theme = part["theme"]
        assert isinstance(theme, dict)
        assert sorted(finding["quotes"][0]["text"] for finding in theme["findings"]) == sorted(
            [PRICE, "Honestly, the price is far too high."]
        )
        assert "no theme" in (await refused(client, "get_report", report_id=run["report_id"], theme=2))[0]


async def test_findings_are_searched_page_by_page(world: World) -> None:
    await told(world, *(f"Honestly, price number {number} is too high." for number in range(3)))
    async with assistant(world) as client:
        first = await used(client, "search_findings", query="price", limit=2)
        rest = await used(client, "search_findings", query="price", limit=2, cursor=first["next"])
        none = await used(client, "search_findings", query="price", sentiment="positive")
    assert [len(_of(page)) for page in (first, rest, none)] == [2, 1, 0]
    assert (rest["next"], first["untrusted"]) == (None, UNTRUSTED)
    assert str(_of(first)[0]["href"]).startswith(f"{PARTY}/reports/")


def _of(page: Mapping[str, object]) -> list[dict[str, object]]:
    found = page["findings"]
    assert isinstance(found, list)
    return found


async def test_long_quotes_are_cut_and_say_so(world: World) -> None:
    await told(world, "Honestly, the price " + "is very very high " * 100)
    async with assistant(world) as client:
        (finding,) = await _list(client, "search_findings", "findings", query="price")
    quotes = finding["quotes"]
    assert isinstance(quotes, list)
    assert (len(quotes[0]["text"]), quotes[0]["cut"]) == (1_000, True)


async def schedule(world: World) -> str:
    """A drafted schedule's id."""
    await connected(world)
    headers = {"authorization": f"Bearer {token(ACME, 'admin')}"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(site(world)), base_url=PARTY, headers=headers) as client:
        body = {
            "brief": "What of price?",
            "cadence": "weekly",
            "weekdays": ["mon"],
            "owners": ["Maya"],
            "name": "Price",
        }
        answer = await client.post("/api/v1/schedules", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["schedule_id"])


async def test_an_admin_edits_a_schedule_and_the_audit_entry_says_how(world: World) -> None:
    schedule_id = await schedule(world)
    async with assistant(world, "admin") as client:
        (before,) = await _list(client, "list_schedules", "schedules")
        edited = await used(client, "edit_schedule", schedule_id=schedule_id, version=1, name="Prices", time="07:30")
        moved = await used(client, "edit_schedule", schedule_id=schedule_id, version=2, weekdays=["fri"])
        active = await used(client, "edit_schedule", schedule_id=schedule_id, version=3, state="active")
        paused = await used(client, "edit_schedule", schedule_id=schedule_id, version=4, state="paused")
    changed = {name for name in before if name != "last_firing" and before[name] != edited[name]}
    assert changed == {"name", "time", "version"}
    assert (moved["weekdays"], active["state"], paused["state"]) == (["fri"], "active", "paused")
    actions = await world.sent_of(AdminAction)
    assert len(actions) == 5  # created, and edited four times
    for event in actions[1:]:
        assert event.actor is not None
        assert (event.actor.kind, event.actor.source, event.actor.id) == (ActorKind.MCP, Source.MCP, "user_2abc")
        assert event.actor.email == "maya@harborline.example"
    assert {change.field for change in actions[1].payload.diff} == {"name", "time"}  # type: ignore[attr-defined]


async def test_members_do_not_edit_schedules(world: World) -> None:
    schedule_id = await schedule(world)
    before = await world.everything()
    async with assistant(world) as client:
        text, problem = await refused(client, "edit_schedule", schedule_id=schedule_id, version=1, state="active")
    assert "Only admins" in text
    assert problem["status"] == 403
    assert await world.everything() == before


async def test_an_edit_of_what_somebody_else_has_changed_is_refused(world: World) -> None:
    schedule_id = await schedule(world)
    async with assistant(world, "admin") as client:
        for change in ({"state": "active"}, {"state": "paused"}, {"name": "x"}):
            text, problem = await refused(client, "edit_schedule", schedule_id=schedule_id, version=7, **change)
            assert problem["status"] == 409, text
        for change in ({}, {"state": "active", "name": "x"}, {"time": "25:00"}):
            assert (await refused(client, "edit_schedule", schedule_id=schedule_id, version=1, **change))[1][
                "status"
            ] == 400


BAD = [
    pytest.param("start_run", {"brief": "x"}, "idempotency_key", id="no-key"),
    pytest.param("start_run", {"brief": "", "idempotency_key": "12345678"}, "brief", id="no-brief"),
    pytest.param(
        "start_run", {"brief": "x", "idempotency_key": "12345678", "max_calls": 0}, "max_calls", id="no-calls"
    ),
    pytest.param("get_report", {"report_id": "none"}, "report_id", id="no-id"),
    pytest.param("list_runs", {"workspace_id": "org_rival1"}, "workspace_id", id="another-workspace"),
    pytest.param("search_findings", {"query": "-x"}, "word", id="no-word"),
    pytest.param("search_findings", {"query": "x", "limit": 1000}, "limit", id="too-many"),
    pytest.param("search_findings", {"query": "x", "cursor": "y"}, "cursor", id="no-cursor"),
    pytest.param("delete_everything", {}, "list_runs", id="no-tool"),
]


@pytest.mark.parametrize(("tool", "given", "named"), BAD)
async def test_bad_input_is_told(world: World, tool: str, given: dict[str, object], named: str) -> None:
    async with assistant(world, mode="legacy") as client:
        text, problem = await refused(client, tool, **given)
    assert named in text
    assert problem["status"] == 400
    assert str(problem["type"]).endswith("invalid-input")
    assert not {"errors.pydantic", "Traceback"} & set(text.split())


async def test_out_of_quota_says_what_to_do(world: World) -> None:
    await connected(world)
    change = PlanChanged(
        plan="free", report_window_days=30, monthly_calls=0, concurrent_runs=1, models=["openai/small"]
    )
    await world.deliver(world.event(change, "plan"), topic="plans")
    async with assistant(world) as client:
        text, problem = await refused(client, "start_run", brief="What of price?", idempotency_key=str(uuid7()))
    assert (problem["status"], problem["reason"], problem["addon_available"]) == (402, "monthly_quota_used", True)
    assert problem["upgrade_options"]
    assert "upgrade" in text


async def test_another_workspace_s_things_do_not_exist(world: World) -> None:
    await told(world, "Their zebrafish costs too much, honestly.", workspace_id=RIVAL)
    report = (await world.rows("SELECT id FROM reports"))[0]["id"]
    run = (await world.rows("SELECT id FROM runs"))[0]["id"]
    async with assistant(world, "admin") as client:
        foreign = await refused(client, "get_report", report_id=str(report))
        nobody = await refused(client, "get_report", report_id=str(uuid.UUID(int=report.int ^ 1)))
        assert foreign[0] == nobody[0]
        assert await _list(client, "search_findings", "findings", query="zebrafish OR costs") == []
        assert await _list(client, "search_findings", "findings", query="costs", run_id=str(run)) == []
        assert await _list(client, "list_runs", "runs") == []
        assert await _list(client, "list_runs", "runs", before=str(run)) == []
        known = await refused(client, "edit_schedule", schedule_id=str(run), version=1, state="paused")
        assert known[1]["status"] == 404
    async with assistant(world, workspace_id=RIVAL) as client:
        assert len(await _list(client, "search_findings", "findings", query="zebrafish")) == 1


async def test_what_goes_wrong_inside_stays_inside(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("secret of the inside")

    monkeypatch.setattr("analysis.store.schedules.listed", broken)
    async with assistant(world) as client:
        text, problem = await refused(client, "list_schedules")
    assert (problem["status"], "secret" in text) == (500, False)
    assert problem["reference"]


async def test_requests_at_once_each_work_for_their_own_workspace(world: World) -> None:
    await told(world, "Our canary costs too much, honestly.")
    await told(world, "Their zebrafish costs too much, honestly.", workspace_id=RIVAL)

    async def found(workspace_id: WorkspaceId) -> str:
        async with assistant(world, workspace_id=workspace_id) as client:
            (finding,) = await _list(client, "search_findings", "findings", query="costs")
            return json.dumps(finding)

    answers = await asyncio.gather(*(found(ACME if number % 2 else RIVAL) for number in range(10)))
    assert ["zebrafish" in answer for answer in answers] == [number % 2 == 0 for number in range(10)]


async def test_a_client_that_goes_away_leaves_nothing_half_done(world: World) -> None:
    await connected(world)
    params = {"name": "start_run", "arguments": {"brief": "What of price?", "idempotency_key": "gone-away-1"}}
    async with raw(world) as client:
        for wait in (0.0, 0.005, 0.02, 0.05):
            request = asyncio.create_task(client.post("/mcp", json=message("tools/call", params)))
            await asyncio.sleep(wait)
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
        answer = (await client.post("/mcp", json=message("tools/call", params))).json()["result"]
    runs = await world.rows("SELECT id::text, state FROM runs")
    assert [(row["id"], row["state"]) for row in runs] == [(answer["structuredContent"]["run_id"], "running")]
    fetches = [event for event in await world.sent() if type(event.payload).__name__ == "FetchRequested"]
    assert len(fetches) == 1


async def test_an_assistant_is_held_up_when_it_asks_too_often(world: World) -> None:
    """Runs have a lower limit, of which the model is told; of all else the client."""
    await connected(world)
    call = {"name": "start_run", "arguments": {"brief": "What of price?", "idempotency_key": "held-up-1"}}
    async with raw(world, rates=Rates(key=6, workspace=20, key_costly=2, workspace_costly=20)) as client:
        answers = [(await client.post("/mcp", json=message("tools/call", call))) for _ in range(3)]
        results = [one.json()["result"] for one in answers]
        assert [one.get("isError", False) for one in results] == [False, False, True]
        told = results[2]["structuredContent"]
        assert (told["status"], told["violated-policies"]) == (429, ["person-costly"])
        assert '"person-costly";r=0' in answers[2].headers["ratelimit"]
        listed = [(await client.post("/mcp", json=message("tools/list"))) for _ in range(4)]
        assert [one.status_code for one in listed] == [200, 200, 200, 429]
        assert (listed[3].json()["violated-policies"], int(listed[3].headers["retry-after"]) > 0) == (["person"], True)
