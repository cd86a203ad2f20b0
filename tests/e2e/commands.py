"""A service's own command line, run as an operator runs it: a process of its own, with the service's environment."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from local.stack import Stack


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended, and what it said."""

    status: int
    output: str
    errors: str


async def command(
    stack: Stack, service: str, *arguments: str, environment: Mapping[str, str] | None = None
) -> Finished:
    """`python -m <service> <arguments>`; in the service's own environment unless another is given."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        service.replace("-", "_"),
        *arguments,
        env=dict(environment) if environment is not None else stack.service_environment(service),
        cwd=stack.site.root,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, errors = await child.communicate()
    return Finished(child.returncode or 0, output.decode(), errors.decode())


async def put_on_plan(stack: Stack, workspace: str, plan: str) -> None:
    """Move a workspace to a plan, as staff does."""
    done = await command(stack, "retention", "plan", f"org_{workspace}01", plan)
    assert done.status == 0, done.errors
