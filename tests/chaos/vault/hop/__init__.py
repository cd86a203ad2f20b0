"""The hop: a grant costs one message each way, no call of Cloud KMS, and a few milliseconds.

The broker, PostgreSQL and the vault run as processes of their own, as in `make run`. This process is the requester, with the product's own
publisher and subscriber. A grant's time is from the beginning of the call that publishes `CredentialRequested` until the requester's
subscriber has `CredentialGranted`: broker, push to the vault, its transaction, its relay, broker. Grants are asked for one at a time, so
that none waits for another; the first few warm connections up and are not counted. Each is opened with the requester's key and compared.
What Cloud KMS and Secret Manager were asked meanwhile is counted there; what the vault has said is counted in its outbox.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import cycle, islice

from chaos.harness import Figure, Plan
from chaos.vault.hop.requester import NoGrant, Requester
from chaos.vault.hop.stage import Stage, staged
from core.ids import WorkspaceId
from isolation import Part

QUICK, FULL = 200, 2_000

# Milliseconds that the median grant has to stay under.
LIMIT_MS = 25.0

# A push that was refused comes again after a second or more; what takes longer than this is lost.
PATIENCE_SECONDS = 10.0

# What one grant may cost: a question and an answer, and nothing else.
COSTS = {"kms_calls_per_grant": 0.0, "secret_reads_per_grant": 0.0, "messages_per_grant": 2.0}

_WARMING, _BURST = 20, 200

# So many that did not come are enough to know.
_MOST_FAILURES = 3


async def measure(plan: Plan, admin_url: str) -> Part:
    """Ask for QUICK grants, or FULL for a full plan. `admin_url` is not used: a stack names its databases itself."""
    del admin_url
    async with staged() as stage:
        return await measured_on(stage, plan, FULL if plan.full else QUICK)


async def measured_on(
    stage: Stage, plan: Plan, grants: int, patience: float = PATIENCE_SECONDS, limit_ms: float = LIMIT_MS
) -> Part:
    """The same on a stage that is there already. `patience` is how many seconds a grant may take, `limit_ms` what the median may."""
    async with Requester.at_work(stage.stack, patience) as requester:
        hop = Hop(stage, requester, plan)
        await hop.one_by_one(_WARMING)
        before = await hop.count()
        seconds = await hop.one_by_one(grants)
        after = await hop.count()
        burst = 0.0 if hop.failures else await hop.all_at_once(min(grants, _BURST))
        return _verdict(hop, seconds, after.since(before, len(seconds)) | {"hop_burst_per_second": burst}, limit_ms)


@dataclass(frozen=True, slots=True)
class Count:
    """How often each has happened so far."""

    kms: int
    secrets: int
    messages: int

    def since(self, before: Count, grants: int) -> dict[str, float]:
        """What each of `grants` has cost."""
        each = max(1, grants)
        return {
            "kms_calls_per_grant": (self.kms - before.kms) / each,
            "secret_reads_per_grant": (self.secrets - before.secrets) / each,
            "messages_per_grant": (self.messages - before.messages) / each,
        }


@dataclass(slots=True)
class Hop:
    """One measurement."""

    stage: Stage
    requester: Requester
    plan: Plan
    failures: list[str] = field(default_factory=list)

    async def one_by_one(self, grants: int) -> list[float]:
        """How long each took, in seconds; the workspaces take turns. It ends early when there is nothing to wait for."""
        found: list[float] = []
        for number, wanted in enumerate(self._wanted(grants), start=1):
            found += await self._asked(*wanted)
            self.plan.tick(number, grants)
            if len(self.failures) >= _MOST_FAILURES:
                break
        return found

    async def all_at_once(self, grants: int) -> float:
        """Grants a second when nobody waits for another."""
        began = time.perf_counter()
        found = await asyncio.gather(*(self._asked(*wanted) for wanted in self._wanted(grants)))
        return sum(map(len, found)) / (time.perf_counter() - began)

    async def count(self) -> Count:
        """What has been counted so far: any call of KMS or Secret Manager, any message of the requester or the vault."""
        asked = self.stage.counted
        messages = self.requester.published + await self.stage.said()
        return Count(asked.kms.total(), asked.secrets.total(), messages)

    async def _asked(self, workspace_id: WorkspaceId, wanted: Mapping[str, str]) -> list[float]:
        """How long it took; nothing when it failed, which is noted."""
        try:
            return [await self.requester.ask(workspace_id, wanted)]
        except NoGrant as error:
            self.failures.append(str(error))
            return []

    def _wanted(self, grants: int) -> Iterator[tuple[WorkspaceId, Mapping[str, str]]]:
        return islice(cycle(self.stage.wanted.items()), grants)


def _verdict(hop: Hop, seconds: list[float], costs: Mapping[str, float], limit_ms: float) -> Part:
    times = _times(seconds)
    told = list(hop.failures)
    if not times["grant_ms_p50"] < limit_ms:
        told.append(f"the median grant took {times['grant_ms_p50']:.1f} ms, not under {limit_ms:.0f}")
    if not (hop.stage.counted.kms and hop.stage.counted.secrets):
        told.append("the count does not see: the vault has started without asking Cloud KMS or Secret Manager")
    told += [
        f"{name} is {costs[name]:.2f}, not {wanted:.0f}" for name, wanted in COSTS.items() if costs[name] != wanted
    ]
    figures: dict[str, Figure] = {"hop_grants": len(seconds), **times, **costs}
    return Part(figures, tuple(f"hop, seed {hop.plan.seed}: {one}" for one in told))


def _times(seconds: list[float]) -> dict[str, float]:
    """Percentiles in milliseconds (nearest rank); endless when no grant came."""
    ordered = sorted(seconds) or [math.inf]
    return {f"grant_ms_p{part}": 1000 * ordered[math.ceil(part / 100 * len(ordered)) - 1] for part in (50, 95, 99)}
