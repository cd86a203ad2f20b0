"""Small runs: started, followed, and what is left of them in the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import asyncpg

from e2e.snapshot import database_of
from local.journey import Json, Person, asked
from local.stack import Stack


async def start(person: Person, workspace: str, **changes: object) -> Json:
    """Start a run of the workspace's question over the three newest calls; `changes` replace parts of the question."""
    question = await asked(person, workspace) | {"max_calls": 3} | changes
    return await person.json("POST", "/api/v1/runs", json=question)


async def until(person: Person, run: Json, good: Callable[[Json], object], seconds: float = 90.0) -> Json:
    """The run as soon as it is `good`. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    while True:
        now = await person.json("GET", f"/api/v1/runs/{run['run_id']}")
        if good(now):
            return now
        assert time.monotonic() < deadline, f"the run does not get there: {now}"
        await asyncio.sleep(0.1)


async def end_of(person: Person, run: Json) -> Json:
    """The run when it has ended."""
    return await until(person, run, lambda now: now["state"] not in {"queued", "running"})


async def page(person: Person, path: str) -> str:
    """A page as the person's browser gets it."""
    headers = {"cookie": f"__session={await person.token()}", "accept": "text/html"}
    answer = await person.stack.client.get(person.stack.url + path, headers=headers)
    return answer.text


async def database(stack: Stack, service: str, statement: str, *arguments: object) -> list[asyncpg.Record]:
    """Rows of a statement run by the administrator, whom no policy holds back."""
    connection = await asyncpg.connect(database_of(stack, service))
    try:
        return list(await connection.fetch(statement, *arguments))
    finally:
        await connection.close()


async def calls_used(stack: Stack) -> int:
    """How many analysed calls have been metered in all workspaces."""
    return int((await database(stack, "analysis", "SELECT count(*) AS n FROM usage"))[0]["n"])
