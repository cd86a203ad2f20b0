"""Reading a secret: the one call of Secret Manager's API that a service makes before it is ready.

Google's own client makes the same call and has all the others too; loading it takes a quarter of what a service has until it is ready, for
most of which nothing is read. So it is left to what changes secrets (`cloud.secret_manager`), and the call is made here with gRPC itself.
The messages are Google's, as far as reading needs them (cloud.google.com/secret-manager, service.proto and resources.proto of v1).
"""

from __future__ import annotations

import asyncio
import random
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import urlencode

import google_crc32c
import grpc
from google.protobuf import message_factory
from google.protobuf.descriptor_pb2 import DescriptorProto, FieldDescriptorProto, FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool

from cloud.channel import open_channel
from cloud.endpoint import Endpoint
from core.errors import NotFound, Permanent, Transient

READ_SECONDS = 10.0
RETRY_SECONDS = 20.0

_GOOGLE = "secretmanager.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_METHOD = "/google.cloud.secretmanager.v1.SecretManagerService/AccessSecretVersion"

# Between two attempts: up to so many seconds, twice as many each time (Google's own client waits so too).
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0

_REPEATABLE = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.INTERNAL)
_REFUSED = (grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED)
_UNREADABLE = (grpc.StatusCode.FAILED_PRECONDITION, grpc.StatusCode.INVALID_ARGUMENT)


class SecretReader:
    """Reads the secrets of one project. Made and used on one event loop."""

    def __init__(self, project: str, endpoint: Endpoint | None) -> None:
        """`endpoint` None means Google with the process's own identity (found on first use)."""
        self._project = project
        self._endpoint = endpoint
        self._channel: grpc.aio.Channel | None = None

    async def access(self, name: str) -> bytes:
        """The latest version of `name`. Raises NotFound, Permanent, Transient."""
        try:
            answer = await self._ask(f"projects/{self._project}/secrets/{name}/versions/latest")
        except grpc.aio.AioRpcError as error:
            raise _translated(name, error.code()) from error
        return checked(name, answer.payload)

    async def close(self) -> None:
        """Close the connection."""
        if self._channel is not None:
            await self._channel.close()
            self._channel = None

    async def _ask(self, resource: str) -> Any:
        """The answer; asked for again for RETRY_SECONDS while Secret Manager is away."""
        messages, loop = _messages(), asyncio.get_running_loop()
        call = self._connected().unary_unary(
            _METHOD,
            request_serializer=messages.request.SerializeToString,
            response_deserializer=messages.answer.FromString,
        )
        # By this header Google finds the place that has the secret (google.aip.dev/client-libraries/4222).
        routed = (("x-goog-request-params", urlencode({"name": resource}, safe="/")),)
        deadline, pause = loop.time() + RETRY_SECONDS, _FIRST_PAUSE
        while True:
            try:
                return await call(messages.request(name=resource), timeout=READ_SECONDS, metadata=routed)
            except grpc.aio.AioRpcError as error:
                waiting = random.uniform(0, pause)  # noqa: S311 - when, not what
                if error.code() not in _REPEATABLE or loop.time() + waiting >= deadline:
                    raise
            await asyncio.sleep(waiting)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _connected(self) -> grpc.aio.Channel:
        if self._channel is None:
            self._channel = open_channel(self._endpoint) if self._endpoint else _own_channel()
        return self._channel


def checked(name: str, payload: Any) -> bytes:
    """The payload's bytes, if they arrived as Secret Manager holds them; Transient otherwise."""
    value = bytes(payload.data)
    if not payload.HasField("data_crc32c") or google_crc32c.value(value) != payload.data_crc32c:
        raise Transient(f"secret {name} was damaged on its way (CRC32C differs)")
    return value


def _own_channel() -> grpc.aio.Channel:
    """A channel to Google. Raises Transient without an identity."""
    from google.api_core import grpc_helpers_async
    from google.auth.exceptions import GoogleAuthError

    try:
        channel: grpc.aio.Channel = grpc_helpers_async.create_channel(
            _GOOGLE, default_scopes=_SCOPES, default_host=_GOOGLE
        )
    except GoogleAuthError as error:
        raise Transient(f"secrets cannot be read right now ({type(error).__name__})") from error
    return channel


class Messages(NamedTuple):
    """Classes of Google's messages."""

    request: Any
    answer: Any
    payload: Any


@cache
def _messages() -> Messages:
    """What is written and read, in a pool of its own: where Google's client is loaded as well, its classes have the same bytes."""
    kinds = FieldDescriptorProto
    fields = {
        "AccessSecretVersionRequest": [_field("name", 1, kinds.TYPE_STRING)],
        "SecretPayload": [_field("data", 1, kinds.TYPE_BYTES), _field("data_crc32c", 2, kinds.TYPE_INT64)],
        "AccessSecretVersionResponse": [
            _field("name", 1, kinds.TYPE_STRING),
            _field("payload", 2, kinds.TYPE_MESSAGE, ".cloud.SecretPayload"),
        ],
    }
    file = FileDescriptorProto(name="cloud.proto", package="cloud", syntax="proto2")
    file.message_type.extend(DescriptorProto(name=name, field=own) for name, own in fields.items())
    pool = DescriptorPool()
    pool.Add(file)
    request, payload, answer = (
        message_factory.GetMessageClass(pool.FindMessageTypeByName(f"cloud.{name}")) for name in fields
    )
    return Messages(request, answer, payload)


def _field(
    name: str, number: int, kind: FieldDescriptorProto.Type.ValueType, of: str | None = None
) -> FieldDescriptorProto:
    return FieldDescriptorProto(
        name=name, number=number, type=kind, type_name=of, label=FieldDescriptorProto.LABEL_OPTIONAL
    )


def _translated(name: str, code: grpc.StatusCode) -> Permanent | Transient:
    if code is grpc.StatusCode.NOT_FOUND:
        return NotFound(f"secret {name} does not exist or has no version: create it and start again")
    if code in _REFUSED:
        return Permanent(f"secret {name} may not be read by this service: grant it Secret Manager's accessor role")
    if code in _UNREADABLE:
        return Permanent(f"secret {name} cannot be read: its latest version is disabled or destroyed")
    return Transient(f"secret {name} cannot be read right now ({code.name})")
