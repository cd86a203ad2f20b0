"""The gRPC server: TLS, identities, and who may use which key."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from local.kms.keyfile import KeyFile
from local.kms.service import KmsService
from local.rpc import ANYONE, Call, Identities, Refused
from local.tls import ServerCertificate

STOP_GRACE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class KmsPolicy:
    """`tokens`: bearer token -> service account; without any, identity is off. `users`: key -> accounts that may use it both ways."""

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    users: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KmsSettings:
    """`file` is created owner-only, with a key for each of `keys` (resource names); port 0 takes a free one."""

    file: Path
    certificate: ServerCertificate
    keys: tuple[str, ...]
    port: int = 0
    policy: KmsPolicy = field(default_factory=KmsPolicy)


class KmsServer:
    """Use as `async with await KmsServer.start(settings) as server`; `server.address` is host:port."""

    def __init__(self, settings: KmsSettings) -> None:
        self._policy = settings.policy
        self._identities = Identities(settings.policy.tokens)
        service = KmsService(KeyFile(settings.file, settings.keys), self._check)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service.service, dict(service.methods())),)
        )
        pair = (settings.certificate.key.read_bytes(), settings.certificate.chain.read_bytes())
        port = self._server.add_secure_port(f"127.0.0.1:{settings.port}", grpc.ssl_server_credentials([pair]))
        self.address = f"127.0.0.1:{port}"

    @classmethod
    async def start(cls, settings: KmsSettings) -> Self:
        server = cls(settings)
        await server._server.start()
        return server

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        await self._server.stop(STOP_GRACE_SECONDS)

    def _check(self, call: Call, action: str, key: str) -> None:
        account = self._identities.account(call.invocation_metadata())
        if account != ANYONE and account not in self._policy.users.get(key, frozenset()):
            raise Refused.forbidden(account, f"cloudkms.cryptoKeyVersions.{action}", key)
