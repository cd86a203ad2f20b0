"""Push deliveries: `POST /events/<subscription>`, from Pub/Sub only."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Request, Response
from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import CallmineError, InvalidInput
from core.log import logger
from messaging.oidc import Verifier
from messaging.ports import Delivery, Processor, Verdict

log = logger("messaging.push")

# The largest envelope is 256 KiB, 342 KiB in base64; the rest is for attributes.
LARGEST_REQUEST = 512 * 1024

_LARGEST_BATCH = 500
_MOST_WAITING = 5000

_DONE, _HALTED, _LATER = 204, 429, 503


class _PushMessage(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    data: str = ""
    attributes: dict[str, str] = {}
    message_id: Annotated[str, Field(alias="messageId", min_length=1)]
    ordering_key: Annotated[str, Field(alias="orderingKey")] = ""


class _Push(BaseModel):
    """The wrapped format (cloud.google.com/pubsub/docs/push#receive_push); names that are not used here are left out."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    message: _PushMessage
    subscription: str
    attempt: Annotated[int, Field(alias="deliveryAttempt", ge=1)] = 1


def add_pushes(processors: Mapping[str, Processor], verifier: Verifier, router: APIRouter) -> None:
    """Routes for the push subscriptions in `processors`, by name.

    Answers 204 when a message is done, 503 to have it delivered again, 429 while the consumer has halted or is overrun, 401 and 403 to
    callers that are not Pub/Sub, 404 for other subscriptions, 400 and 413 for what is no push request.
    """
    lines = {name: _Line(processor) for name, processor in processors.items()}

    @router.post("/events/{subscription}", include_in_schema=False)
    async def receive(subscription: str, request: Request) -> Response:
        try:
            await verifier.verify(request.headers.get("authorization", ""))
            line = lines.get(subscription)
            if line is None:
                return Response(status_code=404)
            delivery = _delivery(await _read(request), subscription)
        except CallmineError as error:
            log.warning("push refused", subscription=subscription[:100], reason=str(error))
            return Response(status_code=error.status)
        return Response(status_code=await line.submit(delivery))


class _TooLarge(InvalidInput):
    status = 413
    title = "The request is too large"


async def _read(request: Request) -> bytes:
    """The request's body; stops reading as soon as it is too large."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_REQUEST:
            raise _TooLarge(f"a push request has at most {LARGEST_REQUEST} bytes")
    return bytes(body)


def _delivery(body: bytes, subscription: str) -> Delivery:
    try:
        push = _Push.model_validate_json(body)
        data = base64.b64decode(push.message.data, validate=True)
    except (ValidationError, binascii.Error) as error:
        raise InvalidInput("the request is not a push of one wrapped message") from error
    if push.subscription.rsplit("/", 1)[-1] != subscription:
        raise InvalidInput("the body names another subscription than the path")
    message = push.message
    return Delivery(message.message_id, data, message.attributes, message.ordering_key, push.attempt, subscription)


class _Line:
    """Brings together requests that arrive while others are served, so that a batch of them is one transaction.

    Each request waits for its turn; the first that is not served yet serves all that wait. Batches grow with the load by themselves: a
    request that comes alone waits for no company. No task can outlive its request.
    """

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._waiting: list[_Waiting] = []
        self._turn = asyncio.Lock()

    async def submit(self, delivery: Delivery) -> int:
        """The HTTP status to answer `delivery` with."""
        if self._processor.halted or len(self._waiting) >= _MOST_WAITING:
            return _HALTED
        mine = _Waiting(delivery)
        self._waiting.append(mine)
        try:
            async with self._turn:
                while mine.verdict is None:
                    await self._process_some()
        finally:
            if mine in self._waiting:
                self._waiting.remove(mine)
        return _DONE if mine.verdict is Verdict.ACK else _LATER

    async def _process_some(self) -> None:
        batch, self._waiting = self._waiting[:_LARGEST_BATCH], self._waiting[_LARGEST_BATCH:]
        verdicts = [Verdict.RETRY] * len(batch)
        try:
            verdicts = await self._processor.process([one.delivery for one in batch])
        finally:
            for one, verdict in zip(batch, verdicts, strict=True):
                one.verdict = verdict


class _Waiting(Struct, eq=False):
    delivery: Delivery
    verdict: Verdict | None = None
