"""Sending traces and metrics, and reading what only the database and the machine know of a service.

OTLP over HTTP, through `egress` like everything else that goes out: to Google's Telemetry API, or to a collector on the same machine
(docs/decisions/0015). What cannot be sent is lost and said so; the service goes on. OpenTelemetry's SDK is loaded once the service has
begun, which takes as long as a tenth of its start (`telemetry.installed` has what becomes of what is recorded before).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial

from fastapi import APIRouter
from msgspec import Struct

from core.clock import Clock, SystemClock
from core.errors import CallmineError, Transient
from core.late import Late
from core.log import logger
from core.memory import resident
from database import Database
from egress import Destination, Egress, EgressError
from messaging.store import outbox_backlog, parked_waiting
from runtime.outbound import Outbound
from telemetry.installed import expected, installed
from telemetry.instruments import (
    MEMORY_BYTES,
    OUTBOX_EVENTS,
    OUTBOX_OLDEST_SECONDS,
    PARKED_MESSAGES,
    RELAY_LEASE_LOST,
    SPANS_DROPPED,
)
from telemetry.loading import Sdk, load_sdk
from telemetry.readings import Reading
from web import ServiceSettings

log = logger("runtime.telemetry")

# By its name in the register: a collector on this machine stands for Google as well.
_DESTINATION = "google"
_SCOPE = "https://www.googleapis.com/auth/cloud-platform"

# Spans are sent this often (seconds), so many at a time: a hundred kilobytes or two, some milliseconds of a thread.
_SPANS_SECONDS = 2.0
_SPANS_AT_ONCE = 512
_SEND_SECONDS = 10.0
# What a service that stops gives to the last spans, of the ten seconds that it has.
_LAST_SECONDS = 2.0

Token = Callable[[], Awaitable[str]]


class Sender(Struct, frozen=True):
    """Where it goes."""

    egress: Egress
    token: Token

    async def send(self, path: str, body: bytes) -> None:
        """One request. Raises EgressError, and what the token's source raises."""
        headers = {"content-type": "application/x-protobuf", "authorization": f"Bearer {await self.token()}"}
        await self.egress.request(_DESTINATION, "POST", path, headers=headers, content=body, timeout=_SEND_SECONDS)


def reporting(
    service: str, settings: ServiceSettings, db: Database, outbound: Outbound, stack: AsyncExitStack
) -> Reporting:
    """Have this process recorded for as long as `stack` lasts. Raises NotInRegister for an address that is not Google's."""
    ratio = settings.trace_ratio if settings.telemetry_endpoint else 0.0
    stack.enter_context(expected())
    RELAY_LEASE_LOST.add(0)
    sdk = Late(partial(load_sdk, service, settings.project, ratio))
    return Reporting(sdk, db, settings.telemetry_seconds, sender(settings, outbound), stack)


def sender(settings: ServiceSettings, outbound: Outbound) -> Sender | None:
    """What the settings ask for; None where nothing is to be sent. Raises NotInRegister for an address that is not Google's."""
    if settings.telemetry_endpoint is None:
        return None
    place = Destination(name=_DESTINATION, base_url=settings.telemetry_endpoint)
    return Sender(outbound.egress([place]), _token_for(settings, place))


def _token_for(settings: ServiceSettings, place: Destination) -> Token:
    if place.local:
        given = settings.identity_token.get_secret_value() if settings.identity_token else "none"

        async def fixed() -> str:
            return given

        return fixed
    from cloud.session import GoogleToken

    return GoogleToken(_SCOPE).get


class Reporting:
    """Reads and sends, for as long as the service runs. `seconds` between two readings of the metrics."""

    def __init__(
        self,
        sdk: Late[Sdk],
        db: Database,
        seconds: float,
        sender: Sender | None,
        stack: AsyncExitStack,
        clock: Clock | None = None,
    ) -> None:
        """Who records is installed for as long as `stack` lasts, from `begin` on."""
        self._sdk = sdk
        self._db = db
        self._seconds = seconds
        self._sender = sender
        self._stack = stack
        self._clock = clock or SystemClock()
        self._begun: Sdk | None = None
        self._beginning = asyncio.Lock()

    async def begin(self) -> Sdk:
        """Have the process recorded from now on; once, however often it is asked for."""
        async with self._beginning:
            if self._begun is None:
                self._begun = await self._sdk.get()
                self._stack.enter_context(installed(self._begun.recorder))
        return self._begun

    async def run(self) -> None:
        """Send until cancelled, and then once more what is left."""
        if self._sender is None:
            return
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send_spans())
                group.create_task(self._send_metrics())
        finally:
            if self._begun is not None:
                await self._send_the_last(self._begun)

    async def read(self) -> list[Reading]:
        """All metrics as they are now. Raises Transient while the database is away."""
        async with self._db.sweep() as tx:
            waiting = await outbox_backlog(tx)
            PARKED_MESSAGES.set(await parked_waiting(tx))
        OUTBOX_EVENTS.set(waiting.events)
        OUTBOX_OLDEST_SECONDS.set(waiting.oldest_seconds)
        MEMORY_BYTES.set(resident())
        sdk = await self.begin()
        SPANS_DROPPED.set(sdk.recorder.dropped)
        return list(sdk.readings(sdk.recorder.metrics()))

    def add_to(self, router: APIRouter) -> None:
        """`GET /metrics`: what this process measures. `router` is open to operators only."""

        @router.get("/metrics")
        async def metrics() -> list[Reading]:
            return await self.read()

    async def _send_spans(self) -> None:
        while True:
            await self._clock.sleep(_SPANS_SECONDS)
            await self._flush(await self.begin())

    async def _send_metrics(self) -> None:
        while True:
            await self._clock.sleep(self._seconds)
            try:
                await self.read()
            except Transient as error:
                log.warning("outbox and parked messages are not counted", cause=type(error).__name__)
            sdk = await self.begin()
            metrics = sdk.recorder.metrics()
            if metrics is not None:
                await self._try("/v1/metrics", await asyncio.to_thread(sdk.metrics_as_bytes, metrics))

    async def _flush(self, sdk: Sdk) -> None:
        while spans := sdk.recorder.take_spans(_SPANS_AT_ONCE):
            await self._try("/v1/traces", await asyncio.to_thread(sdk.spans_as_bytes, spans))

    async def _send_the_last(self, sdk: Sdk) -> None:
        try:
            async with asyncio.timeout(_LAST_SECONDS):
                await self._flush(sdk)
        except TimeoutError:
            log.warning("the last spans are lost", cause="TimeoutError")

    async def _try(self, path: str, body: bytes) -> None:
        assert self._sender is not None, "without a sender nothing is sent"  # noqa: S101
        try:
            await self._sender.send(path, body)
        except (EgressError, CallmineError) as error:
            log.warning("traces or metrics are lost", path=path, cause=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - Google's library has its own errors where there is no identity
            log.error("traces or metrics cannot be sent", error=error, path=path)
