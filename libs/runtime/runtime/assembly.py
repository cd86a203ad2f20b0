"""One service put together: opened in order, closed in reverse."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial, wraps
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import grpc
from fastapi import APIRouter, FastAPI
from msgspec import Struct, field

from cloud.endpoint import Endpoint
from cloud.engine import keep_engine
from cloud.secrets import KEPT_SECONDS, GoogleSecrets
from contracts import publishers_of
from contracts.person_erasing import ORDERS
from core.clock import SystemClock
from core.errors import MissingSettings, Transient
from core.memory import settle_again
from database import Database, DatabaseSettings, Queries, Tx
from database.transaction import lost_connection
from egress import Destination, load_http
from messaging import Consumer, DeadLetters, Outbox, Parked, Processor, Relay, Routes
from messaging.api_keys import follow_keys
from messaging.erasure import Eraser, Erasing, Part, follow_erasures, follow_receipts
from messaging.erasure.eraser import Folders
from messaging.erasure.people import PersonEraser, PersonErasing, PersonPart, PlainPersonPart, follow_people
from messaging.erasure.worker import PlainPart
from messaging.google import LatePublisher, LateSubscriber, PullSettings, open_channel
from messaging.memberships import follow_members
from messaging.oidc import GoogleOidc, OidcSettings
from messaging.operator import add_upkeep
from messaging.push import add_pushes
from messaging.staff_grants import follow_grants
from messaging.topology import Subscription, Topology, TopologyInvalid, dead_letter_subscription
from messaging.upkeep import keep_up
from runtime import lean
from runtime.api_keys import ToldKeys
from runtime.idempotency import StoredRequests
from runtime.limits import StoredAllowances, rates_of
from runtime.members import ToldMembers
from runtime.operators import Adding, operators_only
from runtime.outbound import Outbound, add_outbound
from runtime.rounds import Rounds
from web import ServiceSettings, create_app
from web.api_keys import KeyDirectory
from web.clerk import clerk_destination, clerk_sessions
from web.keys import load_jwt
from web.limits import RequestLimits
from web.membership import MembershipCheck
from web.pages import page_environment
from web.routes import new_router
from web.settings import PREFIX

if TYPE_CHECKING:
    from runtime.telemetry import Reporting

Work = Callable[[], Awaitable[None]]
Opening = Callable[[Tx], Awaitable[None]]

_GOOGLE = "google"

# The platform asks whether an instance is ready every second or two; one that serves nobody is not asked.
_ASKED_SECONDS = 0.5

# What ingest tells of workspaces and their members.
_WORKSPACES = "workspaces"

# What audit tells of grants of staff access.
_STAFF_GRANTS = "staff-grants"

# What retention asks to be erased, and what the others answer.
_ERASURE = "erasure"
_RECEIPTS = "erasure-receipts"


class Assembly(Struct):
    """The parts of a running service. `stack` closes what is registered with it when the service ends; `members` says who is let in,
    `keys` with which API keys.
    """

    service: str
    settings: ServiceSettings
    topology: Topology
    db: Database
    channel: grpc.aio.Channel
    outbox: Outbox
    relay: Relay
    stack: AsyncExitStack
    outbound: Outbound
    members: MembershipCheck
    keys: KeyDirectory
    reporting: Reporting | None
    _consumers: dict[str, Consumer] = field(default_factory=dict)
    _pulls: dict[str, PullSettings] = field(default_factory=dict)
    _routers: list[APIRouter] = field(default_factory=list)
    _operators: list[Adding] = field(default_factory=list)
    _works: list[Work] = field(default_factory=list)
    _later: list[Callable[[], object]] = field(default_factory=list)
    _begun: asyncio.Event = field(default_factory=asyncio.Event)
    _loaded: asyncio.Event = field(default_factory=asyncio.Event)

    def consume(self, topic: str, routes: Routes, pull: PullSettings | None = None) -> None:
        """Handle the service's subscription to `topic` with `routes`, by push or pull as the topology says; `pull` says how it is pulled.

        Raises ValueError when the topology gives the service no such subscription.
        """
        name = f"{self.service}.{topic}"
        if name not in {one.name for one in self._subscriptions() if one.dead_letter_topic}:
            raise ValueError(f"deploy/topology.yaml gives {self.service} no subscription to {topic}")
        if topic == _WORKSPACES:
            follow_members(routes)
            follow_keys(routes)
        if topic == _STAFF_GRANTS:
            follow_grants(routes, self.service)
        self._consumers[name] = Consumer(name, self.db, routes)
        self._pulls[name] = pull or PullSettings()

    def erase_by(
        self,
        part: Part | None = None,
        folders: Folders | None = None,
        opening: Callable[[Tx], Awaitable[None]] | None = None,
    ) -> None:
        """Erase workspaces that retention asks for; retention freezes its own itself.

        `part` is what is the service's own in that, `folders` hold its objects; `opening` as in `messaging.erasure.Eraser`.
        """
        outbox = self.outbox if self.service in publishers_of(_RECEIPTS) else None
        erasing = Erasing(self.service, self.db, outbox, Eraser(self.db, folders, opening), part or PlainPart())
        rounds = Rounds([erasing], SystemClock(), poll_seconds=1.0)
        routes, receipts = Routes(), Routes()
        heard = {one.topic for one in self._subscriptions()}
        if _ERASURE in heard:
            follow_erasures(routes, rounds.wake)
            self.consume(_ERASURE, routes)
        if {_ERASURE, _RECEIPTS} <= heard:
            follow_receipts(receipts, rounds.wake)
            self.consume(_RECEIPTS, receipts)
        self.work(rounds.run)

    def erase_people(
        self, part: PersonPart | None = None, opening: Callable[[Tx], Awaitable[None]] | None = None
    ) -> PersonErasing:
        """Erase the data of people that retention asks for; retention, which hears of none, calls `erase_at_once` of what is returned.

        `part` is what is the service's own in that; `opening` as in `messaging.erasure.people.PersonEraser`.
        """
        own = part or PlainPersonPart()
        heard = ORDERS in {one.topic for one in self._subscriptions()}
        outbox = self.outbox if heard else None
        erasing = PersonErasing(self.service, self.db, outbox, PersonEraser(self.db, opening), own)
        if heard:
            rounds, routes = Rounds([erasing], SystemClock(), poll_seconds=1.0), Routes()
            follow_people(routes, own.note, rounds.wake)
            self.consume(ORDERS, routes)
            self.work(rounds.run)
        return erasing

    def consume_rest(self) -> None:
        """Acknowledge what arrives on subscriptions that nothing was registered for, but for what `consume` follows itself."""
        for one in self._subscriptions():
            if one.dead_letter_topic and one.name not in self._consumers:
                self.consume(one.name.removeprefix(f"{self.service}."), Routes())

    def serve(self, *routers: APIRouter) -> None:
        """Add routes."""
        self._routers.extend(routers)

    def serve_operators(self, *adding: Adding) -> None:
        """Add routes below `/operator`, for the operators' service account only; without one they are not served."""
        self._operators.extend(adding)

    def work(self, *works: Work) -> None:
        """Add background work, run from when the service has begun to its end."""
        self._works.extend(works)

    def load_later(self, *loads: Callable[[], object]) -> None:
        """Call these in a thread once the service has begun: what serving needs, and beginning does not. One that fails ends it."""
        self._later.extend(loads)

    @property
    def consumers(self) -> Mapping[str, Consumer]:
        """The consumers that were added, by subscription."""
        return self._consumers

    @property
    def parked(self) -> Parked:
        """The service's parked messages."""
        return Parked(self.db, self._consumers)

    def app(self, form_targets: Sequence[str] = ()) -> FastAPI:
        """The app with everything that was added. Raises MissingSettings when it could not tell who pushes messages to it."""
        processors = self._processors()
        routers = [*self._routers, *self._google_routers(processors)]
        reporting = [self.reporting.run] if self.reporting else []
        upkeep: Work = partial(keep_up, self.db)
        works: list[Work] = [self.relay.run, upkeep, *reporting, *self._subscribers(processors), *self._works]
        clerk = self.outbound.egress([clerk_destination(self.settings)])
        return create_app(
            service=self.service,
            settings=self.settings,
            sessions=clerk_sessions(self.settings, clerk, SystemClock()),
            routers=routers,
            background=[self._load_rest, *map(self._once_begun, works)],
            ready=self._ready,
            form_targets=form_targets,
            members=self.members,
            keys=self.keys,
            requests=StoredRequests(self.db),
            limits=RequestLimits(rates_of(self.settings), StoredAllowances(self.db), SystemClock()),
            # Not beside what is loaded in a thread: pydantic builds a model in one thread at a time, or in neither.
            begun=self._loaded.wait,
        )

    async def _ready(self) -> None:
        """Raises Transient while the database is away or a consumer has stopped."""
        await self.db.ready()
        for name, consumer in self._consumers.items():
            if consumer.halted:
                raise Transient(f"{name} has stopped: {consumer.halted}")
        self._begun.set()

    def _once_begun(self, work: Work) -> Work:
        """`work` from when the service has begun: its first look at the database delays no answer that it is ready."""

        @wraps(work)
        async def later() -> None:
            await self._begun.wait()
            await work()

        return later

    async def _load_rest(self) -> None:
        """Once somebody has heard that the service is ready, or a moment later where nobody asks: nothing of it delays that answer."""
        with suppress(TimeoutError):
            async with asyncio.timeout(_ASKED_SECONDS):
                await self._begun.wait()
        self._begun.set()
        if self.reporting:
            await self.reporting.begin()
        for load in self._later:
            await asyncio.to_thread(load)
        self._loaded.set()
        settle_again()

    def _subscriptions(self) -> tuple[Subscription, ...]:
        return self.topology.of(self.service)

    def _processors(self) -> dict[str, Processor]:
        self.consume_rest()
        return {**self._consumers, dead_letter_subscription(self.service): DeadLetters(self.db)}

    def _subscribers(self, processors: dict[str, Processor]) -> list[Work]:
        pulled = [one for one in self._subscriptions() if one.mode == "pull"]
        return [
            LateSubscriber(
                self.channel,
                self.settings.project,
                one.name,
                processors[one.name],
                self._pulls.get(one.name),
                self._begun,
            ).run
            for one in pulled
        ]

    def _google_routers(self, processors: dict[str, Processor]) -> list[APIRouter]:
        """What only Google's own service accounts, or the operators', may call."""
        pushed = {one.name: processors[one.name] for one in self._subscriptions() if one.mode == "push"}
        found = []
        if pushed:
            self._refuse_missing("push_audience", "push_service_account")
            add_pushes(pushed, self._verifier(self.settings.push_service_account), router := new_router())
            found.append(router)
        if self.settings.operator_service_account:
            verifier = self._verifier(self.settings.operator_service_account)
            upkeep = partial(add_upkeep, self.parked, self.relay)
            told = [self.reporting.add_to] if self.reporting else []
            found.append(
                operators_only(verifier, upkeep, partial(add_outbound, self.outbound), *told, *self._operators)
            )
        return found

    def _refuse_missing(self, *wanted: str) -> None:
        missing = [name for name in wanted if not getattr(self.settings, name)]
        fields = type(self.settings).model_fields
        problems = [f"{PREFIX}{name.upper()} is missing: {fields[name].description}" for name in missing]
        if problems:
            raise MissingSettings(self.service, problems)

    def staff_verifier(self) -> GoogleOidc:
        """Tells who of our staff is there, by Google's word. Raises MissingSettings where the service was not told who they are."""
        self._refuse_missing("staff_audience", "staff_accounts")
        return self._verifier_of(self.settings.staff_audience, self.settings.staff_accounts)

    def _verifier(self, email: str) -> GoogleOidc:
        return self._verifier_of(self.settings.push_audience, (email,))

    def _verifier_of(self, audience: str, emails: Sequence[str]) -> GoogleOidc:
        url = urlsplit(self.settings.push_jwks_url)
        destination = Destination(name=_GOOGLE, base_url=f"https://{url.netloc}", largest_response=256 * 1024)
        egress = self.outbound.egress([destination])

        async def fetch() -> bytes:
            return (await egress.request(_GOOGLE, "GET", self.settings.push_jwks_url, timeout=10)).content

        issuers = (self.settings.push_issuer, self.settings.push_issuer.removeprefix("https://"))
        return GoogleOidc(OidcSettings(audience, emails, issuers), fetch)


