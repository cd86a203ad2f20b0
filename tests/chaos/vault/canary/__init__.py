"""Canaries: no part of a credential is anywhere but where it has to be, during a run and after it.

Every connected credential is a canary: key pairs, access tokens, refresh tokens, and the code and state of each consent. While a run holds
its grant, and again after it, the bytes of everything else are searched: memory of all processes, files of PostgreSQL, broker and object
store, logs, captured statements, temporary files, command lines, environments, a dump, and what pages and API show. The memory of the
vault, which keeps them, and of the sandbox, which made them, is left out. What the run uses has to be found in the sandbox and in the
requester while that holds its grant: so the search is known to see.

The requester is counted apart: it may hold what it was granted for some seconds after the run. The front door, through which the admin's
browser sends a key, or a code with its state, may not: it has forgotten them by the time of the first look.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from chaos.harness import Figure, Plan
from chaos.vault.canary import decoy
from chaos.vault.canary.canaries import Canary
from chaos.vault.canary.decoy import Decoy
from chaos.vault.canary.findings import Hit, Kind, Sweep
from chaos.vault.canary.search import Search
from chaos.vault.canary.stage import PROVIDER, Stage, staged
from isolation import Part

# A requester has its grant a second after the run has started, and is held there for at least four times `HELD_SECONDS`; HubSpot is
# asked, and held, after that.
SIGHT_SECONDS = 40.0

# What a run has used is garbage when it ends, and overwritten by whatever comes next: the polls of an idle worker are enough.
FORGETTING_SECONDS = 10.0

QUICK_RUNS, FULL_RUNS = 1, 5


async def measure(plan: Plan, admin_url: str) -> Part:
    """Start a stack, connect, run, and search. `admin_url` is not used: the files of the server have to be within reach."""
    del admin_url
    async with staged() as stage:
        watch = Watch(stage, Decoy.new(stage.stack))
        await watch.look_for_the_decoy()
        watch.guard(await stage.connect())
        runs = FULL_RUNS if plan.full else QUICK_RUNS
        for number in range(runs):
            await watch.follow_a_run()
            plan.tick(number + 1, runs)
        return watch.verdict()


@dataclass(slots=True)
class Watch:
    """What is seen from the first connection to the end of the last run."""

    stage: Stage
    decoy: Decoy
    canaries: list[Canary] = field(default_factory=list)
    search: Search = field(init=False)
    sweeps: list[Sweep] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    remnants: set[Hit] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Begin with the decoy alone."""
        self.search = Search([self.decoy.canary])

    def guard(self, canaries: Iterable[Canary]) -> None:
        """Look for these credentials from now on."""
        added = list(canaries)
        self.canaries += added
        self.search.look_for(added)

    async def look_for_the_decoy(self) -> None:
        """Plant the decoy, and see whether it is found in every kind of place."""
        async with self.decoy.planted():
            self.problems += decoy.missed(await self.stage.look(self.search))

    async def follow_a_run(self) -> None:
        """Look while a run holds its grant, and after it."""
        async with self.stage.held_run():
            await self._see_the_holders()
            self.sweeps.append(await self.stage.look(self.search))
        self.remnants |= await self._left_with_requesters()
        self.sweeps.append(await self.stage.look(self.search))

    async def _see_the_holders(self) -> None:
        """Return once every canary that a run uses was seen where it has to be: with who was granted it, and with the provider."""
        deadline = time.monotonic() + SIGHT_SECONDS
        used = [one for one in self.canaries if one.requester]
        unseen = {(holder, one.name) for one in used for holder in (PROVIDER, one.requester)}
        while unseen and time.monotonic() < deadline:
            sweep = await self.stage.look_into_memory(self.search, *{holder for holder, _ in unseen})
            unseen -= {(hit.place.process, hit.trace.canary) for hit in sweep.hits}
        self.problems += [
            f"the search does not see: {name} was not found in the memory of {holder}, which uses it"
            for holder, name in sorted(unseen)
        ]

    async def _left_with_requesters(self) -> set[Hit]:
        """What the requesters have not forgotten within the time they are given."""
        deadline = time.monotonic() + FORGETTING_SECONDS
        requesters = {one.requester for one in self.canaries if one.requester}
        while True:
            sweep = await self.stage.look_into_memory(self.search, *requesters)
            left = {hit for hit in sweep.hits if self._is_with_its_requester(hit)}
            if not left or time.monotonic() > deadline:
                return left

    def _is_with_its_requester(self, hit: Hit) -> bool:
        """Whether somebody has it who may be granted it."""
        requesters = {one.name: one.requester for one in self.canaries}
        return hit.place.kind is Kind.MEMORY and hit.place.process == requesters.get(hit.trace.canary)

    def verdict(self) -> Part:
        """The figures, and a problem for each hit."""
        found = {hit for sweep in self.sweeps for hit in sweep.hits if hit.trace.canary != decoy.NAME}
        hits = {hit for hit in found if not self._is_with_its_requester(hit)}
        figures: dict[str, Figure] = {
            "canaries": len(self.canaries),
            "canary_hits": len(hits),
            "requester_remnants": len(self.remnants),
            "canary_bytes": self.search.searched,
            "canary_processes": len({pid for sweep in self.sweeps for pid in sweep.processes}),
            "canary_places": len({place for sweep in self.sweeps for place in sweep.places}),
            "canary_unread": {place: counts for sweep in self.sweeps for place, counts in sweep.unread.items()},
        }
        told = [f"{hit}, {FORGETTING_SECONDS:.0f} s after the run" for hit in sorted(self.remnants)]
        return Part(figures, (*self.problems, *map(str, sorted(hits)), *told))
