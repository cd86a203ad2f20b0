"""Composition root: settings -> adapters -> app."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

from cloud.objects import GoogleObjects
from contracts.sealing import SealingKeys
from core.clock import SystemClock
from egress import Destination
from ingest import http, routes
from ingest.clerk_backend import DESTINATION as CLERK
from ingest.clerk_backend import LARGEST_ANSWER, ClerkBackend
from ingest.gong.limits import gong_limits
from ingest.handlers import (
    Administering,
    BillingHandlers,
    ClerkHandlers,
    CredentialHandlers,
    FetchHandlers,
    RevocationHandlers,
)
from ingest.handlers.api_keys import ApiKeys
from ingest.handlers.parting import ClerkPart
from ingest.handlers.person_parting import PersonCalls
from ingest.handlers.person_searches import PersonSearches
from ingest.http.access import OwnKeys, OwnMembers
from ingest.hubspot.limits import hubspot_limits
from ingest.settings import Settings
from ingest.webhooks.desk import Desk
from ingest.webhooks.front import Front
from ingest.webhooks.router import add_counts
from ingest.webhooks.router import router as webhooks
from ingest.webhooks.tally import Tally
from ingest.workers import (
    Deals,
    FetchTerms,
    FetchWorker,
    GongDoor,
    HubSpotDoor,
    JobEnds,
    PreviewFetch,
    RunFetch,
    WorkerSettings,
    Works,
    forget_lists,
    forget_webhooks,
    keep_secrets,
)
from ingest.workers.person_searches import PersonSearchWorker
from messaging import Outbox
from runtime import Assembly, assembled, endpoint, secrets_for
from runtime.rounds import Rounds
from web.api_keys import digest_of, mint

SERVICE = "ingest"


@asynccontextmanager
async def compose(settings: Settings) -> AsyncIterator[Assembly]:
    """The service, put together."""
    clock = SystemClock()
    async with assembled(SERVICE, settings) as parts:
        secrets = secrets_for(settings)
        parts.stack.push_async_callback(secrets.close)
        gong = Destination(name="gong", base_url=settings.gong_base_url, hosts=("*.gong.io",))
        hubspot = Destination(name="hubspot", base_url=settings.hubspot_base_url)
        clerk = Destination(name=CLERK, base_url=settings.clerk_api_url, largest_response=LARGEST_ANSWER)
        egress = parts.outbound.egress([gong, hubspot, clerk], clock)
        storage = endpoint(settings, settings.storage_endpoint)
        objects = GoogleObjects(bucket=settings.bucket, endpoint=storage)
        parts.stack.push_async_callback(objects.close)

        keys = SealingKeys.parse((await secrets.read("ingest-sealing-key")).decode())
        limits = gong_limits(parts.db, clock, settings.gong_requests_per_second)
        terms = FetchTerms(
            settings.fetch_batch_calls, settings.fetch_in_flight, settings.transcript_waits, settings.held_days
        )
        works = Works(
            run=RunFetch(parts.db, parts.outbox, objects, terms),
            preview=PreviewFetch(parts.db, parts.outbox, objects, clock, settings.list_seconds),
        )
        ends = JobEnds(parts.db, parts.outbox)
        door = GongDoor(keys, egress, limits, clock)
        deals = Deals(HubSpotDoor(keys, egress, hubspot_limits(parts.db, clock), clock), ends)
        worker = FetchWorker(parts.db, door, deals, works, ends, WorkerSettings(concurrency=settings.fetch_concurrency))

        parts.consume("fetches", routes.fetches(FetchHandlers(parts.outbox)))
        parts.consume("credential-grants-ingest", routes.grants(CredentialHandlers(parts.outbox, worker.wake)))
        parts.consume("integrations", routes.integrations())
        parts.consume("reports", routes.reports())
        parts.consume("api-key-uses", routes.key_uses())
        backend = ClerkBackend(egress, secrets)
        parts.erase_by(ClerkPart(parts.db, backend), folders=objects)
        find_and_erase_people(parts, objects)
        tally = Tally()
        front = Front(parts.db, secrets, clock, settings.webhooks_origin, tally)
        administering = Administering(parts.db, parts.outbox, backend)
        parts.members, parts.keys = OwnMembers(parts.db), OwnKeys(parts.db, clock)
        keys_made = ApiKeys(parts.db, parts.outbox, mint, digest_of, clock)
        parts.serve(webhooks(desk_of(front, parts.outbox)), http.router(parts.db, administering, keys_made, clock))
        parts.serve_operators(partial(add_counts, tally))
        upkeep = partial(forget_lists, parts.db), partial(forget_webhooks, parts.db), partial(keep_secrets, secrets)
        parts.work(worker.run, *(partial(work, clock) for work in upkeep))
        yield parts


def find_and_erase_people(parts: Assembly, objects: GoogleObjects) -> None:
    """Have people looked for, and erased, whom retention asks for."""
    clock = SystemClock()
    rounds = Rounds([PersonSearchWorker(parts.db, parts.outbox, objects)], clock, poll_seconds=1.0)
    parts.consume("person-searches", PersonSearches(rounds.wake).routes())
    parts.work(rounds.run)
    parts.erase_people(PersonCalls(parts.db, parts.outbox, objects, clock))


def desk_of(front: Front, outbox: Outbox) -> Desk:
    """What is done with webhooks."""
    return Desk(front, ClerkHandlers(outbox), BillingHandlers(outbox), RevocationHandlers(outbox))
