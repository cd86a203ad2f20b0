"""Use cases of a request to erase one person's data. Whom an address belongs to, and who took part in a call, ingest knows: it is asked."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Protocol

from contracts import Actor
from contracts import person_erasing as contract
from core.errors import Conflict, InvalidInput, NotFound
from database import Tx
from retention.domain.erasures import ITSELF, TOLD, Erasure, Person, State
from retention.domain.people import Answer, Found, check_typed, parse_person, with_answer, with_found
from retention.handlers.requests import Asker, Erasures, Requesting
from retention.store import erasures as workspaces
from retention.store import person_requests as store
from retention.store.requests import Claim, Requests

# Who answers a search.
SEARCHED = "ingest"


class PersonErasures(Erasures, Protocol):
    """Who is told of a request. `requested` and `verify` have the person looked for."""

    async def ordered(self, tx: Tx, erasure: Erasure) -> None:
        """All services erase what an attempt is about."""


class PersonErasing(Requesting, frozen=True):
    """The use cases."""

    requests: ClassVar[Requests] = store
    told: ClassVar[Sequence[str]] = TOLD

    tell: PersonErasures

    async def ask(self, tx: Tx, asker: Asker, email: str, typed: str) -> Erasure:
        """Note a request of an admin who has typed the person's address twice. One that is under way stays as it is, and is given back.

        Raises InvalidInput for what is no address, or not the same; Conflict where the workspace is being erased, or not known yet.
        """
        address = parse_person(email)
        check_typed(typed, address)
        if (existing := await self._existing(tx, address)) is not None:
            return existing
        return await self._note(tx, asker, self.clock.now(), address)

    async def open(self, tx: Tx, asker: Asker, received_at: datetime, email: str) -> Erasure:
        """Note a request that reached us by mail at `received_at`. Raises InvalidInput, NotFound for no workspace of ours, Conflict."""
        self.check_received(received_at)
        address = parse_person(email)
        if (existing := await self._existing(tx, address)) is not None:
            return existing
        return await self._note(tx, asker, received_at, address)

    async def take_back(self, tx: Tx, actor: Actor, erasure_id: uuid.UUID) -> Erasure:
        """Take a request back. Once more is fine. Raises NotFound where there is none, Conflict where it is too late."""
        known = await store.read(tx, erasure_id)
        if known is None or known.state in {State.NOT_FOUND, State.STILL_MEMBER, State.WITH_WORKSPACE}:
            raise NotFound("There is no such request, or it is over.")
        return await self.withdraw(tx, known, actor)

    async def found(self, tx: Tx, found: Found, producer: str) -> None:
        """A search is answered: its counts are shown, or its attempt can go on. The request ends where there is nothing, or a member.

        Raises InvalidInput for an attempt that was not asked for, and for another service's word.
        """
        erasure = await self.requests.lock(tx, found.erasure_id)
        if erasure is None or erasure.person is None or producer != SEARCHED or found.attempt > erasure.attempt:
            raise InvalidInput("There is no such search in this workspace, or it is another service's word.")
        is_open = erasure.completed_at is None and erasure.taken_back_at is None
        if not is_open or found.attempt < erasure.attempt or erasure.person.found_attempt >= found.attempt:
            return
        if found.still_member:
            await store.end(tx, erasure.id, State.STILL_MEMBER)
        elif found.nothing and found.attempt < 2:
            await store.end(tx, erasure.id, State.NOT_FOUND)
        elif found.attempt == 0:
            await store.looked(tx, erasure.id, with_found(erasure.person, found))
        elif await store.found(tx, erasure.id, with_found(erasure.person, found)):
            await self.requests.wake(tx, erasure.id)

    async def answered(self, tx: Tx, answer: Answer, producer: str) -> None:
        """A service has erased what an attempt is about. Raises InvalidInput for one that was not told, or is another service's word."""
        erasure = await self.requests.lock(tx, answer.erasure_id)
        if erasure is None or erasure.person is None or answer.attempt > erasure.person.told_attempt:
            raise InvalidInput("The answer is to no attempt that is under way in this workspace.")
        if answer.service != producer or producer not in self.told:
            raise InvalidInput("The answer is another service's, or of one that was not told.")
        if erasure.state in {State.ERASING, State.VERIFYING}:
            await self.note_answer(tx, answer)
            await self.requests.wake(tx, erasure.id)

    async def order(self, tx: Tx, claim: Claim, attempt: int, ledger: Mapping[int, str]) -> None:
        """All services are told of an attempt, which the ledger has. Nothing where the claim was lost."""
        if await store.told(tx, claim, attempt, ledger):
            await self.tell.ordered(tx, await self.locked(tx, claim.id))

    async def answer_own(self, tx: Tx, erasure: Erasure, rows: Mapping[str, int]) -> None:
        """Empty what retention itself keeps under the person's address, and answer the attempt as the others do; `rows` went by ids."""
        now = await self.locked(tx, erasure.id)
        if now.person is None or now.attempt != erasure.attempt or now.completed_at is not None:
            return
        by_address = await store.forget_address(tx, now.person.email) if now.person.email else {}
        answer = Answer(
            erasure_id=now.id,
            service=ITSELF,
            attempt=now.attempt,
            at=self.clock.now(),
            rows=Counter(rows) + Counter(by_address),
        )
        await self.note_answer(tx, answer)

    async def note_answer(self, tx: Tx, answer: Answer) -> None:
        """Keep what a service has erased; the request is locked."""
        [part] = [one for one in await self.requests.parts(tx, answer.erasure_id) if one.service == answer.service]
        changed = with_answer(part, answer)
        if changed != part:
            await self.requests.keep_part(tx, answer.erasure_id, changed)

    async def replay(self, tx: Tx, entered: Erasure) -> bool:
        """Carry out again an attempt that the ledger names, where a database was restored. Whether retention's own did not know of it.

        Again is fine: who has erased looks for what is left. Raises Gone where the whole workspace is erased.
        """
        forgotten = await self.requests.restore(tx, entered)
        if forgotten:
            await self.requests.begin_parts(tx, entered.id)
        await self.tell.ordered(tx, entered)
        return forgotten

    async def _existing(self, tx: Tx, address: str) -> Erasure | None:
        """The request for the person that is under way. Raises Conflict where the workspace is being erased."""
        whole = await workspaces.latest(tx)
        if whole is not None and whole.started_at is not None:
            raise Conflict("This workspace is being erased, and everybody's data with it.")
        return await store.under_way(tx, address)

    async def _note(self, tx: Tx, asker: Asker, asked_at: datetime, address: str) -> Erasure:
        known = await workspaces.about(tx)
        if not known.name:
            raise NotFound("There is no such workspace here yet. Look at the id again, or try again in a moment.")
        noted = await self.note(tx, asker, asked_at, known.timezone, person=Person(email=address))
        # Somebody else asked at this moment.
        other = noted or await self._existing(tx, address)
        if other is None:
            raise Conflict("The request ended at this moment. Ask again if it is to be made.")
        return other


def order_of(erasure: Erasure) -> contract.PersonOrder:
    """What all services are told of the request's attempt."""
    person, terms = erasure.person or Person(), erasure.terms
    return contract.PersonOrder(
        erasure_id=erasure.id,
        attempt=erasure.attempt,
        asked_at=terms.asked_at,
        due_at=terms.deadline,
        user_ids=person.user_ids,
        calls=tuple(contract.Call(call.provider, call.call_id) for call in person.calls),
    )
