"""The running system that promises are checked against: what `make demo` composes, after the main job, in a folder that is thrown away.

A mutant may change all of it: processes, databases and logs for real, sources as the copies that are held here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from e2e.snapshot import database_of
from local.journey import Outcome, Person, admin_of
from local.postgres.connection import Connection, connected
from local.stack import Stack
from promises.five_sets import Inputs, all_sources
from retention.domain.promises import Figure


def _same(inputs: Inputs) -> Inputs:
    return inputs


@dataclass(slots=True)
class System:
    """What is checked. `captured` holds the statements that the services ran, `sources` a copy of every module, `query_folders` more
    statements for a service, `alter` what is done to the five sets before they are compared; `stranger` is the workspace that asks for
    what is not its own."""

    stack: Stack
    outcomes: list[Outcome]
    captured: Path
    full: bool
    seed: int
    stranger: str = "quillstone"
    sources: dict[str, str] = field(default_factory=all_sources)
    query_folders: dict[str, Path] = field(default_factory=dict)
    alter: Callable[[Inputs], Inputs] = _same

    @property
    def directory(self) -> Path:
        """Where the stack keeps everything."""
        return self.stack.settings.directory

    @property
    def ours(self) -> Outcome:
        """What the first workspace ended up with."""
        return self.outcomes[0]

    def person(self) -> Person:
        """An admin of the first workspace."""
        return admin_of(self.stack, self.ours.workspace)

    def admin(self, service: str) -> AbstractAsyncContextManager[Connection]:
        """The database of a service as the server's administrator."""
        return connected(database_of(self.stack, service))

    @asynccontextmanager
    async def executed(self, service: str, there: str, back: str) -> AsyncIterator[None]:
        """The statement `there` before the block, by the administrator of a service's database, and `back` after it, however it ends."""
        async with self.admin(service) as connection:
            await connection.execute(there)
            try:
                yield
            finally:
                await connection.execute(back)

    @asynccontextmanager
    async def changed_source(self, module: str, text: str) -> AsyncIterator[None]:
        """One module of the copy is another one within the block."""
        before = self.sources.get(module)
        self.sources[module] = text
        try:
            yield
        finally:
            if before is None:
                del self.sources[module]
            else:
                self.sources[module] = before

    @asynccontextmanager
    async def altered(self, change: Callable[[Inputs], Inputs]) -> AsyncIterator[None]:
        """The five sets are changed before they are compared, within the block."""
        self.alter = change
        try:
            yield
        finally:
            self.alter = _same


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found. `figures` go into the evidence; `problems` say what is wrong, in words, and are empty where it holds."""

    figures: Mapping[str, Figure]
    problems: tuple[str, ...] = ()


Check = Callable[[System], Awaitable[Verdict]]

Flip = Callable[[System], AbstractAsyncContextManager[None]]


@dataclass(frozen=True, slots=True)
class Mutant:
    """What is broken for the length of a block, and the check that has to notice."""

    check: str
    flip: Flip


Checks = Mapping[str, Check]
Mutants = Mapping[str, Mutant]
