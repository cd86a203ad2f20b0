"""One attempt at a request: how far it came, and that it broke off."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from egress.errors import ProviderUnavailable

Primitive = str | int | float | bool | None
Json = Mapping[str, object] | list[object]


class Progress(Struct):
    """How far one attempt came, for the log line and the counters."""

    started: float
    sent: bool = True
    status: int = 0
    received: int = 0
    parts: list[bytes] = field(default_factory=list)


class Broken(ProviderUnavailable):
    """The exchange broke off. `untrusted`: over its certificate; `never_sent`: no byte of the request can have reached the provider."""

    def __init__(self, provider: str, kind: str, *, untrusted: bool, never_sent: bool) -> None:
        self.untrusted = untrusted
        self.never_sent = never_sent
        super().__init__(provider, "its certificate is not trusted" if untrusted else f"the connection failed ({kind})")
