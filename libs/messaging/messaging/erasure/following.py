"""What is done with the messages of an erasure."""

from __future__ import annotations

from collections.abc import Callable

from google.protobuf.message import Message

from contracts import Event
from contracts.erasing import ERASURE_MESSAGES, RECEIPT, Order, Stage, asked, receipt_told
from core.errors import Transient
from database import Tx
from messaging.erasure import store
from messaging.routes import Routes


def follow_erasures(routes: Routes, wake: Callable[[], None]) -> None:
    """Let `routes` freeze what is to be erased; `wake` is told once there is something to do."""

    async def begin_erasing(tx: Tx, event: Event[Message]) -> None:
        told = asked(event.payload)
        if isinstance(told, Order):
            # The same message comes here once. Another one that asks for the same is from somebody who was restored (docs/erasure.md).
            if not await store.freeze(tx, told):
                await store.again(tx, told.erasure_id)
        else:
            await store.verify(tx, told.erasure_id, told.attempt)
        tx.on_commit(wake)

    for message in ERASURE_MESSAGES:
        routes.on(message, begin_erasing)


def follow_receipts(routes: Routes, wake: Callable[[], None]) -> None:
    """Let `routes` note which other services have erased."""

    async def note_receipt(tx: Tx, event: Event[Message]) -> None:
        told = receipt_told(event.payload)
        if told is not None and told.stage is Stage.ERASED and told.service == event.producer:
            if await store.read(tx) is None:
                raise Transient("a receipt has come before the erasure that it is of; it will be delivered again")
            await store.heard_of(tx, told.erasure_id, told.service)
            tx.on_commit(wake)

    routes.on(RECEIPT, note_receipt)
