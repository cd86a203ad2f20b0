"""The data of one person of a running Callmine is erased: asked for at the front door, while a clock is moved on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.verify import callmine_verify as verifier
from chaos.erasure.one_report import run
from contracts.registry import SERVICES
from e2e.commands import command
from local.journey import Json, Person, admin_of
from local.sandbox.corpus.calls import RecordedCall
from local.sandbox.corpus.library import load_library
from local.sandbox.settings import SHIPPED_CALLS
from local.stack import Stack
from local.stack.keys import WORKSPACES

_PATIENCE = 180.0
_LOOK_SECONDS = 0.5

API = "/api/v1/erasure/people"

# A sentence with more letters than this nobody says by chance.
_SENTENCE = 40

# Retention's pauses are over, and ten minutes have gone by since the last answer.
_WORK_ON = """
UPDATE person_requests SET next_at = now(), settled_at = least(settled_at, now())
WHERE state IN ('erasing', 'verifying') AND next_at > now() AND (leased_until IS NULL OR leased_until < now())
"""

# No token is good any more of who has left; nobody is at work on the order.
_LONG_AGO = """
UPDATE person_erasures SET taken_at = taken_at - interval '10 minutes', next_at = now()
WHERE answered_at IS NULL AND barrier IS NOT NULL AND taken_at > now() - interval '5 minutes' AND taken_at < now() - interval '2 s'
"""

# By service.
SOON: Mapping[str, tuple[str, ...]] = {
    service: (_LONG_AGO, *((_WORK_ON,) if service == "retention" else ())) for service in SERVICES
}


async def ask(person: Person, email: str) -> Json:
    """Ask for somebody's data to be erased, as the page does; how the request stands."""
    answer: Json = await person.json("POST", API, json={"email": email, "confirmation": email})
    return answer


async def a_day_passes(stack: Stack, request: str) -> None:
    """As if it had been asked for a day earlier."""
    await run(
        stack,
        "retention",
        "UPDATE person_requests SET take_back_until = now(), target_at = target_at - interval '1 day', next_at = now()"
        f" WHERE state = 'asked' AND id = '{request}'",
    )


async def until(person: Person, request: str, state: str) -> Json:
    """How the request stands once it is in `state`, with what a clock would do done at once. Raises AssertionError."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found: Json = await person.json("GET", f"{API}/{request}")
        if found["state"] == state:
            return found
        assert time.monotonic() < deadline, f"the request is still {found['state']}: {found['services']}"
        for service, statements in SOON.items():
            await run(person.stack, service, *statements)
        await asyncio.sleep(_LOOK_SECONDS)


async def counted(person: Person, request: str) -> int:
    """How many calls go, once that is known. Raises AssertionError."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found: Json = await person.json("GET", f"{API}/{request}")
        if found["calls"] is not None:
            return int(found["calls"])
        assert time.monotonic() < deadline, f"nobody has counted the calls: {found}"
        await asyncio.sleep(_LOOK_SECONDS)


async def certificate_problem(stack: Stack, workspace: str, request: str, calls: int) -> str:
    """What is wrong with a certificate, by the verifier that customers are given; empty where it is good."""
    answer = await stack.client.get(f"{stack.url}/trust/certificate-keys")
    keys = [verifier.read_key(line) for line in answer.text.split()]
    printed = await command(stack, "retention", "erasures", "certificate", workspace, "--request", request)
    if printed.status:
        return f"request {request} has no certificate: {printed.errors[-300:]}"
    try:
        told = verifier.check_certificate(printed.output.strip(), keys)["predicate"]
    except (verifier.Refuted, verifier.Unreadable) as error:
        return f"the certificate of request {request} is not good: {error}"
    if (told["workspace"], told["erasure"], told["calls"], told["in_time"]) != (workspace, request, calls, True):
        return f"the certificate is of {told}"
    return ""


@dataclass(slots=True)
class OnePerson:
    """Somebody who took part in `calls` of a workspace that stays; what was said in them, and in `others` of the workspace."""

    admin: Person
    email: str
    calls: frozenset[str]
    said: frozenset[str]
    others: frozenset[str]
    request: str = ""

    @classmethod
    def of(cls, stack: Stack, workspace: str, email: str) -> OnePerson:
        """As the sandbox's Gong has them; only sentences that are in one of the two alone."""
        library = load_library(SHIPPED_CALLS, None, WORKSPACES, datetime.now(UTC).date())
        known = [call for call in library.of(workspace) if call.in_gong and not call.is_private]
        theirs = [call for call in known if email in {party.email for party in call.parties}]
        elsewhere = [call for name in WORKSPACES for call in library.of(name) if call not in theirs]
        said, others = _said(theirs), _said(call for call in known if call not in theirs)
        calls = frozenset(call.call_id for call in theirs)
        return cls(admin_of(stack, workspace), email, calls, said - _said(elsewhere), others - said)

    async def ask(self) -> None:
        """Ask for the person's data to be erased; a day goes by."""
        self.request = str((await ask(self.admin, self.email))["id"])
        found = await counted(self.admin, self.request)
        assert found == len(self.calls), f"{found} calls of the person are known, and not {len(self.calls)}"
        await a_day_passes(self.admin.stack, self.request)

    async def problems(self) -> list[str]:
        """Wait until the data is erased; what is wrong with the certificate, nothing where it is good."""
        await until(self.admin, self.request, "completed")
        stack, workspace = self.admin.stack, self.admin.organization_id
        problem = await certificate_problem(stack, workspace, self.request, len(self.calls))
        return [problem] if problem else []


def _said(calls: Iterable[RecordedCall]) -> frozenset[str]:
    """Long sentences in letters that no format has to escape."""
    texts = (sentence.text for call in calls for sentence in call.sentences)
    return frozenset(one for one in texts if len(one) > _SENTENCE and one.isascii() and not {*one} & {'"', "\\", "'"})
