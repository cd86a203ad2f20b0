"""People at the front door: they look at pages and the API of every service, and start runs, without a pause."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import httpx

from local.journey import Json, Person, admin_of, asked
from local.stack import Stack
from local.stack.keys import WORKSPACES

# A page and a part of the API of each service.
LOOKED_AT: Mapping[str, Sequence[str]] = {
    "ingest": ("/settings/workspace", "/api/v1/workspace"),
    "analysis": ("/dashboard", "/api/v1/runs"),
    "credential-vault": ("/settings/integrations", "/api/v1/integrations"),
    "audit": ("/audit", "/api/v1/audit?size=5"),
    "retention": ("/settings/billing", "/api/v1/plan"),
}

_LOOK_SECONDS = 0.1
_FOLLOW_SECONDS = 1.0
_RUN_SECONDS = 240.0

# Of a run: few calls, so that many runs begin and end while services are rolled.
_CALLS = 2


@dataclass(frozen=True, slots=True)
class Trouble:
    """A request that did not go well, between two moments of the monotonic clock."""

    service: str
    what: str
    began: float
    ended: float


@dataclass(slots=True)
class Users:
    """`troubles` and `pauses` grow while `look` and `ask` go on; `runs` are those that were started."""

    stack: Stack
    troubles: list[Trouble] = field(default_factory=list)
    pauses: dict[str, float] = field(default_factory=dict)
    runs: list[tuple[Person, str]] = field(default_factory=list)
    done: dict[str, Json] = field(default_factory=dict)
    requests: int = 0
    stopping: asyncio.Event = field(default_factory=asyncio.Event)

    async def look(self, service: str) -> None:
        """Look at a service's pages until `stopping`; the longest time without a good answer is the service's pause."""
        person, last = admin_of(self.stack, WORKSPACES[0]), time.monotonic()
        for path in itertools.cycle(LOOKED_AT[service]):
            answer = await self._request(service, person, "GET", path)
            if answer is not None:
                now = time.monotonic()
                self.pauses[service] = max(self.pauses.get(service, 0.0), now - last)
                last = now
            await asyncio.sleep(_LOOK_SECONDS)
            if self.stopping.is_set():
                return

    async def ask(self, workspace: str) -> None:
        """Start a run, follow it to its end, start the next, until `stopping`."""
        person = admin_of(self.stack, workspace)
        question = await asked(person, workspace) | {"max_calls": _CALLS}
        while not self.stopping.is_set():
            answer = await self._request("analysis", person, "POST", "/api/v1/runs", json=question)
            if answer is None:
                await asyncio.sleep(_FOLLOW_SECONDS)
                continue
            run = str(answer.json()["run_id"])
            self.runs.append((person, run))
            await self._follow(person, run)

    async def _follow(self, person: Person, run: str) -> None:
        deadline = time.monotonic() + _RUN_SECONDS
        while time.monotonic() < deadline:
            answer = await self._request("analysis", person, "GET", f"/api/v1/runs/{run}")
            if answer is not None and answer.json()["state"] not in {"queued", "running"}:
                self.done[run] = answer.json()
                return
            await asyncio.sleep(_FOLLOW_SECONDS)

    async def _request(
        self, service: str, person: Person, method: str, path: str, json: Json | None = None
    ) -> httpx.Response | None:
        """The answer if it is a good one; else None, and it is noted. Nothing is tried again: a person sees what there is."""
        began, token = time.monotonic(), await person.token()
        page = not path.startswith("/api/")
        headers = {"cookie": f"__session={token}", "accept": "text/html"} if page else _api(token)
        self.requests += 1
        try:
            answer = await self.stack.client.request(method, self.stack.url + path, headers=headers, json=json)
        except httpx.TransportError as error:
            said = type(error).__name__
        else:
            if answer.is_success:
                return answer
            said = f"{answer.status_code} {answer.text[:200]}"
        self.troubles.append(Trouble(service, f"{method} {path}: {said}", began, time.monotonic()))
        return None


def _api(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}", "accept": "application/json"}
