"""Use cases of a request to erase a workspace: ask, take back, carry out again. Each takes an open transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

from contracts import Actor
from contracts.erasing import Order
from core.errors import Conflict, NotFound
from database import Tx
from messaging.erasure import store as tombstones
from retention.domain.erasures import TOLD, Erasure, State, check_name
from retention.handlers.requests import Asker, Requesting
from retention.store import erasures as store
from retention.store.requests import Requests


class Erasing(Requesting, frozen=True):
    """The use cases."""

    requests: ClassVar[Requests] = store
    told: ClassVar[Sequence[str]] = TOLD

    async def ask(self, tx: Tx, asker: Asker, typed_name: str) -> Erasure:
        """Note a request of an admin who has typed the workspace's name. One that was made before stays as it is, and is given back.

        Raises InvalidInput for another name, Conflict where the workspace is not known yet or is erased already.
        """
        known = await store.about(tx)
        if (existing := await self._existing(tx)) is not None:
            return existing
        check_name(typed_name, known.name)
        return await self._note(tx, asker, self.clock.now(), known.timezone)

    async def open(self, tx: Tx, asker: Asker, received_at: datetime) -> Erasure:
        """Note a request that reached us by mail at `received_at`. Raises InvalidInput, NotFound for no workspace of ours, Conflict."""
        self.check_received(received_at)
        known = await store.about(tx)
        if (existing := await self._existing(tx)) is not None:
            return existing
        if not known.name:
            raise NotFound("There is no such workspace here. Look at the id again.")
        return await self._note(tx, asker, received_at, known.timezone)

    async def take_back(self, tx: Tx, actor: Actor) -> Erasure:
        """Take the workspace's request back. Once more is fine. Raises NotFound where there is none, Conflict where it is too late."""
        known = await store.latest(tx)
        if known is None:
            raise NotFound("Nobody has asked for this workspace to be erased.")
        return await self.withdraw(tx, known, actor)

    async def replay(self, tx: Tx, entered: Erasure) -> bool:
        """Carry out again what the ledger names, where a database was restored: the workspace is frozen here, all services are told.

        Whether retention's own database did not know of it. Again is fine: who has erased a workspace does nothing.
        """
        forgotten = await self.requests.restore(tx, entered)
        if forgotten:
            await self.requests.begin_parts(tx, entered.id)
            if not await tombstones.freeze(tx, Order(str(entered.id), entered.terms.asked_at, entered.terms.deadline)):
                await tombstones.again(tx, str(entered.id))
        await self.tell.requested(tx, entered)
        return forgotten

    async def _existing(self, tx: Tx) -> Erasure | None:
        """The request there is. Raises Conflict where it is completed."""
        known = await store.latest(tx)
        if known is None or known.state is State.TAKEN_BACK:
            return None
        if known.completed_at is not None:
            raise Conflict(
                f"This workspace was erased on {known.completed_at:%-d %B %Y}. There is nothing left to erase."
            )
        return known

    async def _note(self, tx: Tx, asker: Asker, asked_at: datetime, timezone: str) -> Erasure:
        noted = await self.note(tx, asker, asked_at, timezone)
        # Somebody else asked at this moment.
        other = noted or await self._existing(tx)
        if other is None:
            raise Conflict("The request was taken back at this moment. Ask again if it is to be made.")
        return other
