"""How somebody of our staff reads a service's data: a question of a list at a time, under a grant, told to audit before it is answered.

    1. told     that the question is about to be asked, committed: without this nothing is read
    2. read     as the staff role, whose policies let through what the grant opens, while it does
    3. told     how many rows are about to be shown, committed: without this nothing is shown

A process that dies in between leaves a question without an end, and has shown nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from msgspec import Struct, field

from contracts import Actor, ActorKind
from contracts.staff import Read, Step, parse_address, read
from core.clock import Clock, SystemClock
from core.errors import Forbidden, InvalidInput, MissingSettings
from core.faultpoints import reach
from core.ids import WorkspaceId, uuid7
from core.log import logger
from database import Database, Queries, Row, Tx
from database.staff import StaffDatabase
from messaging import Outbox
from messaging.staff_grants import in_force, read_grant
from runtime.assembly import Assembly
from web.settings import PREFIX

log = logger("runtime.staff")

# What fits a screen or two; whoever needs more has to ask something narrower.
MOST_ROWS = 200

Ask = Callable[[Tx, uuid.UUID | None, int], Awaitable[list[Row]]]
"""A question put to the database: in a staff session, about one thing or None, for so many rows at most."""


@dataclass(frozen=True, slots=True)
class Visit:
    """Who looks into which workspace, under which grant. `staff` is the address that Google has vouched for."""

    workspace_id: WorkspaceId
    grant_id: uuid.UUID
    staff: str


class Question(Struct, frozen=True):
    """Something that staff may ask: its name, what it reads in words, and whether it is about one thing, named by its id."""

    name: str
    reads: str
    about: bool
    ask: Ask


class Answer(Struct, frozen=True):
    """At most MOST_ROWS rows; `more` when there are others."""

    rows: Sequence[Row]
    more: bool


def questions_of(queries: Queries, asks: Mapping[str, Ask]) -> Mapping[str, Question]:
    """The questions by name; what each reads, and whether it is about one thing, is told by the statement `staff_<name>`."""
    statements = {name: queries[f"staff_{name}"] for name in asks}
    return {
        name: Question(name, one.told_to_admins, "about" in one.parameters, asks[name])
        for name, one in statements.items()
    }


async def who(parts: Assembly) -> str:
    """The address of the person at the keyboard, by Google's identity token. Raises MissingSettings, Unauthenticated or Forbidden."""
    token = parts.settings.staff_identity_token
    if token is None:
        field = type(parts.settings).model_fields["staff_identity_token"]
        raise MissingSettings(parts.service, [f"{PREFIX}STAFF_IDENTITY_TOKEN is missing: {field.description}"])
    return parse_address(await parts.staff_verifier().verify(f"Bearer {token.get_secret_value()}"))


class StaffDesk(Struct, frozen=True):
    """Answers questions of staff from one service's database."""

    db: Database
    reading: StaffDatabase
    outbox: Outbox
    questions: Mapping[str, Question]
    clock: Clock = field(default_factory=SystemClock)

    async def ask(self, visit: Visit, name: str, about: uuid.UUID | None = None) -> Answer:
        """The answer, once audit is certain to hear of it.

        Raises InvalidInput for what is no question, Forbidden where the grant is none, another person's, or over, and whatever keeps the
        database from reading or from telling.
        """
        question = self._question(name, about)
        await self._let_in(visit)
        step = Read(
            grant_id=visit.grant_id,
            statement_id=uuid7(),
            step=Step.ASKED,
            question=question.name,
            reads=question.reads,
            about=str(about) if about else "",
        )
        await self._tell(visit, step)
        reach("staff.after_asked")
        try:
            rows = await self._read(visit, question, about)
        except Exception:
            await self._tell(visit, _next(step, Step.FAILED))
            raise
        if rows is None:
            await self._tell(visit, _next(step, Step.WITHHELD))
            raise Forbidden("this grant is over: nothing is shown; ask for another one with `audit staff grant`")
        shown = rows[:MOST_ROWS]
        await self._tell(visit, _next(step, Step.SHOWN, len(shown)))
        reach("staff.before_shown")
        return Answer(shown, len(rows) > MOST_ROWS)

    def _question(self, name: str, about: uuid.UUID | None) -> Question:
        question = self.questions.get(name)
        if question is None:
            raise InvalidInput(f"there is no such question: choose one of {', '.join(self.questions)}")
        if question.about and about is None:
            raise InvalidInput(f"{name} is about one thing: name it with --about")
        if about is not None and not question.about:
            raise InvalidInput(f"{name} is about the whole workspace: leave --about out")
        return question

    async def _let_in(self, visit: Visit) -> None:
        """Whoever has a grant, in force or over: what is asked under one that is over is told to audit, and answered with nothing."""
        async with self.db.workspace(visit.workspace_id) as tx:
            grant = await read_grant(tx, visit.grant_id)
        if grant is None or grant.staff != visit.staff:
            log.warning("somebody of staff was turned away", grant=str(visit.grant_id))
            raise Forbidden(
                "no grant of this id lets you in here: it has to be yours, for this workspace and this service, and approved"
            )

    async def _read(self, visit: Visit, question: Question, about: uuid.UUID | None) -> list[Row] | None:
        """The rows; None where the grant is over by the time they have been read."""
        async with self.reading.session(visit.workspace_id, visit.grant_id, visit.staff) as tx:
            rows = await question.ask(tx, about, MOST_ROWS + 1)
            return rows if await in_force(tx, visit.grant_id) else None

    async def _tell(self, visit: Visit, step: Read) -> None:
        actor = Actor(ActorKind.STAFF, visit.staff, visit.staff)
        sequence = int(1_000 * self.clock.now().timestamp())
        async with self.db.workspace(visit.workspace_id) as tx:
            await self.outbox.add(tx, read(step), aggregate_id=str(visit.grant_id), sequence=sequence, actor=actor)


def _next(asked: Read, step: Step, rows: int = 0) -> Read:
    """The same statement, one step further."""
    return Read(
        grant_id=asked.grant_id,
        statement_id=asked.statement_id,
        step=step,
        question=asked.question,
        reads=asked.reads,
        about=asked.about,
        rows=rows,
    )
