"""One report of a running Callmine is erased: made with a question of its own, asked for at the front door, while a clock is moved on."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass

import asyncpg

from audit.verify import callmine_verify as verifier
from e2e.commands import command
from e2e.snapshot import database_of
from local.journey import Json, Person, asked, finished
from local.stack import Stack

_PATIENCE = 120.0
_LOOK_SECONDS = 0.5

# So many calls are enough for a report with quotes.
_CALLS = 3

# Retention's pauses are over.
_WORK_ON = """
UPDATE report_erasures SET next_at = now()
WHERE next_at > now() AND state <> 'asked' AND (leased_until IS NULL OR leased_until < now())
"""

# Ten minutes have gone by since all was erased.
_LONG_AGO = """
UPDATE report_tombstones SET erased_at = erased_at - interval '1 hour' WHERE erased_at > now() - interval '30 minutes'
"""
_QUIET = """
UPDATE report_erasures SET next_at = now()
WHERE told = 'erased' AND asked_attempt > answered_attempt AND next_at > now() + interval '70 s'
"""

# By service.
SOON: Mapping[str, tuple[str, ...]] = {"retention": (_WORK_ON,), "analysis": (_LONG_AGO, _QUIET)}


async def reported(person: Person, workspace: str, words: str) -> str:
    """Run a small question that says `words`; the id of its report."""
    question: Json = {**await asked(person, workspace), "max_calls": _CALLS}
    question["brief"] = f"{question['brief']} {words}"
    run = await finished(person, question, lambda *_: None)
    assert run["state"] == "completed", run
    return str(run["report_id"])


async def ask(person: Person, report_id: str) -> Json:
    """Ask for a report to be erased, as the page does; how the request stands."""
    body = {"confirmation": report_id[-8:]}
    answer: Json = await person.json("POST", f"/api/v1/erasure/reports/{report_id}", json=body)
    return answer


async def a_day_passes(stack: Stack, report_id: str) -> None:
    """As if it had been asked for a day earlier."""
    await run(
        stack,
        "retention",
        "UPDATE report_erasures SET take_back_until = now(), target_at = target_at - interval '1 day', next_at = now()"
        f" WHERE state = 'asked' AND report_id = '{report_id}'",
    )


async def run(stack: Stack, service: str, *statements: str) -> None:
    """Statements of the administrator."""
    connection = await asyncpg.connect(database_of(stack, service))
    try:
        for one in statements:
            await connection.execute(one)
    finally:
        await connection.close()


async def until(person: Person, report_id: str, state: str) -> Json:
    """How the request stands once it is in `state`, with what a clock would do done at once. Raises AssertionError."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        found: Json = await person.json("GET", f"/api/v1/erasure/reports/{report_id}")
        if found["state"] == state:
            return found
        assert time.monotonic() < deadline, f"the request is still {found['state']}: {found['services']}"
        for service, statements in SOON.items():
            await run(person.stack, service, *statements)
        await asyncio.sleep(_LOOK_SECONDS)


async def certificate_problem(stack: Stack, workspace: str, report_id: str) -> str:
    """What is wrong with a report's certificate, by the verifier that customers are given; empty where it is good."""
    answer = await stack.client.get(f"{stack.url}/trust/certificate-keys")
    keys = [verifier.read_key(line) for line in answer.text.split()]
    printed = await command(stack, "retention", "erasures", "certificate", workspace, "--report", report_id)
    if printed.status:
        return f"report {report_id} has no certificate: {printed.errors[-300:]}"
    try:
        told = verifier.check_certificate(printed.output.strip(), keys)["predicate"]
    except (verifier.Refuted, verifier.Unreadable) as error:
        return f"the certificate of report {report_id} is not good: {error}"
    if (told["workspace"], told["report"], told["in_time"]) != (workspace, report_id, True):
        return f"the certificate is of {told}"
    return "" if sum(told["services"][0]["rows"].values()) else "the certificate tells of no row"


@dataclass(frozen=True, slots=True)
class OneReport:
    """A report of a workspace that stays, with a question that says `words`."""

    person: Person
    id: str
    words: str

    @classmethod
    async def made(cls, person: Person, workspace: str, words: str) -> OneReport:
        """Have it made."""
        return cls(person, await reported(person, workspace, words), words)

    async def ask(self) -> None:
        """Ask for it to be erased; a day goes by."""
        await ask(self.person, self.id)
        await a_day_passes(self.person.stack, self.id)

    async def problems(self) -> list[str]:
        """Wait until it is erased; what is wrong with its certificate, nothing where it is good."""
        await until(self.person, self.id, "completed")
        problem = await certificate_problem(self.person.stack, self.person.organization_id, self.id)
        return [problem] if problem else []
