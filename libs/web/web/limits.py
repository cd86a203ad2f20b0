"""How often programs may ask: a limit for each API key and one for its workspace, and lower ones for what costs much.

A limit is a number of requests in a window of a minute, counted over all processes of a service. A process takes a share of it from the
service's database, a twentieth, and lets requests in by that without asking again. What a process has was taken from the limit before, so
however many processes there are, no more get in within a window than the limit says; what a process took and did not use is lost with the
window, at most a share for each. Headers and words are those of draft-ietf-httpapi-ratelimit-headers-10.
"""

from __future__ import annotations

import asyncio
import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import ClassVar, Protocol, TypeVar

from msgspec import Struct
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.clock import Clock
from core.errors import Transient
from core.ids import WorkspaceId

WINDOW_SECONDS = 60.0

# The database is asked once for so many parts of a limit; the price is that so many can lie unused in a process.
_PARTS = 20

# What a process remembers at most, some 200 bytes each; what is forgotten is asked for again.
_REMEMBERED = 10_000

# So many workspaces may ask at a time.
_LOCKS = 64

_IN_SCOPE = "callmine.limits"

K = TypeVar("K")
V = TypeVar("V")


class Rates(Struct, frozen=True):
    """Requests a minute, to one service: of one key, of all keys of a workspace, and of each what costs much."""

    key: int
    workspace: int
    key_costly: int
    workspace_costly: int


