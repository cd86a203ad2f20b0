"""How a chapter begins, in both worlds; and what rivals have done before it, in one of them."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from random import Random

from callmine.plans.v1.plans_pb2 import PlanChanged
from contracts.registry import TOPICS
from core.ids import uuid7
from isolation.interference.known import Foreign, Known, new_id
from isolation.interference.letters import Fresh
from isolation.interference.messages import Writer
from isolation.interference.operations import Age, Ask, Hand, Hook, Operation, Work
from isolation.interference.requests import BRIEFS, Asker, choices, request
from isolation.interference.sources import STEP, Source, drawing_from, synthesis_part
from isolation.interference.surroundings import SERVICES
from isolation.interference.tenants import GONG_KEY, GONG_SECRET, ORG, WORD, Tenant
from isolation.interference.world import World

_TRACED = (
    ("x-correlation-id", "interference"),
    ("traceparent", f"00-{'1' * 32}-{'2' * 16}-00"),
    ("content-type", "application/json"),
)


def opening(known: Known, writer: Writer) -> Iterator[Operation]:
    """A workspace comes into being, connects Gong, and has a first report."""
    yield Hook("msg_first", "organization.created", _organisation())
    for user, role in (("helen", "admin"), ("jonas", "member")):
        yield Hook(f"msg_{user}", "organizationMembership.created", _membership(user, role))
    yield from _told(known, writer)
    key = f'{{"access_key": "{GONG_KEY}", "secret": "{GONG_SECRET}"}}'
    yield Ask("credential-vault", "POST", "/api/v1/integrations/gong", "admin", True, _TRACED, key)
    yield start(0)
    yield from _told(known, writer)
    for run in known.runs:
        yield from writer.calls(run)
    yield Work("analysis")
    yield from _told(known, writer)


def _told(known: Known, writer: Writer) -> Iterator[Operation]:
    """All that is published reaches everybody, and what they publish then as well."""
    while known.waiting:
        yield from writer.everybody(known.waiting.pop(0))


def tour(rng: Random, known: Known, writer: Writer) -> Iterator[Operation]:
    """Each route and each message once, whatever is drawn later."""
    for _, make in choices(Asker(rng, known)):
        yield make()
    for service in SERVICES:
        for path in ("/livez", "/healthz", "/readyz", f"/assets/{service}/htmx-2.min.js"):
            yield Ask(service, "GET", path)
    for topic, listeners in writer.listeners.items():
        for kind in TOPICS[topic].messages:
            for listener in listeners:
                yield writer.message(listener, topic, kind, straight=True)


def requests_of(rng: Random, known: Known, gaps: Collection[tuple[str, str]]) -> Iterator[Operation]:
    """Each request that can be drawn, where it goes to one of these services by one of these methods."""
    for _, make in choices(Asker(rng, known)):
        drawn = make()
        if isinstance(drawn, Ask) and (drawn.service, drawn.method) in gaps:
            yield drawn


def anything(rng: Random, known: Known, writer: Writer) -> Sequence[Operation]:
    """One operation, or a few that belong together."""
    chance = rng.random()
    if chance < 0.66:
        return [request(rng, known)]
    if chance < 0.80:
        forward = writer.forward()
        return [forward] if forward else []
    if chance < 0.90:
        return [writer.fresh()]
    if chance < 0.93 and known.fetching:
        return writer.calls(known.fetching[-1])
    if chance < 0.997:
        return [Work("analysis" if chance < 0.97 else "ingest")]
    return [Age(rng.choice([1, 10, 40, 400]))]


def start(number: int) -> Ask:
    """A run that is asked for so that its id is the first that the source gives."""
    request_id = uuid.uuid5(uuid.NAMESPACE_OID, f"run {number}")
    body = f'{{"brief": "{BRIEFS[0]}", "max_calls": 3, "request_id": "{request_id}"}}'
    return Ask("analysis", "POST", "/api/v1/runs", "member", True, _TRACED, body)


def foreign_ids(moment: int, count: int) -> Foreign:
    """The ids of what `before` lets each rival have; the subject never has them."""
    runs = [str(_first(_run_source(moment, number), request=True)) for number in range(count)]
    work = _work_source(moment)
    reports = [str(_first(work.part(synthesis_part(uuid.UUID(run))))) for run in runs]
    return Foreign(runs, reports)


async def before(world: World, rivals: Sequence[Tenant], moment: int, foreign: Foreign, writer: Writer) -> None:
    """Each rival has a workspace, a large plan, runs and reports."""
    for number, rival in enumerate(rivals):
        with drawing_from(Source(moment - STEP * (10 + number), "rival")):
            await Hook(f"msg_first{moment}", "organization.updated", _organisation()).perform(world, rival)
            await _large_plan(moment, number).perform(world, rival)
    for number, run in enumerate(foreign.runs):
        rival = rivals[number % len(rivals)]
        with drawing_from(_run_source(moment, number)):
            await start(number + moment).perform(world, rival)
        with drawing_from(Source(moment - STEP, f"calls {number}")):
            for hand in writer.calls(run):
                await hand.perform(world, rival)
    with drawing_from(_work_source(moment)):
        await world.analyse()
    with drawing_from(Source(moment - STEP, "aging")):
        await Age(3).perform(world, rivals[0])


def _large_plan(moment: int, number: int) -> Hand:
    payload = PlanChanged(
        plan="scale", report_window_days=1, monthly_calls=10**9, concurrent_runs=10**6, models=["openai/small"]
    )
    event_id = uuid.uuid5(uuid.NAMESPACE_OID, f"plan {moment} {number}")
    return Hand("analysis.plans", [Fresh(payload, "retention", "plan", 10**9 + moment // STEP, event_id)])


def _run_source(moment: int, number: int) -> Source:
    return Source(moment - STEP, f"foreign {number}")


def _work_source(moment: int) -> Source:
    return Source(moment - STEP, "foreign work")


def _first(source: Source, *, request: bool = False) -> uuid.UUID:
    """The first id that work draws; a request begins with the two numbers of its trace."""
    with drawing_from(source):
        if request:
            source.random(16)
            source.random(8)
        return uuid7()


def _organisation() -> dict[str, object]:
    return {"id": ORG, "name": WORD, "slug": "house", "updated_at": 1_767_225_600_000}


def _membership(user: str, role: str) -> dict[str, object]:
    who = {"user_id": f"user_{user}01", "identifier": f"{user}@people.example"}
    return {
        "role": f"org:{role}",
        "organization": _organisation(),
        "public_user_data": who,
        "updated_at": 1_767_225_600_000,
    }


__all__ = ["anything", "before", "foreign_ids", "new_id", "opening", "tour"]
