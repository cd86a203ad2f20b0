"""What is sent to Secret Manager to read a secret, against a server that speaks with Google's own messages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import google_crc32c
import grpc
import pytest
from google.cloud.secretmanager_v1 import types

from cloud import secret_reading
from cloud.secret_reading import SecretReader
from core.errors import NotFound, Permanent, Transient

if TYPE_CHECKING:
    Context = grpc.aio.ServicerContext[types.AccessSecretVersionRequest, types.AccessSecretVersionResponse]

NAME = "projects/p/secrets/hook/versions/latest"
VALUE = b"whsec_1"


@dataclass
class Server:
    """Answers with the statuses in turn, and with the secret once there are none left."""

    statuses: list[grpc.StatusCode] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    routed: list[str] = field(default_factory=list)
    address: str = ""

    async def access(self, request: types.AccessSecretVersionRequest, context: Context) -> object:
        self.asked.append(request.name)
        sent = dict(context.invocation_metadata() or ())
        self.routed.append(str(sent["x-goog-request-params"]))
        if self.statuses:
            await context.abort(self.statuses.pop(0), "as the test has it")
        payload = types.SecretPayload(data=VALUE, data_crc32c=google_crc32c.value(VALUE))
        return types.AccessSecretVersionResponse(name=request.name, payload=payload)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    served = Server()
    method = grpc.unary_unary_rpc_method_handler(
        served.access,
        request_deserializer=types.AccessSecretVersionRequest.deserialize,
        response_serializer=types.AccessSecretVersionResponse.serialize,
    )
    running = grpc.aio.server()
    service = "google.cloud.secretmanager.v1.SecretManagerService"
    running.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {"AccessSecretVersion": method}),))
    served.address = f"127.0.0.1:{running.add_insecure_port('127.0.0.1:0')}"
    await running.start()
    yield served
    await running.stop(None)


@pytest.fixture
async def reader(server: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SecretReader]:
    monkeypatch.setattr(secret_reading, "_FIRST_PAUSE", 0.001)
    made = SecretReader("p", None)
    made._channel = grpc.aio.insecure_channel(server.address)
    yield made
    await made.close()


async def test_it_is_asked_for_by_its_name_which_also_says_where_it_is(reader: SecretReader, server: Server) -> None:
    assert await reader.access("hook") == VALUE
    assert server.asked == [NAME]
    assert server.routed == [f"name={NAME}"]


async def test_what_may_pass_is_asked_again(reader: SecretReader, server: Server) -> None:
    server.statuses += [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.DEADLINE_EXCEEDED]
    assert await reader.access("hook") == VALUE
    assert len(server.asked) == 4


async def test_it_is_not_asked_again_for_ever(
    reader: SecretReader, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secret_reading, "RETRY_SECONDS", 0.0)
    server.statuses += [grpc.StatusCode.UNAVAILABLE] * 2
    with pytest.raises(Transient, match=r"secret hook cannot be read right now \(UNAVAILABLE\)"):
        await reader.access("hook")
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (grpc.StatusCode.NOT_FOUND, NotFound),
        (grpc.StatusCode.PERMISSION_DENIED, Permanent),
        (grpc.StatusCode.UNAUTHENTICATED, Permanent),
        (grpc.StatusCode.FAILED_PRECONDITION, Permanent),
        (grpc.StatusCode.INVALID_ARGUMENT, Permanent),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, Transient),
    ],
)
async def test_a_refusal_is_told_in_our_words_and_not_repeated(
    reader: SecretReader, server: Server, status: grpc.StatusCode, kind: type[Exception]
) -> None:
    server.statuses.append(status)
    with pytest.raises(kind, match="secret hook") as caught:
        await reader.access("hook")
    assert "as the test has it" not in str(caught.value)
    assert len(server.asked) == 1


async def test_without_an_identity_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/key.json")
    reader = SecretReader("p", None)
    with pytest.raises(Transient, match="DefaultCredentialsError"):
        await reader.access("hook")
    await reader.close()
