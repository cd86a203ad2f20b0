"""What is done with the message that a person's data is to be erased."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from google.protobuf.message import Message

from contracts import Event
from contracts.person_erasing import PERSON_ORDER, PersonOrder, order_asked
from database import Tx
from messaging.erasure.people import store
from messaging.routes import Routes

Note = Callable[[Tx, PersonOrder], Awaitable[None]]


def follow_people(routes: Routes, note: Note, wake: Callable[[], None]) -> None:
    """Let `routes` take the orders; `note` is what the service notes of one in the same transaction, `wake` is told once there is something
    to do. The same message comes here once; another one for the same attempt is from a retention that was restored.
    """

    async def take_order(tx: Tx, event: Event[Message]) -> None:
        asked = order_asked(event.payload)
        await store.order(tx, asked, event.occurred_at)
        await note(tx, asked)
        tx.on_commit(wake)

    routes.on(PERSON_ORDER, take_order)
