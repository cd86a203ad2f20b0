"""Two workspaces at home in the five services: one that asks, and one whose ids it has got hold of."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

import httpx
from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts
from google.protobuf.message import Message

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated
from contracts import Event
from core.ids import WorkspaceId, uuid7
from integration.analysis.world import call_document
from isolation.interference.world import World
from local.sandbox.clerk.people import HARBORLINE, QUILLSTONE, Organization, Person
from testkit.messages import deliver
from testkit.outside import ADMIN, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service
from web import access

# The foreign workspace writes this word into whatever it writes.
FOREIGN_WORD = "Quillstone"

_DAILY = {"cadence": "daily", "time": "09:00", "range": "last_7_days"}

ROLES = ("admin", "member")
WAYS = ("browser", "htmx", "program")


@dataclass(frozen=True, slots=True)
class Belongings:
    """Ids of what one workspace has in analysis, audit, ingest and retention."""

    preview_id: str
    run_id: str
    report_id: str
    schedule_id: str
    call_id: str
    request_id: str
    entry_id: str
    user_id: str
    invitation_id: str
    delivery_id: str
    notice_id: str
    key_id: str
    grant_id: str
    person_erasure: str

    def of(self, parameter: str) -> str:
        """The id that a path parameter asks for."""
        return str(getattr(self, parameter))


@dataclass(frozen=True, slots=True)
class Town:
    """Both, settled. `mine` asks; `theirs` is foreign to it."""

    world: World
    mine: Belongings
    theirs: Belongings
    _clients: dict[tuple[str, str, str], httpx.AsyncClient] = field(default_factory=dict)

    def client(self, service: str, role: str, way: str) -> httpx.AsyncClient:
        """Somebody of the asking workspace, the same one each time; "nobody" is a browser without a session."""
        key = (service, role, way)
        if key not in self._clients:
            self._clients[key] = self._made(*key)
        return self._clients[key]

    def _made(self, service: str, role: str, way: str) -> httpx.AsyncClient:
        if role == "nobody":
            return self.world.services[service].browser()
        person = ADMIN if role == "admin" else MEMBER
        return client_of(self.world.services[service], self.world.surroundings.outside, person, HARBORLINE, way)


def client_of(
    service: Service, outside: Outside, person: Person, organization: Organization, way: str
) -> httpx.AsyncClient:
    """A browser, htmx in a browser, or a program; each request under the same correlation id, so that answers can be compared."""
    token = outside.token(person, organization)
    client = service.program(token) if way == "program" else service.browser(token)
    client.headers["x-correlation-id"] = "compared-with-another"
    if way == "htmx":
        client.headers.update({"hx-request": "true", "accept": "*/*"})
    return client


async def settle(world: World, organization: Organization, person: Person) -> Belongings:
    """Give a workspace one of everything."""
    workspace_id = WorkspaceId(organization.organization_id)
    told = Event(
        workspace_id=workspace_id,
        payload=WorkspaceCreated(name=organization.name, slug=organization.slug, timezone="UTC"),
        producer="ingest",
        aggregate_id=workspace_id,
        sequence=1,
    )
    for service in ("analysis", "retention"):
        await deliver(world.services[service].consumer("workspaces"), told)
    action = AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
        target_kind="workspace",
        target_id=workspace_id,
    )
    audited = _event(workspace_id, action, workspace_id, 1)
    await deliver(world.services["audit"].consumer("audit"), audited)
    async with client_of(world.services["analysis"], world.surroundings.outside, person, organization, "program") as it:
        chosen = await it.put("/api/v1/delivery", json={"channel": "C0SALES0001", "version": 0})
        assert chosen.status_code == 200, chosen.text
    preview_id, run_id, schedule_id, request_id = await _ask(world, organization, person)
    call_id = f"call-{organization.slug}"
    report_id = await _report(world, workspace_id, run_id, call_id)
    await _export(world, organization, person, report_id)
    invitation_id = f"orginv_{organization.slug}01"
    await _people(world, workspace_id, organization, person, invitation_id)
    entry_id = str(audited.event_id)
    delivery_id = await _one_id(world, "SELECT id FROM deliveries WHERE run_id = $1::uuid", run_id)
    notice_id = await _one_id(world, "SELECT id FROM page_notices WHERE run_id = $1::uuid", run_id)
    return Belongings(
        preview_id,
        run_id,
        report_id,
        schedule_id,
        call_id,
        request_id,
        entry_id,
        person.user_id,
        invitation_id,
        delivery_id,
        notice_id,
        await _key(world, workspace_id, person),
        await _staff_access(world, workspace_id),
        await _person_erasure(world, organization, person),
    )


async def _person_erasure(world: World, organization: Organization, person: Person) -> str:
    """A request to erase somebody's data, which can be taken back for a day."""
    email = f"left@{organization.slug}.example"
    outside = world.surroundings.outside
    async with client_of(world.services["retention"], outside, person, organization, "program") as it:
        asked = await it.post("/api/v1/erasure/people", json={"email": email, "confirmation": email})
    assert asked.status_code == 202, asked.text
    return str(asked.json()["id"])