@asynccontextmanager
async def assembled(
    service: str, settings: ServiceSettings, *, package: str | None = None, entering: Sequence[str] = ()
) -> AsyncIterator[Assembly]:
    """Open the service's database and its channel to Pub/Sub.

    Raises MissingSettings for files that cannot be read, UnsafeRole, and Transient while the database is away.

    `package` holds the service's `queries/` (default: its name with underscores); `entering` as in `Database.open`.
    """
    topology, authority = _read_files(service, settings)
    keep_engine()
    async with AsyncExitStack() as stack:
        queries = Queries.of("database", "messaging", package or service.replace("-", "_"))
        db = await _open_database(service, settings, queries, entering)
        stack.push_async_callback(db.close)
        channel = open_channel(settings.pubsub_endpoint, authority, _token(settings))
        stack.push_async_callback(channel.close)
        relay = Relay(db, LatePublisher(channel, settings.project))
        outbound = Outbound(settings.ca_file, stack)
        reporting = _reporting(service, settings, db, outbound, stack)
        outbox = Outbox(service, wake=relay.wake)
        members = ToldMembers(db)
        keys = ToldKeys(db, outbox)
        parts = Assembly(
            service, settings, topology, db, channel, outbox, relay, stack, outbound, members, keys, reporting
        )
        parts.load_later(
            lean.complete, load_jwt, load_http, partial(page_environment, package or service.replace("-", "_"))
        )
        yield parts


