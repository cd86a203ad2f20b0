"""Every route of the five services: a workspace is never taken from what is sent, and another one's id is an id that nobody has."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime

import httpx
import pytest

from core.ids import WorkspaceId, uuid7
from isolation.elsewhere.town import FOREIGN_WORD, ROLES, WAYS, Route, Town, built, next_to, routes_of
from isolation.interference.surroundings import surroundings
from isolation.interference.world import opened
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE

THEIRS = WorkspaceId(QUILLSTONE.organization_id)

# What a path may hold. Ids are looked up in the session's workspace; the others name nothing of a workspace's.
IDS = frozenset(
    {
        "preview_id",
        "run_id",
        "report_id",
        "schedule_id",
        "call_id",
        "user_id",
        "invitation_id",
        "delivery_id",
        "notice_id",
        "key_id",
        "grant_id",
        "person_erasure",
    }
)
NOT_IDS = {
    "provider": "gong",  # one of three words
    "name": "nothing.css",  # a file of the service
    "subscription": "none",  # Pub/Sub's own, behind its identity token
    "endpoint": "none",  # an address of a rule in Gong, behind the signature of that rule
    "level": "0",  # of the public log's tiles
    "number": "1",  # of a report's exports, whose id stands before it; the admin's
    "workspace": "org_nobodys",  # whose erasure a link tells of: the link's signature is checked before anything is read
    "erasure": "00000000-0000-4000-8000-000000000000",  # the same
    # Retention knows of no reports and takes any id; analysis tells whether there is such a report, and of one of another workspace the
    # same as of none (tests/integration/analysis/test_report_orders.py, tests/e2e/test_report_erased.py).
    "report": "00000000-0000-4000-8000-000000000000",
    "message_id": "1",  # a parked message, behind the operators' identity token
}

# What is sent and names a workspace all the same, and scopes nothing.
NAMING = {
    # The name, typed to confirm that this is the one to be erased: it is compared with the session's own.
    "retention POST /settings/data/erasure: workspace_name",
    "retention POST /api/v1/erasure: workspace_name",
    # A link for those who cannot sign in any more: its signature names the workspace and is checked before anything is read.
    "retention GET /erasures/{workspace}/{erasure}: workspace",
    "retention GET /erasures/{workspace}/{erasure}/certificate.json: workspace",
    "retention GET /erasures/{workspace}/{erasure}/certificate.pdf: workspace",
}

TENANT_CACHE = ("private, no-store", "Accept, Authorization, Cookie, HX-Request")


@pytest.fixture(scope="module")
async def town(postgres_url: str) -> AsyncIterator[Town]:
    async with surroundings(postgres_url) as around, opened(around, "routes") as world:
        yield await built(world)


def tenant_routes(town: Town) -> list[Route]:
    found = [route for route in routes_of(town.world) if route.is_tenants]
    assert len(found) > 25
    return found


def _everything_taken(route: Route) -> Iterator[str]:
    for taken in route.dependants:
        inputs = (
            *taken.path_params,
            *taken.query_params,
            *taken.header_params,
            *taken.cookie_params,
            *taken.body_params,
        )
        for field in inputs:
            yield field.alias
            yield from getattr(field.field_info.annotation, "model_fields", {})


def test_no_route_takes_a_workspace_from_what_is_sent(town: Town) -> None:
    telling = re.compile(r"workspace|organi[sz]ation|\borg|tenant|account", re.IGNORECASE)
    taken = {f"{route}: {name}" for route in routes_of(town.world) for name in _everything_taken(route)}
    assert len(taken) > 20
    assert {one for one in taken if telling.search(one.rpartition(": ")[2])} == NAMING


def test_every_path_parameter_is_known_here(town: Town) -> None:
    names = {name for route in routes_of(town.world) for name in route.parameters}
    assert IDS <= names <= IDS | set(NOT_IDS)
    public = {str(route) for route in routes_of(town.world) if not route.is_tenants and set(route.parameters) & IDS}
    assert public == set()


def _told(answer: httpx.Response, *ids: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """All that an answer tells, with the ids that were asked for taken out: everything else must be the same, byte by byte."""
    body = answer.content
    headers = [(name, value) for name, value in answer.headers.multi_items() if name != "content-length"]
    for asked in ids:
        body = body.replace(asked.encode(), b"ID")
        headers = [(name, value.replace(asked, "ID")) for name, value in headers]
    return answer.status_code, headers, body


# What a route needs before it looks for what its path names.
_BODIES: Mapping[str, Mapping[str, object]] = {
    "/role": {"role": "member"},
    "/activate": {"version": 1},
    "/schedules/{schedule_id}": {"version": 1, "brief": "What of price?", "cadence": "daily"},
}


async def _send(town: Town, route: Route, role: str, way: str, path: str) -> httpx.Response:
    body = next((body for end, body in _BODIES.items() if route.path.endswith(end)), None)
    client = town.client(route.service, role, way)
    if route.method == "PUT" or (route.path.startswith("/api/") and body):
        return await client.request(route.method, path, json=body)
    return await client.request(route.method, path, data=body)


def _askings(town: Town, route: Route) -> Iterator[tuple[dict[str, str], dict[str, str]]]:
    """Ids for the route's path: some foreign, and beside them the same with nobody's id in their place."""
    for foreign in route.parameters:
        if foreign in IDS:
            ids = {name: town.mine.of(name) if name in IDS else NOT_IDS[name] for name in route.parameters}
            theirs = town.theirs.of(foreign)
            yield {**ids, foreign: theirs}, {**ids, foreign: next_to(theirs)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("role", ROLES)
async def test_another_workspaces_id_is_answered_as_one_that_nobody_has(town: Town, role: str, way: str) -> None:
    before = await _foreign_rows(town)
    asked = 0
    for route in tenant_routes(town):
        for foreign, nobody in _askings(town, route):
            first = await _send(town, route, role, way, route.filled(foreign))
            second = await _send(town, route, role, way, route.filled(nobody))
            status = 403 if route.is_admins and role == "member" else 404
            assert first.status_code == status, f"{route}: {first.status_code}"
            assert _told(first, *foreign.values()) == _told(second, *nobody.values()), str(route)
            assert FOREIGN_WORD.encode() not in first.content
            asked += 1
    assert asked >= 11
    assert await _foreign_rows(town) == before


async def _foreign_rows(town: Town) -> dict[str, list[str]]:
    """Every row of the foreign workspace, in all five databases."""
    rows: dict[str, list[str]] = {}
    for service in town.world.services:
        tables = await town.world.sql(
            service,
            "SELECT table_name AS name FROM information_schema.columns WHERE column_name = 'workspace_id' "
            "AND table_schema = 'public' ORDER BY 1",
        )
        for table in tables:
            found = await town.world.sql(service, f"SELECT * FROM {table['name']} WHERE workspace_id = $1", THEIRS)
            rows[f"{service}.{table['name']}"] = sorted(str(row) for row in found)
    assert sum(map(len, rows.values())) > 10
    return rows


# An export is shown to the person who asked for it, the admin; its file, by a link.
_PEOPLE: dict[str, tuple[str, ...]] = {
    "analysis GET /reports/{report_id}/exports/{number}": ("admin",),
    "analysis GET /api/v1/reports/{report_id}/exports/{number}": ("admin",),
    "analysis GET /reports/{report_id}/exports/{number}/file": (),
    "analysis GET /api/v1/reports/{report_id}/exports/{number}/file": (),
    # Nobody's data is erased yet, so there is no certificate.
    "retention GET /settings/data/people/{person_erasure}/certificate.json": (),
    "retention GET /settings/data/people/{person_erasure}/certificate.pdf": (),
}


async def test_a_file_is_handed_out_by_its_person_s_link(town: Town) -> None:
    admin = town.client("analysis", "admin", "program")
    link = (await admin.get(f"/api/v1/reports/{town.mine.report_id}/exports/1")).json()["file"]
    taken = await admin.get(link)
    assert (taken.status_code, town.mine.report_id in taken.text) == (200, True)
    assert FOREIGN_WORD not in taken.text
    member = town.client("analysis", "member", "program")
    abroad = link.replace(town.mine.report_id, town.theirs.report_id)
    assert [(await member.get(link)).status_code, (await admin.get(abroad)).status_code] == [404, 404]


async def test_my_own_ids_are_answered(town: Town) -> None:
    """The same set-up allows what is mine, so that nothing above was refused for another reason."""
    for route in tenant_routes(town):
        if route.method == "GET" and IDS & set(route.parameters):
            path = route.filled(
                {name: town.mine.of(name) if name in IDS else NOT_IDS[name] for name in route.parameters}
            )
            for role in _PEOPLE.get(str(route), ROLES):
                status = 403 if route.is_admins and role == "member" else 200
                assert (await _send(town, route, role, "browser", path)).status_code == status, str(route)


@pytest.mark.parametrize("path", ["/dashboard?before={}", "/api/v1/runs?before={}"])
async def test_a_foreign_run_is_no_place_in_my_list(town: Town, path: str) -> None:
    for role in ROLES:
        client = town.client("analysis", role, "program")
        first = await client.get(path.format(town.theirs.run_id))
        second = await client.get(path.format(next_to(town.theirs.run_id)))
        assert first.status_code == 200
        assert _told(first, town.theirs.run_id) == _told(second, next_to(town.theirs.run_id))


async def test_a_foreign_audit_entry_is_no_place_in_my_log(town: Town) -> None:
    def cursor(entry: str) -> str:
        return base64.urlsafe_b64encode(f"{datetime.now(UTC).isoformat()}|{entry}".encode()).decode()

    for path in ("/audit", "/api/v1/audit"):
        foreign, nobody = cursor(town.theirs.entry_id), cursor(next_to(town.theirs.entry_id))
        client = town.client("audit", "admin", "program")
        first = await client.get(path, params={"cursor": foreign})
        second = await client.get(path, params={"cursor": nobody})
        assert (first.status_code, town.mine.entry_id.encode() in first.content) == (200, True)
        assert _told(first, foreign) == _told(second, nobody)


async def test_a_foreign_request_id_is_a_new_one_here(town: Town) -> None:
    """The id makes a form that is sent twice one run: within a workspace, not across."""
    question = {"brief": "What do buyers say about price?", "max_calls": 1}
    answers = []
    client = town.client("analysis", "member", "program")
    for request_id in (town.theirs.request_id, str(uuid7())):
        answer = await client.post("/api/v1/runs", json={**question, "request_id": request_id})
        assert answer.status_code == 202, answer.text
        answers.append(answer.json())
        assert (await client.post(f"/api/v1/runs/{answers[-1]['run_id']}/cancel")).status_code == 200
    assert len({answer["run_id"] for answer in answers} | {town.theirs.run_id}) == 3
    assert answers[0].keys() == answers[1].keys()


_CLAIMS = (
    {"params": {"workspace_id": THEIRS, "workspace": THEIRS, "org_id": THEIRS, "organization": QUILLSTONE.slug}},
    {"headers": {"x-workspace-id": THEIRS, "x-org-id": THEIRS, "x-tenant": QUILLSTONE.slug, "ce-workspaceid": THEIRS}},
    {"headers": {"x-forwarded-host": f"{QUILLSTONE.slug}.callmine.example"}},
)

# Where a provider leads the browser back to: without an answer of the provider's there is nothing to show.
_ANSWERS = {
    # A search without words is none.
    "analysis GET /api/v1/findings": 400,
    "credential-vault GET /oauth/{provider}/callback": 409,
    # Nobody new is announced.
    "retention GET /sub-processors/shown.svg": 404,
    # Nobody has asked for an erasure, so there is no certificate.
    "retention GET /settings/data/certificate.json": 404,
    "retention GET /settings/data/certificate.pdf": 404,
    "retention GET /api/v1/erasure": 404,
    "retention GET /settings/data/reports/{report}/certificate.json": 404,
    "retention GET /settings/data/reports/{report}/certificate.pdf": 404,
    "retention GET /api/v1/erasure/reports/{report}": 404,
    "retention GET /settings/data/people/{person_erasure}/certificate.json": 404,
    "retention GET /settings/data/people/{person_erasure}/certificate.pdf": 404,
    # Leads on to the page of payments.
    "retention GET /settings/billing/return": 303,
    # And where a file is handed out by its link alone: see test_a_file_is_handed_out_by_its_person_s_link.
    "analysis GET /reports/{report_id}/exports/{number}/file": 404,
    "analysis GET /api/v1/reports/{report_id}/exports/{number}/file": 404,
    # Nothing of the town is sealed, for nothing runs in the background there.
    "audit GET /api/v1/audit/log/checkpoint": 404,
    "audit GET /api/v1/audit/log/export": 404,
    # Without the mark of a page.
    "audit GET /audit/new": 400,
    "audit GET /api/v1/audit/new": 400,
}

# What is public of the audit logs: the same for everybody, whoever asks.
_PUBLIC_LOG = {
    "/audit/log/keys",
    "/audit/log/checkpoint",
    "/audit/log/tile/{level}/{number:path}",
    "/audit/log/callmine_verify.py",
    "/audit/log/callmine_verify_selection.py",
}

# The form for a new question brings a fresh id each time, the audit log the time at which it was read.
_FRESH = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9T:.-]+Z~[0-9]+")


@pytest.mark.parametrize("claim", _CLAIMS)
async def test_naming_another_workspace_changes_no_answer(town: Town, claim: dict[str, dict[str, str]]) -> None:
    for route in tenant_routes(town):
        if route.method != "GET":
            continue
        ids = {name: town.mine.of(name) if name in IDS else NOT_IDS[name] for name in route.parameters}
        path = route.filled(ids)
        client = town.client(route.service, "admin", "browser")
        plain = await client.get(path)
        claimed = await client.get(path, params=claim.get("params"), headers=claim.get("headers"))
        assert plain.status_code == claimed.status_code == _ANSWERS.get(str(route), 200), str(route)
        assert _FRESH.sub(b"FRESH", plain.content) == _FRESH.sub(b"FRESH", claimed.content), str(route)
        assert FOREIGN_WORD.encode() not in claimed.content


def _checked(answer: httpx.Response) -> None:
    assert (answer.headers["cache-control"], answer.headers["vary"]) == TENANT_CACHE


async def test_no_cache_may_keep_what_a_session_was_answered(town: Town) -> None:
    """Whatever the answer is: a page, a part of one, JSON, a file, a redirect, an error; with and without a session."""
    for route in tenant_routes(town):
        ids = {name: town.mine.of(name) if name in IDS else NOT_IDS[name] for name in route.parameters}
        for way in WAYS:
            _checked(await _send(town, route, "member", way, route.filled(ids)))
            _checked(await _send(town, route, "admin", way, route.filled(dict.fromkeys(ids, "nobody"))))
        _checked(await _send(town, route, "nobody", "browser", route.filled(ids)))


async def test_only_files_that_are_the_same_for_everybody_may_be_kept(town: Town) -> None:
    kept = set()
    for route in routes_of(town.world):
        if not route.is_tenants and route.method == "GET":
            path = route.filled({**NOT_IDS, "name": "app.css"})
            answer = await _send(town, route, "nobody", "browser", path)
            if answer.headers["cache-control"] != TENANT_CACHE[0]:
                kept.add(route.path)
    assert kept <= {f"/assets/{service}/{{name}}" for service in town.world.services} | _PUBLIC_LOG


async def test_an_export_is_named_and_filled_by_the_workspace_alone(town: Town) -> None:
    client = town.client("analysis", "member", "program")
    mine = await client.post(f"/api/v1/reports/{town.mine.report_id}/export")
    theirs = await client.post(f"/api/v1/reports/{town.theirs.report_id}/export")
    assert (mine.status_code, theirs.status_code) == (200, 404)
    name = mine.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="callmine-report-[0-9-]{10}-[0-9a-f]{8}\.json"', name)
    assert town.mine.report_id.endswith(name[-14:-6])
    assert (mine.json()["report_id"], mine.json()["run_id"]) == (town.mine.report_id, town.mine.run_id)
    for told in (FOREIGN_WORD, THEIRS, town.theirs.call_id, town.theirs.run_id):
        assert told not in mine.text
    exports = await town.world.sql(
        "analysis", "SELECT workspace_id, report_id::text AS report FROM report_exports WHERE version = 0"
    )
    assert {tuple(row) for row in exports} == {(HARBORLINE.organization_id, town.mine.report_id)}