class Limit(Struct, frozen=True):
    """One limit. `name` is what headers call it, `subject` whose it is within the workspace, `quota` requests in a window."""

    name: str
    subject: str
    quota: int

    @property
    def share(self) -> int:
        """How many requests a process takes at a time."""
        return max(1, self.quota // _PARTS)


class Share(Struct, frozen=True):
    """What a process was given of a limit. `remaining` is left for others, `seconds` is how long the window still lasts."""

    granted: int
    remaining: int
    seconds: float


class Allowances(Protocol):
    """Counts over all processes."""

    async def take(self, workspace_id: WorkspaceId, wanted: Sequence[Limit]) -> Mapping[str, Share]:
        """A share of each limit, by its subject: of 0 where it is used up. Raises Transient where nobody can tell."""
        ...


class Standing(Struct, frozen=True):
    """How a limit stands, for the headers."""

    limit: Limit
    remaining: int
    seconds: int


class TooManyRequests(Transient):
    """Limits are used up until their window ends; `violated` says which."""

    status: ClassVar[int] = 429
    problem: ClassVar[str] = "quota-exceeded"
    title: ClassVar[str] = "Too many requests"

    def __init__(self, violated: Sequence[Standing]) -> None:
        seconds = max(one.seconds for one in violated)
        words = ". ".join(_WORDS[one.limit.name].format(quota=one.limit.quota) for one in violated)
        super().__init__(f"{words}. Nothing was done: send it again in {seconds} s, and fewer from then on.", seconds)
        self.violated = tuple(violated)
        self.members: Mapping[str, object] = {"violated-policies": [one.limit.name for one in violated]}


_WORDS = {
    "key": "This API key may make {quota} requests a minute",
    "person": "A person's assistant may make {quota} requests a minute",
    "workspace": "All API keys of this workspace together may make {quota} requests a minute",
    "key-costly": "This API key may ask for {quota} runs, previews and exports a minute",
    "person-costly": "A person's assistant may ask for {quota} runs, previews and exports a minute",
    "workspace-costly": "All API keys of this workspace together may ask for {quota} runs, previews and exports a minute",
}


class _Held(Struct):
    """What this process has of a limit, until `ends_at` by its own clock."""

    left: int
    remaining: int
    ends_at: float


class Asker(Struct, frozen=True):
    """Who asks: `kind` is "key" or "person", `id` which one; `digest` is that of a key that has been checked."""

    workspace_id: WorkspaceId
    kind: str
    id: str
    digest: bytes | None = None


class RequestLimits:
    """The limits of one service, in one process."""

    def __init__(self, rates: Rates, allowances: Allowances, clock: Clock) -> None:
        self._rates = rates
        self._allowances = allowances
        self._clock = clock
        self._held: OrderedDict[tuple[WorkspaceId, str], _Held] = OrderedDict()
        self._refused: OrderedDict[bytes, tuple[float, tuple[Standing, ...]]] = OrderedDict()
        # One question at a time for a workspace: of many requests that come at once not each takes a share.
        self._asking = [asyncio.Lock() for _ in range(_LOCKS)]

    def refuse_known(self, scope: Scope, digest: bytes) -> None:
        """Refuse a key that is over its limit, without looking it up: it was a good one within the window. Raises TooManyRequests."""
        known = self._refused.get(digest)
        if known is None:
            return
        ends_at, violated = known
        if ends_at <= self._clock.monotonic():
            del self._refused[digest]
            return
        now = [Standing(one.limit, 0, self._seconds(ends_at)) for one in violated]
        _note(scope, now)
        raise TooManyRequests(now)

    async def count(self, scope: Scope, asker: Asker) -> None:
        """Count one request, or refuse it. Raises TooManyRequests, and Transient where nobody can tell."""
        limits = (
            Limit(asker.kind, f"{asker.kind} {asker.id}", self._rates.key),
            Limit("workspace", "workspace", self._rates.workspace),
        )
        try:
            await self._spend(scope, asker.workspace_id, limits)
        except TooManyRequests as refused:
            if asker.digest is not None and refused.retry_after is not None:
                ends_at = self._clock.monotonic() + refused.retry_after
                _remember(self._refused, asker.digest, (ends_at, refused.violated))
            raise

    async def count_costly(self, scope: Scope, asker: Asker) -> None:
        """Count something that costs much, or refuse it. Raises as `count` does."""
        limits = (
            Limit(f"{asker.kind}-costly", f"costly {asker.kind} {asker.id}", self._rates.key_costly),
            Limit("workspace-costly", "costly workspace", self._rates.workspace_costly),
        )
        await self._spend(scope, asker.workspace_id, limits)

    async def _spend(self, scope: Scope, workspace_id: WorkspaceId, limits: Sequence[Limit]) -> None:
        """One of each limit, or none of any. Nothing waits between looking and taking, so that nobody else takes the same one."""
        if self._unknown(workspace_id, limits):
            async with self._asking[hash(workspace_id) % _LOCKS]:
                while wanted := self._unknown(workspace_id, limits):
                    await self._ask(workspace_id, wanted)
                self._take(scope, workspace_id, limits)
                return
        self._take(scope, workspace_id, limits)

    def _unknown(self, workspace_id: WorkspaceId, limits: Sequence[Limit]) -> list[Limit]:
        """Those that this process has nothing of, and that may not be used up."""
        held = [(one, self._held.get((workspace_id, one.subject))) for one in limits]
        now = self._clock.monotonic()
        return [one for one, has in held if has is None or has.ends_at <= now or (has.left == 0 and has.remaining > 0)]

    def _take(self, scope: Scope, workspace_id: WorkspaceId, limits: Sequence[Limit]) -> None:
        held = [(one, self._held[workspace_id, one.subject]) for one in limits]
        violated = [self._standing(one, has) for one, has in held if has.left == 0]
        if not violated:
            for _, has in held:
                has.left -= 1
        _note(scope, [self._standing(one, has) for one, has in held])
        if violated:
            raise TooManyRequests(violated)

    async def _ask(self, workspace_id: WorkspaceId, wanted: Sequence[Limit]) -> None:
        # Looked at before asking: by this clock a window may end too early, never too late.
        asked_at = self._clock.monotonic()
        for subject, share in (await self._allowances.take(workspace_id, wanted)).items():
            held = _Held(share.granted, share.remaining, asked_at + share.seconds)
            _remember(self._held, (workspace_id, subject), held)

    def _standing(self, limit: Limit, has: _Held) -> Standing:
        return Standing(limit, has.left + has.remaining, self._seconds(has.ends_at))

    def _seconds(self, ends_at: float) -> int:
        return max(1, math.ceil(ends_at - self._clock.monotonic()))


def _remember(memory: OrderedDict[K, V], key: K, value: V) -> None:
    """Keep it, and forget what was kept longest where there is too much."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > _REMEMBERED:
        memory.popitem(last=False)


def _note(scope: Scope, standings: Sequence[Standing]) -> None:
    scope.setdefault(_IN_SCOPE, {}).update({one.limit.name: one for one in standings})


class LimitHeaders:
    """Says on each answer to a program how its limits stand."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def told(message: Message) -> None:
            standings: Mapping[str, Standing] = scope.get(_IN_SCOPE, {})
            if message["type"] == "http.response.start" and standings:
                headers = MutableHeaders(scope=message)
                headers["ratelimit-policy"] = ", ".join(
                    f'"{name}";q={one.limit.quota};w={WINDOW_SECONDS:.0f}' for name, one in standings.items()
                )
                headers["ratelimit"] = ", ".join(
                    f'"{name}";r={one.remaining};t={one.seconds}' for name, one in standings.items()
                )
            await send(message)

        await self._app(scope, receive, told if scope["type"] == "http" else send)
