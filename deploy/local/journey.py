"""The main job, done through the front door as a person's program would do it.

Sign in, connect Gong, ask, wait, read, export, look at the audit log.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import httpx

from local.sandbox.corpus.calls import RecordedCall, Sentence
from local.sandbox.corpus.library import Library
from local.stack import Stack
from local.stack.keys import WORKSPACES

# What each of the two demo workspaces wants to know of its own calls.
BRIEFS = {
    "harborline": "What objections do customers raise about price, integration and timing, which competitors come up, "
    "and what did the rep answer?",
    "quillstone": "Why do customers hesitate to switch: price, contracts, security, competitors? What next steps are agreed?",
}

MODELS = {"harborline": "openai/small", "quillstone": "anthropic/small"}

# A session token lives 60 seconds; a fresh one is fetched well before.
_TOKEN_SECONDS = 40.0
_POLL_SECONDS = 0.25
_RUN_SECONDS = 600.0

Json = dict[str, Any]
Progress = Callable[[str, str, float], None]
"""Called with workspace, what is going on, and how far it is (0 to 1)."""


class JourneyFailed(Exception):
    """A step did not go as it should; the text says which, and what was answered."""


@dataclass(slots=True)
class Person:
    """Somebody signed in to one workspace, with a client for the front door."""

    stack: Stack
    user_id: str
    organization_id: str
    _token: str = ""
    _renew_at: float = 0.0

    async def call(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        """A request with a valid session; repeated while a service is starting (503)."""
        deadline = time.monotonic() + 60
        while True:
            headers = {"authorization": f"Bearer {await self.token()}", "accept": "application/json"}
            answer = await self.stack.client.request(method, self.stack.url + path, headers=headers, **arguments)
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                return answer
            await asyncio.sleep(_POLL_SECONDS)

    async def json(self, method: str, path: str, **arguments: Any) -> Json:
        """The JSON answer of a request that succeeds. Raises JourneyFailed."""
        answer = await self.call(method, path, **arguments)
        if not answer.is_success:
            raise JourneyFailed(f"{method} {path} answered {answer.status_code}: {answer.text[:500]}")
        found: Json = answer.json()
        return found

    async def token(self) -> str:
        """A session token that is valid for at least 20 seconds more."""
        if time.monotonic() >= self._renew_at:
            order = {"user": self.user_id, "organization": self.organization_id}
            self._token = await mint(self.stack, order)
            self._renew_at = time.monotonic() + _TOKEN_SECONDS
        return self._token


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one workspace ended up with."""

    workspace: str
    run: Json
    report: Json
    audit: list[Json]

    @property
    def numbers(self) -> Mapping[str, int]:
        """The report's own numbers."""
        found: Mapping[str, int] = self.report["numbers"]
        return found


async def mint(stack: Stack, order: Mapping[str, object]) -> str:
    """A session token from the sandbox's Clerk."""
    answer = await stack.client.post(
        f"{stack.site.sandbox_url}/clerk/_mint",
        json=order,
        headers={"authorization": f"Bearer {stack.site.keys.admin_token}"},
    )
    answer.raise_for_status()
    return str(answer.json()["jwt"])


def admin_of(stack: Stack, workspace: str) -> Person:
    """The admin of a demo workspace."""
    return Person(stack, f"user_{workspace}01", f"org_{workspace}01")


async def everything(stack: Stack, progress: Progress) -> list[Outcome]:
    """The main job in both workspaces at once."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(journey(stack, workspace, progress)) for workspace in WORKSPACES]
    return [task.result() for task in tasks]


async def journey(stack: Stack, workspace: str, progress: Progress) -> Outcome:
    """The main job in one workspace. Raises JourneyFailed."""
    person = admin_of(stack, workspace)
    progress(workspace, "waiting for the workspace's plan", 0.0)
    await until(
        lambda: person.call("GET", "/api/v1/plan"), lambda answer: answer.is_success, "the workspace has no plan"
    )
    progress(workspace, "connecting Gong", 0.02)
    await connect(person, workspace)
    progress(workspace, "counting the calls", 0.05)
    question = await asked(person, workspace)
    preview = await previewed(person, question)
    progress(workspace, f"{preview['matching_calls']} calls match; starting the run", 0.08)
    run = await finished(person, question, lambda what, part: progress(workspace, what, 0.1 + 0.85 * part))
    if run["state"] != "completed":
        raise JourneyFailed(f"the run of {workspace} ended {run['state']}: {run['reason']}")
    export = await person.json("POST", f"/api/v1/reports/{run['report_id']}/export?format=json")
    progress(workspace, "reading the audit log", 0.97)
    audit = await audited(person, {"integration.connected", "member.added", "report.exported"})
    progress(workspace, "done", 1.0)
    return Outcome(workspace, run, export, audit)


async def found_again(stack: Stack, progress: Progress) -> list[Outcome] | None:
    """The newest report of each workspace from an earlier start on the same data; None unless there is one in both."""
    outcomes = [await _found(stack, workspace) for workspace in WORKSPACES]
    if any(outcome is None for outcome in outcomes):
        return None
    progress("start", "found the reports of the last time", 1.0)
    return [outcome for outcome in outcomes if outcome is not None]


async def _found(stack: Stack, workspace: str) -> Outcome | None:
    person = admin_of(stack, workspace)
    runs = (await person.json("GET", "/api/v1/runs"))["runs"]
    done = [run for run in runs if run["state"] == "completed" and run["report_id"]]
    if not done:
        return None
    await _reconnect_if_moved(person, workspace)
    report = await person.json("GET", f"/api/v1/reports/{done[0]['report_id']}")
    return Outcome(workspace, done[0], report, [])


async def _reconnect_if_moved(person: Person, workspace: str) -> None:
    """The credential remembers where Gong was; the sandbox is elsewhere now if its port was taken."""
    integrations: list[Json] = (await person.call("GET", "/api/v1/integrations")).json()
    gong = next(each for each in integrations if each["provider"] == "gong")
    if gong["base_url"] != f"{person.stack.site.sandbox_url}/gong":
        await connect(person, workspace)


async def connect(person: Person, workspace: str) -> None:
    """Connect Gong with the workspace's key, and wait until analysis has heard of it."""
    key = person.stack.site.keys.gong[workspace]
    await person.json(
        "POST", "/api/v1/integrations/gong", json={"access_key": key["access_key"], "secret": key["secret"]}
    )


