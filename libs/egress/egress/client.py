"""The client: looks the destination up, sends, repeats where that is safe, and judges the answer."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import core.log
from core.clock import Clock, SystemClock
from core.late import Late
from egress import retry
from egress.attempts import Broken, Json, Primitive, Progress
from egress.destination import Destination, Destinations
from egress.dialling import AddressRefused, Dialler, Resolve, resolve
from egress.errors import (
    DestinationRefused,
    EgressError,
    ProviderRejected,
    ProviderUnavailable,
    RedirectRefused,
    TooManyRequests,
)
from egress.metrics import Counters, Ledger, tell_exchange
from egress.register import REGISTER, Register
from egress.tls import tls_context
from telemetry.instruments import EGRESS_REFUSED

if TYPE_CHECKING:
    from types import TracebackType

    import httpx
    import httpx2

    from egress.exchange import Exchange

DEFAULT_SECONDS = 30.0

_log = core.log.logger("egress")

Turn = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """One request as the caller wants it."""

    destination: Destination
    request: httpx.Request
    auth: tuple[str, str] | None = field(repr=False)
    repeatable: bool
    deadline: float
    accept: Collection[int]
    turn: Turn | None


class Egress:
    """Sends requests to its destinations. Close it, or use it as an async context manager."""

    def __init__(
        self,
        destinations: Iterable[Destination],
        *,
        ca_file: Path | str | None = None,
        clock: Clock | None = None,
        jitter: random.Random | None = None,
        register: Register = REGISTER,
        resolve: Resolve = resolve,
    ) -> None:
        """Raises NotInRegister unless `register` covers every destination today."""
        places = tuple(destinations)
        self._destinations = Destinations(places)
        self._clock = clock or SystemClock()
        for place in places:
            register.admit(place, self._clock.now().date())
        _log.info("outbound destinations", recipients=" ".join(sorted({place.recipient for place in places})))
        self._register = register
        self._sandboxes = frozenset((place.recipient, place.server) for place in places if place.local)
        self._dialler = Dialler(resolve, [place.base_host for place in places if place.local])
        self._jitter = jitter or random.SystemRandom()
        self._tls = tls_context(ca_file)
        self._ledger = Ledger()
        self._budgets = retry.RetryBudgets()
        self._exchange: Exchange | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close all connections."""
        if self._exchange is not None:
            await self._exchange.close()

    def metrics(self) -> Mapping[str, Counters]:
        """What was sent since the start, per destination."""
        return self._ledger.snapshot()

    def httpx2_client(self, destination: str, timeout: float = 600.0) -> httpx2.AsyncClient:
        """A client for a provider's SDK with the same rules; `timeout` in seconds is for one read, as the SDKs mean it.

        The SDK repeats requests by itself. Needs the package httpx2.
        """
        from egress.sdk import dialled_transport, guarded_client

        place = self._destinations.destination(destination)
        transport = dialled_transport(self._tls, self._dialler)
        return guarded_client(place, transport, self._ledger, self._clock, timeout)

    async def request(
        self,
        destination: str | Destination,
        method: str,
        path_or_url: str,
        *,
        params: Mapping[str, Primitive | list[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        json: Json | None = None,
        data: Mapping[str, str] | None = None,
        content: bytes | None = None,
        auth: tuple[str, str] | None = None,
        timeout: float = DEFAULT_SECONDS,  # noqa: ASYNC109 - covers several attempts, not one await
        idempotent: bool | None = None,
        accept: Collection[int] = (),
        turn: Turn | None = None,
    ) -> httpx.Response:
        """Send one request and return the whole 2xx answer, read to its end.

        `destination` is the name of one of this client's; or a destination itself, where the register leaves the host to the customer. It
        is then for this one request: nothing is remembered, so that what one workspace has named opens no way for another.
        `timeout` is in seconds and covers everything: connecting, reading, retries and the waits between them.
        `idempotent` says whether repeating is harmless; None means: as the method says. A status in `accept` is
        returned instead of raised. `turn` is awaited before each attempt: the caller's own rate limit, whose waits the
        time-out does not cover. With one, a 429 is never repeated here, for it concerns more requests than this one.
        Raises an EgressError otherwise; see `egress.errors`.
        """
        exchange = await self._opened()
        place = self._find(destination, path_or_url)
        request = exchange.request(
            method, place[1], params=params, headers=headers, json=json, data=data, content=content
        )
        self._checked(place[0], request)
        repeatable = method.upper() in retry.IDEMPOTENT_METHODS if idempotent is None else idempotent
        deadline = self._clock.monotonic() + timeout
        return await self._repeat(_Plan(place[0], request, auth, repeatable, deadline, accept, turn))

    async def _opened(self) -> Exchange:
        loaded = await _EXCHANGE.get()
        if self._exchange is None:
            self._exchange = loaded(self._tls, self._dialler)
        return self._exchange

    def _find(self, named: str | Destination, path_or_url: str) -> tuple[Destination, httpx.URL]:
        try:
            destination = self._own(named) if isinstance(named, Destination) else self._destinations.destination(named)
            return destination, destination.address(path_or_url)
        except DestinationRefused as refusal:
            self._refused(refusal)
            raise

    def _own(self, destination: Destination) -> Destination:
        """A destination that a customer has named.

        Raises NotInRegister, and DestinationRefused for this machine, unless a sandbox is there.
        """
        self._register.admit_own(destination, self._clock.now().date())
        if destination.local and (destination.recipient, destination.server) not in self._sandboxes:
            raise DestinationRefused(destination.name, "its host is this machine")
        return destination

    def _checked(self, destination: Destination, request: httpx.Request) -> None:
        try:
            destination.check_request(request)
        except DestinationRefused as refusal:
            self._refused(refusal)
            raise

    def _refused(self, refusal: DestinationRefused) -> None:
        self._ledger.refusal(refusal.provider)
        EGRESS_REFUSED.add(recipient=refusal.provider)
        _log.warning("outbound request refused", destination=refusal.provider)

    async def _repeat(self, plan: _Plan) -> httpx.Response:
        budget = self._budgets.of(plan.destination.name, plan.request.url.netloc)
        attempt = 1
        while True:
            plan = await self._admitted(plan)
            try:
                response = await self._attempt(plan)
            except (ProviderUnavailable, TooManyRequests) as failure:
                wait = self._wait_before_retry(plan, failure, attempt)
                if wait is None or not budget.spend():
                    raise
            else:
                budget.earn()
                return response
            self._ledger.retry(plan.destination.name)
            await self._clock.sleep(wait)
            attempt += 1

    async def _admitted(self, plan: _Plan) -> _Plan:
        """The plan once it is the caller's turn, its deadline later by that wait."""
        if plan.turn is None:
            return plan
        began = self._clock.monotonic()
        await plan.turn()
        return replace(plan, deadline=plan.deadline + self._clock.monotonic() - began)

    def _wait_before_retry(
        self, plan: _Plan, failure: ProviderUnavailable | TooManyRequests, attempt: int
    ) -> float | None:
        """Seconds to wait before trying again, or None to give up."""
        if attempt >= retry.MOST_ATTEMPTS or not _may_repeat(plan, failure):
            return None
        wait = retry.full_jitter(attempt, self._jitter)
        if failure.retry_after is not None:
            wait = failure.retry_after + retry.full_jitter(0, self._jitter)
        within = wait <= retry.LONGEST_OBEYED_WAIT + retry.BASE_SECONDS
        return wait if within and self._clock.monotonic() + wait < plan.deadline else None

    async def _attempt(self, plan: _Plan) -> httpx.Response:
        exchange = await self._opened()
        progress = Progress(self._clock.monotonic())
        remaining = max(0.001, plan.deadline - progress.started)
        try:
            async with asyncio.timeout(remaining):
                response = await exchange.send(plan.destination, plan.request, plan.auth, progress, remaining)
        except TimeoutError as error:
            raise ProviderUnavailable(plan.destination.name, "no complete answer within the time-out") from error
        except AddressRefused as error:
            progress.sent = False
            refusal = DestinationRefused(plan.destination.name, str(error))
            self._refused(refusal)
            raise refusal from error
        finally:
            if progress.sent:
                self._record(plan, progress)
        self._judge(plan, response)
        return response

    def _judge(self, plan: _Plan, response: httpx.Response) -> None:
        name, status = plan.destination.name, response.status_code
        if response.is_success or status in plan.accept:
            return
        if status < 400:
            raise RedirectRefused(name, status)
        retry_after = retry.parse_retry_after(response.headers.get("retry-after"), self._clock)
        if status == 429:
            raise TooManyRequests(name, retry_after)
        if status < 500:
            raise ProviderRejected(name, status, response.content)
        raise ProviderUnavailable(name, f"it answered {status}", status, retry_after)

    def _record(self, plan: _Plan, progress: Progress) -> None:
        name, seconds = plan.destination.name, self._clock.monotonic() - progress.started
        self._ledger.attempt(name, status=progress.status, received=progress.received, seconds=seconds)
        tell_exchange(plan.destination, plan.request.method, progress.status, seconds)
        _log.info(
            "outbound request",
            destination=name,
            method=plan.request.method,
            status=progress.status,
            ms=round(seconds * 1000),
            bytes=progress.received,
        )


def _may_repeat(plan: _Plan, failure: EgressError) -> bool:
    if isinstance(failure, Broken):
        return not failure.untrusted and (plan.repeatable or failure.never_sent)
    if not plan.repeatable:
        return False
    if isinstance(failure, TooManyRequests):
        return failure.retry_after is not None and plan.turn is None
    return failure.provider_status in retry.REPEATABLE_STATUSES


def load_http() -> type[Exchange]:
    """httpx and what is made with it: needed for the first request."""
    from egress.exchange import Exchange

    return Exchange


_EXCHANGE = Late(load_http)
