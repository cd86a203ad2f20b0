"""Logs sent to endpoints that fail three times in ten, by senders that die: nothing is lost, the order holds, and what comes twice says so.

The clock is simulated, the database is real, and every choice follows from a seed. An endpoint fails before it has taken a message or after
it (the answer is lost); each message's signature is checked with the Standard Webhooks library. A sender dies at the fault points around
the request and the commits; the next one begins with nothing but the database.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from msgspec.structs import replace
from standardwebhooks import Webhook

from audit.log.store import head
from audit.streaming import store
from audit.streaming.grants import PROVIDER, REQUESTER, Door, SealedGrant
from audit.streaming.sender import Delivery, Sender, SenderSettings
from audit.streaming.stream import Attempt, Claim
from audit.streaming.vault import Vault
from chaos.audit.databases import logs_of
from chaos.audit.fresh import fresh
from contracts.sealing import Binding, SealedTo, SealingKey, SealingKeys, seal
from core import faultpoints
from core.ids import WorkspaceId, uuid7
from database import Tx
from integration.audit.logs import Logs, entries
from messaging import Outbox
from testkit.clock import SimulatedClock

WORKSPACES = tuple(WorkspaceId(f"org_stream{number}") for number in range(3))
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

POINTS = (
    "audit.stream.before_claimed",
    "audit.stream.before_post",
    "audit.stream.after_post",
    "audit.stream.before_commit",
    "audit.stream.after_commit",
)

SECONDS, TICK, FAILING, DYING = 600, 2, 0.3, 0.02

# Once nothing fails any more, so long is waited for the longest pause to be over, many times over.
_AFTERWARDS = 40

_KEY = SealingKey.generate()
_HOOK = Webhook(SECRET)


class Died(BaseException):
    """The process is gone: nobody catches it, nothing is cleaned up but what the database does by itself."""


@dataclass(slots=True)
class Endpoint:
    """What the customers' endpoints have taken: by workspace, the messages in their order."""

    rng: random.Random
    failing: float = FAILING
    taken: dict[str, list[tuple[str, list[tuple[int, str]]]]] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    async def __call__(self, url: str, headers: Mapping[str, str], body: bytes) -> Attempt:
        """Take a message, or fail before or after that."""
        self.counts["requests"] += 1
        chance = self.rng.random()
        if chance < self.failing / 2:
            self.counts["failed"] += 1
            return Attempt(False, self.rng.choice([0, 429, 500, 503]), "it failed", 5, self.rng.choice([None, 7.0]))
        self._take(headers, body)
        if chance < self.failing:
            self.counts["failed"] += 1
            return Attempt(False, 0, "the answer was lost", 5)
        return Attempt(True, 204, "", 5)

    def _take(self, headers: Mapping[str, str], body: bytes) -> None:
        data = json.loads(body)["data"]
        # The library refuses what is older than five minutes by the machine's clock, which here stands somewhere else.
        sent_at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
        expected = _HOOK.sign(headers["webhook-id"], sent_at, body.decode())
        assert expected in headers["webhook-signature"].split(" "), "the signature is wrong"
        items = [(item["position"], item["id"]) for item in data["entries"]]
        self.taken.setdefault(data["workspace"], []).append((headers["webhook-id"], items))


@dataclass(slots=True)
class Streamed:
    """Figures by name, and what went wrong in words."""

    of: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)