def _reporting(
    service: str, settings: ServiceSettings, db: Database, outbound: Outbound, stack: AsyncExitStack
) -> Reporting | None:
    """Traces and metrics where somebody asks for them: an address to send them to, or operators who may look. Loaded only then."""
    if settings.telemetry_endpoint is None and not settings.operator_service_account:
        return None
    from runtime.telemetry import reporting

    return reporting(service, settings, db, outbound, stack)


def endpoint(settings: ServiceSettings, address: str) -> Endpoint | None:
    """Where a Google API is, from its address in the settings; None for Google itself."""
    if not address:
        return None
    return Endpoint(address=address, ca_file=settings.ca_file, token=_token(settings))


def secrets_for(settings: ServiceSettings, kept_seconds: float = KEPT_SECONDS) -> GoogleSecrets:
    """Where a service reads its secrets; whoever asks closes it."""
    place = endpoint(settings, settings.secrets_endpoint)
    return GoogleSecrets(
        project=settings.project, endpoint=place, kept_seconds=kept_seconds, folder=settings.secrets_folder
    )


async def _open_database(
    service: str, settings: ServiceSettings, queries: Queries, entering: Sequence[str]
) -> Database:
    databases = DatabaseSettings(
        app_url=settings.app_database_url.get_secret_value(),
        sweep_url=settings.sweep_database_url.get_secret_value(),
        idle_transaction=settings.idle_transaction_seconds,
        capture=settings.statement_capture_dir,
    )
    try:
        return await Database.open(databases, queries, service, entering)
    except Exception as error:
        raise lost_connection(error) or error from error


def _read_files(service: str, settings: ServiceSettings) -> tuple[Topology, bytes | None]:
    problems: list[str] = []
    authority: bytes | None = None
    topology: Topology | None = None
    try:
        authority = settings.ca_file.read_bytes() if settings.ca_file else None
    except OSError as error:
        problems.append(f"{PREFIX}CA_FILE cannot be read ({type(error).__name__})")
    try:
        topology = Topology.load(settings.topology_file)
    except (OSError, TopologyInvalid) as error:
        problems.append(f"{PREFIX}TOPOLOGY_FILE cannot be read ({type(error).__name__})")
    if problems or topology is None:
        raise MissingSettings(service, problems)
    return topology, authority


def _token(settings: ServiceSettings) -> str:
    return settings.identity_token.get_secret_value() if settings.identity_token else ""