async def _one_id(world: World, statement: str, run_id: str) -> str:
    [row] = await world.sql("analysis", statement, run_id)
    return str(row["id"])


async def _people(
    world: World, workspace_id: WorkspaceId, organization: Organization, person: Person, invitation_id: str
) -> None:
    """An admin, and somebody invited, as Clerk's webhooks leave them in ingest."""
    await world.sql(
        "ingest",
        "INSERT INTO workspaces (workspace_id, name, slug, source_updated_at) VALUES ($1, $2, $3, now())",
        workspace_id,
        organization.name,
        organization.slug,
    )
    await world.sql(
        "ingest",
        "INSERT INTO members (workspace_id, user_id, email, role, removed, source_updated_at, sequence)"
        " VALUES ($1, $2, $3, 'admin', false, now(), 1)",
        workspace_id,
        person.user_id,
        person.email,
    )
    await world.sql(
        "ingest",
        "INSERT INTO invitations (workspace_id, id, email, role, state, invited_at, source_updated_at, sequence)"
        " VALUES ($1, $2, $3, 'member', 'pending', now(), now(), 1)",
        workspace_id,
        invitation_id,
        f"somebody@{organization.slug}.example",
    )


async def _key(world: World, workspace_id: WorkspaceId, person: Person) -> str:
    """An API key that nobody has."""
    key_id = uuid7()
    await world.sql(
        "ingest",
        "INSERT INTO api_keys (workspace_id, id, request_id, digest, name, scopes, role, created_by, created_by_email, created_at)"
        " VALUES ($1, $2, $2, sha256('nobody has it'), 'Export', '{runs:read}', 'member', $3, $4, now())",
        workspace_id,
        key_id,
        person.user_id,
        person.email,
    )
    return str(key_id)


async def _staff_access(world: World, workspace_id: WorkspaceId) -> str:
    """Somebody of our staff has looked in, and has not finished."""
    grant_id = uuid7()
    await world.sql(
        "audit",
        "INSERT INTO staff_grants (workspace_id, id, staff, service, reason, ticket, minutes)"
        " VALUES ($1, $2, 'ada@callmine.example', 'analysis', 'support', 'SUP-1', 60)",
        workspace_id,
        grant_id,
    )
    await world.sql(
        "audit",
        "INSERT INTO staff_decisions (workspace_id, grant_id, kind, staff, decided_by, by_staff)"
        " VALUES ($1, $2, 'approved', 'ada@callmine.example', 'grace@callmine.example', true)",
        workspace_id,
        grant_id,
    )
    await world.sql(
        "audit",
        "INSERT INTO staff_reads"
        " (workspace_id, grant_id, statement_id, step, service, staff, question, reads, about, rows, told_at)"
        " VALUES ($1, $2, $2, 'asked', 'analysis', 'ada@callmine.example', 'runs', 'The newest runs', '', 0, now())",
        workspace_id,
        grant_id,
    )
    return str(grant_id)


async def _ask(world: World, organization: Organization, person: Person) -> tuple[str, str, str, str]:
    request_id = str(uuid7())
    question = {
        "brief": f"{organization.name}: what do buyers say about price?",
        "max_calls": 5,
        "request_id": request_id,
    }
    service, outside = world.services["analysis"], world.surroundings.outside
    async with client_of(service, outside, person, organization, "program") as client:
        preview = (await client.post("/api/v1/previews", json={**question, "request_id": None})).json()
        run = (await client.post("/api/v1/runs", json=question)).json()
        schedule = (await client.post("/api/v1/schedules", json={**question, "request_id": None, **_DAILY})).json()
    return preview["preview_id"], run["run_id"], schedule["schedule_id"], request_id


