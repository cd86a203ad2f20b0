"""The gRPC server: TLS, identities, and who may do what with which secret."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from local.rpc import ANYONE, Call, Identities, Refused
from local.secrets.service import SecretService
from local.secrets.vaultfile import SecretFile
from local.tls import ServerCertificate

STOP_GRACE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class SecretPolicy:
    """Plain data from the composition root.

    `tokens`: bearer token -> service account; without any, identity is off. `accessors`: secret name -> accounts that
    may read its payload and nothing else; `adders` likewise may add a version and nothing else. `admins` may do
    everything but read payloads: making a secret is one right, reading it another, as with Google's roles.
    """

    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    accessors: Mapping[str, frozenset[str]] = field(default_factory=dict)
    admins: frozenset[str] = frozenset()
    adders: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SecretSettings:
    """`file` is created owner-only; port 0 takes a free one. `mounts` as of SecretFile."""

    file: Path
    certificate: ServerCertificate
    port: int = 0
    policy: SecretPolicy = field(default_factory=SecretPolicy)
    mounts: Mapping[str, Path] = field(default_factory=dict)


class SecretServer:
    """Use as `async with await SecretServer.start(settings) as server`; `server.address` is host:port."""

    def __init__(self, settings: SecretSettings) -> None:
        self._policy = settings.policy
        self._identities = Identities(settings.policy.tokens)
        service = SecretService(SecretFile(settings.file, settings.mounts), self._check)
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(service.service, dict(service.methods())),)
        )
        pair = (settings.certificate.key.read_bytes(), settings.certificate.chain.read_bytes())
        port = self._server.add_secure_port(f"127.0.0.1:{settings.port}", grpc.ssl_server_credentials([pair]))
        self.address = f"127.0.0.1:{port}"

    @classmethod
    async def start(cls, settings: SecretSettings) -> Self:
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

    def _check(self, call: Call, action: str, secret: str) -> None:
        account = self._identities.account(call.invocation_metadata())
        if account == ANYONE:
            return
        if account not in self._allowed(action, secret):
            raise Refused.forbidden(account, f"secretmanager.{action}", secret)

    def _allowed(self, action: str, secret: str) -> frozenset[str]:
        if action == "access":
            return self._policy.accessors.get(secret, frozenset())
        if action == "add":
            return self._policy.admins | self._policy.adders.get(secret, frozenset())
        return self._policy.admins
