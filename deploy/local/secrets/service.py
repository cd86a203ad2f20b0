"""google.cloud.secretmanager.v1.SecretManagerService: the calls the project uses."""

import re
import time
from collections.abc import Callable
from typing import Any

import google_crc32c
import grpc
from google.cloud.secretmanager_v1 import types
from google.protobuf.message import Message

from local.rpc import Call, Refused, unary_method
from local.rpc.methods import Answer, Methods
from local.secrets.vaultfile import Secret, SecretFile, State, Version

MAX_PAYLOAD_BYTES = 65_536
"""Largest payload (cloud.google.com/secret-manager/quotas)."""

Check = Callable[[Call, str, str], None]
"""(call, permission, secret name): raises `Refused` when the caller lacks the permission."""

_SECRET = re.compile(r"projects/[^/]+/secrets/[A-Za-z0-9_-]{1,255}")
_VERSION = re.compile(rf"({_SECRET.pattern})/versions/([1-9][0-9]*|latest)")

# proto-plus leaves `pb()` untyped. As in the broker, annotations name the proto-plus classes with the same fields.
_CreateSecret: Any = types.CreateSecretRequest.pb()
_GetSecret: Any = types.GetSecretRequest.pb()
_AddVersion: Any = types.AddSecretVersionRequest.pb()
_AccessVersion: Any = types.AccessSecretVersionRequest.pb()
_AccessAnswer: Any = types.AccessSecretVersionResponse.pb()
_ListVersions: Any = types.ListSecretVersionsRequest.pb()
_ListAnswer: Any = types.ListSecretVersionsResponse.pb()
_Enable: Any = types.EnableSecretVersionRequest.pb()
_Disable: Any = types.DisableSecretVersionRequest.pb()
_Destroy: Any = types.DestroySecretVersionRequest.pb()
_Secret: Any = types.Secret.pb()
_Version: Any = types.SecretVersion.pb()


class SecretService:
    """Answers as Google's server does, from the file."""

    service = "google.cloud.secretmanager.v1.SecretManagerService"

    def __init__(self, file: SecretFile, check: Check) -> None:
        self._file = file
        self._check = check

    def methods(self) -> Methods:
        return {
            "CreateSecret": unary_method(self.create, _CreateSecret),
            "GetSecret": unary_method(self.get, _GetSecret),
            "AddSecretVersion": unary_method(self.add_version, _AddVersion),
            "AccessSecretVersion": unary_method(self.access, _AccessVersion),
            "ListSecretVersions": unary_method(self.list_versions, _ListVersions),
            "EnableSecretVersion": unary_method(self.enable, _Enable),
            "DisableSecretVersion": unary_method(self.disable, _Disable),
            "DestroySecretVersion": unary_method(self.destroy, _Destroy),
        }

    async def create(self, request: types.CreateSecretRequest, call: Call) -> Answer:
        name = f"{request.parent}/secrets/{request.secret_id}"
        self._check(call, "create", name)
        if not _SECRET.fullmatch(name):
            raise Refused.invalid("A secret id has 1 to 255 letters, digits, hyphens and underscores.")
        if name in self._file.secrets:
            raise Refused.exists(name)
        secret = Secret(time.time(), dict(request.secret.labels))
        self._file.put(name, secret)
        return _secret(name, secret)

    async def get(self, request: types.GetSecretRequest, call: Call) -> Answer:
        self._check(call, "get", request.name)
        return _secret(request.name, self._secret(request.name))

    async def add_version(self, request: types.AddSecretVersionRequest, call: Call) -> Answer:
        self._check(call, "add", request.parent)
        secret = self._secret(request.parent)
        payload = request.payload
        if len(payload.data) > MAX_PAYLOAD_BYTES:
            raise Refused.invalid(f"A payload may have {MAX_PAYLOAD_BYTES} bytes.")
        # On the raw message proto3's `optional` tells a checksum of 0 from none.
        if payload.HasField("data_crc32c") and payload.data_crc32c != google_crc32c.value(payload.data):
            raise Refused.invalid("data_crc32c does not match the data. Send it again.")
        version = Version(time.time(), State.ENABLED, payload.data)
        self._file.put(request.parent, Secret(secret.created, secret.labels, (*secret.versions, version)))
        return _version(request.parent, len(secret.versions) + 1, version)

    async def access(self, request: types.AccessSecretVersionRequest, call: Call) -> Answer:
        """The only call that returns a payload; it has a permission of its own."""
        name = request.name.partition("/versions/")[0]
        self._check(call, "access", name)
        name, number, version = self._find(request.name)
        if version.state is not State.ENABLED:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{name}/versions/{number} is in {version.state} state.")
        answer = _AccessAnswer(name=f"{name}/versions/{number}")
        answer.payload.data = version.payload
        answer.payload.data_crc32c = version.checksum
        return _typed(answer)

    async def list_versions(self, request: types.ListSecretVersionsRequest, call: Call) -> Answer:
        self._check(call, "list", request.parent)
        versions = self._secret(request.parent).versions
        newest_first = [_version(request.parent, i, v) for i, v in reversed(list(enumerate(versions, 1)))]
        return _typed(_ListAnswer(versions=newest_first, total_size=len(versions)))

    async def enable(self, request: types.EnableSecretVersionRequest, call: Call) -> Answer:
        return self._change(request.name, State.ENABLED, call)

    async def disable(self, request: types.DisableSecretVersionRequest, call: Call) -> Answer:
        return self._change(request.name, State.DISABLED, call)

    async def destroy(self, request: types.DestroySecretVersionRequest, call: Call) -> Answer:
        return self._change(request.name, State.DESTROYED, call)

    def _change(self, version_name: str, state: State, call: Call) -> Message:
        self._check(call, state.value.lower(), version_name.partition("/versions/")[0])
        name, number, version = self._find(version_name)
        if version.state is State.DESTROYED:
            raise Refused(grpc.StatusCode.FAILED_PRECONDITION, f"{name}/versions/{number} is destroyed for good.")
        return _version(name, number, self._file.set_state(name, number, state))

    def _secret(self, name: str) -> Secret:
        found = self._file.secrets.get(name)
        if found is None:
            raise Refused.missing(name)
        return found

    def _find(self, version_name: str) -> tuple[str, int, Version]:
        match = _VERSION.fullmatch(version_name)
        if match is None:
            raise Refused.invalid("Write projects/<project>/secrets/<id>/versions/<number or latest>.")
        name, wanted = match.groups()
        versions = self._secret(name).versions
        number = len(versions) if wanted == "latest" else int(wanted)
        if not 1 <= number <= len(versions):
            raise Refused.missing(version_name)
        return name, number, versions[number - 1]


def _secret(name: str, secret: Secret) -> Message:
    message = _Secret(name=name, labels=secret.labels)
    message.create_time.FromNanoseconds(int(secret.created * 1e9))
    message.replication.automatic.SetInParent()
    return _typed(message)


def _version(secret: str, number: int, version: Version) -> Message:
    message = _Version(name=f"{secret}/versions/{number}", state=version.state.value)
    message.create_time.FromNanoseconds(int(version.created * 1e9))
    return _typed(message)


def _typed(message: object) -> Message:
    """Names the type of a raw protobuf message, which proto-plus leaves open."""
    if not isinstance(message, Message):
        raise TypeError(f"{type(message).__name__} is not a protobuf message")
    return message