async def _report(world: World, workspace_id: WorkspaceId, run_id: str, call_id: str) -> str:
    """Let the run come to its end with one call."""
    body = json.dumps(call_document(call_id)).encode()
    stored = await world.bucket.workspace(workspace_id).put(f"calls/{call_id}/1.json.gz", body)
    fetched = CallFetched(run_id=run_id, call_id=call_id, object_name=stored.name, sha256=stored.sha256)
    fetched.started_at.FromDatetime(datetime(2026, 3, 2, tzinfo=UTC))
    completed = FetchCompleted(run_id=run_id, calls_fetched=1, calls_matching=1)
    await deliver(
        world.services["analysis"].consumer("calls"),
        _event(workspace_id, fetched, run_id, 1),
        _event(workspace_id, completed, run_id, 2),
    )
    await world.analyse()
    rows = await world.sql("analysis", "SELECT report_id FROM runs WHERE id = $1::uuid", run_id)
    return str(rows[0]["report_id"])


async def _export(world: World, organization: Organization, person: Person, report_id: str) -> None:
    """The report as a file that is ready, asked for by the person: export number 1."""
    service, outside = world.services["analysis"], world.surroundings.outside
    async with client_of(service, outside, person, organization, "program") as client:
        assert (await client.post(f"/api/v1/reports/{report_id}/exports?format=pdf")).status_code == 202
    await world.analyse()


def _event(workspace_id: WorkspaceId, payload: Message, aggregate_id: str, sequence: int) -> Event[Message]:
    return Event(
        workspace_id=workspace_id, payload=payload, producer="ingest", aggregate_id=aggregate_id, sequence=sequence
    )


async def built(world: World) -> Town:
    """Both workspaces, the foreign one first."""
    theirs = await settle(world, QUILLSTONE, OTHER_ADMIN)
    mine = await settle(world, HARBORLINE, ADMIN)
    return Town(world, mine, theirs)


@dataclass(frozen=True, slots=True)
class Route:
    """One route of one service, and one of its methods."""

    service: str
    method: str
    path: str
    route: APIRoute

    def __str__(self) -> str:
        return f"{self.service} {self.method} {self.path}"

    @property
    def dependants(self) -> list[Dependant]:
        """What it takes, and what its dependencies take."""
        return list(_with_all_below(self.route.dependant))

    @property
    def is_tenants(self) -> bool:
        """Whether it works in the workspace of a session."""
        return any(one.call is access.member for one in self.dependants)

    @property
    def is_admins(self) -> bool:
        """Whether it turns members away."""
        return any(one.call is access.admin for one in self.dependants)

    @property
    def parameters(self) -> list[str]:
        """Names of its path parameters, in their order."""
        return [field.alias for field in self.route.dependant.path_params]

    def filled(self, ids: Mapping[str, str]) -> str:
        """The path with `ids` in it."""
        # Without what a parameter may hold: {number:path}.
        return re.sub(r":\w+}", "}", self.path).format(**ids)


def _with_all_below(dependant: Dependant) -> Iterator[Dependant]:
    yield dependant
    for one in dependant.dependencies:
        yield from _with_all_below(one)


def routes_of(world: World) -> Iterator[Route]:
    """Every route of the five services, FastAPI's own kind: there is no other."""
    for name, service in world.services.items():
        app = service.app.app
        assert isinstance(app, FastAPI)
        for found in iter_route_contexts(app.routes):
            route = found.original_route
            assert isinstance(route, APIRoute), f"{name} has a route of another kind: {route!r}"
            for method in sorted(found.methods or ()):
                yield Route(name, method, found.path or "", route)


def next_to(text: str) -> str:
    """An id of the same form that nobody has: the last bit of a UUID flipped, the last letter of another text changed."""
    try:
        return str(uuid.UUID(int=uuid.UUID(text).int ^ 1))
    except ValueError:
        return text[:-1] + ("x" if text[-1] != "x" else "y")
