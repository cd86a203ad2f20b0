"""The broker as a whole: its log, its state, its gRPC server, its push sender."""

import secrets
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from local.broker.access import Guard, Policy
from local.broker.alarm import Alarm
from local.broker.catalog import Catalog
from local.broker.clock import Clock, SystemClock
from local.broker.dead_letter import DeadLetters
from local.broker.faults import Faults
from local.broker.journal import Journal
from local.broker.leases import NEVER
from local.broker.names import MAX_MESSAGE_BYTES
from local.broker.publisher import Publisher
from local.broker.push import PushSender
from local.broker.recovery import recover
from local.broker.store import SegmentLog
from local.broker.subscriber import Subscriber
from local.broker.subscription import Surroundings
from local.broker.tokens import PushSigner

STOP_GRACE_SECONDS = 0.2
"""Open streams are ended after this long; clients reconnect."""
GRPC_OPTIONS = (
    # Twice the limit, so that what is too large gets Google's INVALID_ARGUMENT and not a transport error.
    ("grpc.max_receive_message_length", 2 * MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),
)


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files of the server; without one the broker speaks plaintext (tests and measurements only)."""

    key: Path
    chain: Path


@dataclass(frozen=True, slots=True)
class BrokerSettings:
    """Where the broker keeps its log and listens.

    `fsync`: a publish returns only when its messages are on the device (a power cut loses nothing); without it they are
    with the operating system (a killed process loses nothing). `trust`: CA file for push endpoints.
    """

    directory: Path
    port: int = 0
    certificate: Certificate | None = None
    trust: Path | None = None
    policy: Policy = field(default_factory=Policy)
    faults: Faults = field(default_factory=Faults)
    fsync: bool = False


class Broker:
    """Use as `async with await Broker.start(settings) as broker`; `broker.address` is host:port."""

    def __init__(self, settings: BrokerSettings, clock: Clock) -> None:
        self._settings = settings
        self._catalog = Catalog()
        self._log = SegmentLog(settings.directory, fsync=settings.fsync)
        self._journal = Journal(self._log, self._catalog.snapshot, self._catalog.messages, self._catalog.holders)
        self._alarm = Alarm(clock, self._tick)
        self._catalog.settle_in(self._journal, self._surroundings(clock))
        self.signer = PushSigner(settings.directory, clock)
        trust = ssl.create_default_context(cafile=str(settings.trust)) if settings.trust else None
        self._push = PushSender(self.signer, trust)
        self._server = grpc.aio.server(options=GRPC_OPTIONS)
        guard = Guard(settings.policy)
        for servicer in (
            Publisher(self._catalog, self._journal, guard, clock),
            Subscriber(self._catalog, self._journal, guard),
        ):
            self._server.add_generic_rpc_handlers(
                (grpc.method_handlers_generic_handler(servicer.service, dict(servicer.methods())),)
            )
        self.address = ""

    @classmethod
    async def start(cls, settings: BrokerSettings, clock: Clock | None = None) -> Self:
        """Reads the log back, then listens on loopback."""
        broker = cls(settings, clock or SystemClock())
        broker._recover()
        broker._listen()
        await broker._server.start()
        return broker

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def stop(self) -> None:
        await self._server.stop(STOP_GRACE_SECONDS)
        await self._push.close()
        self._alarm.stop()
        self._log.close()

    def disturb(self, faults: Faults) -> None:
        """Changes the faults from now on."""
        self._catalog.disturb(faults)

    def tick(self) -> None:
        """Does what is due by the clock; for tests that set their own."""
        self._alarm.ring()

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """Public keys of the push tokens."""
        return self.signer.jwks()

    def _surroundings(self, clock: Clock) -> Surroundings:
        letters = DeadLetters(self._catalog, clock)
        return Surroundings(
            clock=clock,
            journal=self._journal,
            epoch=secrets.token_hex(4),
            alarm=self._alarm.set,
            forward=letters.forward,
            forget=self._catalog.forget,
        )

    def _recover(self) -> None:
        self._catalog.restore(recover(self._log.read()))
        self._journal.compact()
        self._catalog.disturb(self._settings.faults)
        self._catalog.on_change = self._push.follow
        for subscription in self._catalog.subscriptions.values():
            self._push.follow(subscription)

    def _listen(self) -> None:
        address = f"127.0.0.1:{self._settings.port}"
        certificate = self._settings.certificate
        if certificate is None:
            port = self._server.add_insecure_port(address)
        else:
            pair = (certificate.key.read_bytes(), certificate.chain.read_bytes())
            port = self._server.add_secure_port(address, grpc.ssl_server_credentials([pair]))
        self.address = f"127.0.0.1:{port}"

    def _tick(self, now: float) -> float:
        due = NEVER
        for subscription in list(self._catalog.subscriptions.values()):
            due = min(due, subscription.tick(now))
        return due