async def asked(person: Person, workspace: str) -> Json:
    """The workspace's question."""
    return {"brief": BRIEFS[workspace], "model": MODELS[workspace], "max_calls": 50}


async def previewed(person: Person, question: Json) -> Json:
    """The preview of a question, once its calls are counted."""
    first = await until(
        lambda: person.call("POST", "/api/v1/previews", json=question),
        lambda a: a.is_success,
        "no preview can be asked for",
    )
    path = f"/api/v1/previews/{first.json()['preview_id']}"
    answer = await until(
        lambda: person.call("GET", path),
        lambda a: (
            a.is_success
            and a.json()["state"] != "waiting"
            and (a.json()["matching_calls"] is not None or a.json()["reason"])
        ),
        "the preview is not ready",
    )
    preview: Json = answer.json()
    if preview["matching_calls"] is None:
        raise JourneyFailed(f"the preview failed: {preview['reason']}")
    return preview


async def finished(person: Person, question: Json, progress: Callable[[str, float], None]) -> Json:
    """Start a run and follow it to its end."""
    run = await person.json("POST", "/api/v1/runs", json=question)
    deadline = time.monotonic() + _RUN_SECONDS
    while run["state"] in {"queued", "running"}:
        if time.monotonic() > deadline:
            raise JourneyFailed(f"the run is still {run['state']} after {_RUN_SECONDS:.0f} s: {run['stages']}")
        await asyncio.sleep(_POLL_SECONDS)
        run = await person.json("GET", f"/api/v1/runs/{run['run_id']}")
        progress(_words(run), run["percent"] / 100)
    return run


async def audited(person: Person, types: set[str]) -> list[Json]:
    """All audit entries of the workspace, once there is one of each of `types`."""
    answer = await until(
        lambda: person.call("GET", "/api/v1/audit?size=200"),
        lambda a: a.is_success and types <= {entry["type"] for entry in a.json()["entries"]},
        f"the audit log does not hold all of {sorted(types)}",
    )
    entries: list[Json] = answer.json()["entries"]
    return entries


async def until(
    ask: Callable[[], Any], good: Callable[[httpx.Response], object], complaint: str, seconds: float = 90.0
) -> httpx.Response:
    """Ask until the answer is good. Raises JourneyFailed with the complaint and the last answer."""
    deadline = time.monotonic() + seconds
    while True:
        answer: httpx.Response = await ask()
        if good(answer):
            return answer
        if time.monotonic() > deadline:
            raise JourneyFailed(f"{complaint}: {answer.status_code} {answer.text[:300]}")
        await asyncio.sleep(_POLL_SECONDS)


def _words(run: Json) -> str:
    current = [stage for stage in run["stages"] if stage["state"] not in {"done", "waiting"}]
    if not current:
        return str(run["state"])
    stage = current[-1]
    return f"{stage['name']} {stage['done']}/{stage['of']}" if stage["of"] else str(stage["name"])


def quotes_of(report: Json) -> list[Json]:
    """All quotes of an exported report, each with the id of its call."""
    return [
        {**quote, "call_id": finding["call_id"]}
        for theme in report["themes"]
        for finding in theme["findings"]
        for quote in finding["quotes"]
    ]


def verified(outcome: Outcome, library: Library) -> int:
    """How many of the report's quotes were said, word for word, at that time by that speaker of that call.

    Checked against the sandbox's own calls, the source, not against what the services kept of them.
    """
    calls = {call.call_id: call for call in library.of(outcome.workspace)}
    return sum(
        quote["call_id"] in calls and _was_said(quote, calls[quote["call_id"]]) for quote in quotes_of(outcome.report)
    )


def _was_said(quote: Json, call: RecordedCall) -> bool:
    names = {party.speaker_id: party.name for party in call.parties}
    text = " ".join(quote["text"].split())
    for position, sentence in enumerate(call.sentences):
        if sentence.start_ms == quote["start_ms"] and names.get(sentence.speaker_id) == quote["speaker"]:
            found = _from_here(call.sentences[position:], sentence.speaker_id).find(text)
            return 0 <= found < len(sentence.text)
    return False


def _from_here(sentences: Sequence[Sentence], speaker_id: str) -> str:
    """What a speaker says without being interrupted."""
    onwards = takewhile(lambda sentence: sentence.speaker_id == speaker_id, sentences)
    return " ".join(" ".join(sentence.text.split()) for sentence in onwards)


def audit_types(outcomes: list[Outcome]) -> Counter[str]:
    """How many audit entries of each type there are."""
    return Counter(entry["type"] for outcome in outcomes for entry in outcome.audit)