async def streamed(admin_url: str, seed: int, sender_type: type[Sender] = Sender, seconds: int = SECONDS) -> Streamed:
    """So many simulated seconds with failures and deaths; then nothing fails any more, and what was taken is compared with the log."""
    async with fresh(admin_url) as dsns, logs_of(dsns) as logs:
        trial = _Trial(logs, random.Random(seed), sender_type)
        await trial.begin()
        for _ in range(seconds // TICK):
            await trial.tick()
        await trial.end()
        return await trial.judged(seed)


class _Trial:
    def __init__(self, logs: Logs, rng: random.Random, sender_type: type[Sender]) -> None:
        self._logs, self._rng, self._type = logs, rng, sender_type
        self._clock = SimulatedClock()
        self._endpoint = Endpoint(random.Random(rng.random()))
        self._deaths = 0
        self._dying = DYING
        self._sender = self._born()

    def _born(self) -> Sender:
        """A process that knows nothing of the one before."""
        outbox, door = Outbox("audit"), Door(SealingKeys.parse(_KEY.private_text()))
        vault = Vault(outbox, door, clock=self._clock)
        chance = random.Random(self._rng.random())
        return self._type(self._logs.db, outbox, vault, self._endpoint, SenderSettings(), self._clock, chance)

    async def begin(self) -> None:
        """A stream and something to sign with, in each workspace."""
        for workspace_id in WORKSPACES:
            async with self._logs.db.workspace(workspace_id) as tx:
                await store.add(tx, f"https://{workspace_id.replace('_', '-')}.example.com", 0, self._clock.now())
                await self._grant(tx)

    async def tick(self, *, writing: bool = True) -> None:
        """Entries are recorded and sealed, time passes, whoever is due is served; sometimes the process dies meanwhile."""
        if writing and self._rng.random() < 0.5:
            for workspace_id in self._rng.sample(WORKSPACES, self._rng.randrange(1, 3)):
                await self._logs.record(workspace_id, entries(self._rng.choice([1, 1, 2, 5, 30])))
            await self._logs.sealer.drain()
        await self._clock.advance(TICK)
        await self._served()

    async def end(self) -> None:
        """Nothing fails any more, and nobody dies; the longest pause is waited for."""
        self._endpoint.failing, self._dying = 0.0, 0.0
        for _ in range(_AFTERWARDS):
            await self._clock.advance(3600)
            while await self._sender.once():
                pass

    async def _served(self) -> None:
        faultpoints.arm(self._trap)
        try:
            await self._sender.once()
        except BaseExceptionGroup as group:
            if group.split(Died)[1] is not None:
                raise
            self._deaths += 1
            self._sender = self._born()
        finally:
            faultpoints.arm(None)

    def _trap(self, point: str) -> None:
        if point in POINTS and self._rng.random() < self._dying:
            raise Died(point)

    async def _grant(self, tx: Tx) -> None:
        grant_id, expires_at = uuid7(), self._clock.now() + timedelta(days=30)
        await store.ask(tx, grant_id, timedelta(), self._clock.now())
        binding = Binding(tx.workspace_id, str(grant_id), PROVIDER, REQUESTER, expires_at)
        content = json.dumps({"kind": "signing", "secrets": [SECRET]}).encode()
        to = SealedTo.parse(_KEY.public_text())
        await store.granted(tx, SealedGrant(grant_id, seal(to, content, binding), to.key_id, expires_at))

    async def judged(self, seed: int) -> Streamed:
        """Each position of each log against what was taken."""
        found = Streamed()
        found.of.update(self._endpoint.counts, stream_deaths=self._deaths)
        for workspace_id in WORKSPACES:
            async with self._logs.db.workspace(workspace_id) as tx:
                size = (await head(tx)).range.size
            _compare(found, f"seed {seed}, {workspace_id}", size, self._endpoint.taken.get(workspace_id, []))
        return found


def _compare(found: Streamed, named: str, size: int, messages: list[tuple[str, list[tuple[int, str]]]]) -> None:
    known: dict[str, list[tuple[int, str]]] = {}
    seen: dict[int, str] = {}
    for message_id, items in messages:
        if message_id in known:
            found.of["repeated"] += 1
            found.of["unmarked"] += known[message_id] != items
            continue
        known[message_id] = items
        for position, entry in items:
            # A consumer that drops what has an id that it knows has each position once, in order.
            found.of["unmarked"] += position in seen
            found.of["disordered"] += position not in seen and position < max(seen, default=0)
            seen.setdefault(position, entry)
    found.of["streamed"] += size
    found.of["lost"] += len(set(range(size)) - seen.keys())
    for figure in ("lost", "unmarked", "disordered"):
        if found.of[figure]:
            found.problems.append(f"{named}: {found.of[figure]} {figure} so far")


# --- Senders that are wrong, each of which the proof must find ------------------------------------------------------


class AdvancesFirst(Sender):
    """Records the delivery before it is made."""

    async def deliver(self, claim: Claim) -> None:
        async with self._db.workspace(claim.workspace_id) as tx:
            delivery = await self._made(tx, claim)
            if delivery is not None:
                done = Attempt(True, 204, "", 0)
                await store.delivered(tx, claim, delivery.batch.first, delivery.batch.end, done, self._clock.now())
        if delivery is not None:
            await self._post(delivery.claimed.url, delivery.headers, delivery.body)


class SkipsOnFailure(Sender):
    """Goes on behind a batch that was not taken."""

    async def _record(self, tx: Tx, claim: Claim, delivery: Delivery, attempt: Attempt) -> None:
        await super()._record(tx, claim, delivery, replace(attempt, delivered=True))


class NeverRetries(Sender):
    """Leaves a batch that was not taken where it is."""

    async def _record(self, tx: Tx, claim: Claim, delivery: Delivery, attempt: Attempt) -> None:
        if attempt.delivered:
            await super()._record(tx, claim, delivery, attempt)
        else:
            now = self._clock.now()
            await store.failed(tx, claim, attempt, now + timedelta(days=3650), now, over=False)


class ForgetsTheBatch(Sender):
    """Sends what is there now instead of the same batch again."""

    async def _made(self, tx: Tx, claim: Claim) -> Delivery | None:
        claimed = await store.claimed(tx, claim)
        if claimed is not None and claimed.batch_end is not None:
            size = (await head(tx)).range.size
            await store.begin(tx, claim, min(size, claimed.next_index + self._chance.randrange(1, 100)))
        return await super()._made(tx, claim)


MUTANTS = (AdvancesFirst, SkipsOnFailure, NeverRetries, ForgetsTheBatch)
