"""Turns plain coroutines into gRPC method handlers: refusals become statuses, ready-made bytes pass through."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.message import Message

from local.rpc.refusal import Refused

Answer = Message | bytes
RequestT = TypeVar("RequestT")
MadeT = TypeVar("MadeT", covariant=True)


Methods = Mapping[str, "grpc.RpcMethodHandler[Any, Answer]"]
"""A service's method table: name of the call -> handler."""


class Call(Protocol):
    """The parts of grpc.aio's servicer context in use here."""

    def invocation_metadata(self) -> Iterable[tuple[str, str | bytes]] | None: ...

    def time_remaining(self) -> float | None: ...

    async def abort(self, code: grpc.StatusCode, details: str = "") -> None: ...

    async def write(self, message: Answer) -> None: ...


class WireType(Protocol[MadeT]):
    """A raw protobuf message class."""

    def FromString(self, data: bytes) -> MadeT: ...  # noqa: N802 - protobuf's own name


def serialise(answer: Answer) -> bytes:
    """Bytes are taken as a message already in wire format; anything else is serialised."""
    return answer if isinstance(answer, bytes) else answer.SerializeToString()


def call_of(context: Any) -> Call:
    """Names the context's type once; grpc's own is generic over both message types."""
    call: Call = context
    return call


def unary_method(
    handler: Callable[[RequestT, Call], Awaitable[Answer]], request: WireType[RequestT]
) -> "grpc.RpcMethodHandler[RequestT, Answer]":
    """One request, one answer. A `Refused` raised by the handler becomes the call's status."""

    async def answer(message: RequestT, context: Any) -> Answer:
        try:
            return await handler(message, context)
        except Refused as refused:
            await context.abort(refused.code, refused.text)
            raise

    return grpc.unary_unary_rpc_method_handler(
        answer,
        request_deserializer=request.FromString,
        response_serializer=serialise,
    )


def stream_method(
    handler: Callable[[AsyncIterator[RequestT], Call], Awaitable[None]], request: WireType[RequestT]
) -> "grpc.RpcMethodHandler[RequestT, Answer]":
    """A two-way stream; the handler writes with `call.write` and may raise `Refused`."""

    async def answer(messages: AsyncIterator[RequestT], context: Any) -> None:
        try:
            await handler(messages, context)
        except Refused as refused:
            await context.abort(refused.code, refused.text)

    return grpc.stream_stream_rpc_method_handler(
        answer,
        request_deserializer=request.FromString,
        response_serializer=serialise,
    )
