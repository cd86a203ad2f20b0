"""Where a Google API is served, when it is not Google itself."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct


class Endpoint(Struct, frozen=True, kw_only=True):
    """A stand-in on one machine, always TLS.

    `address` is `https://host:port` for storage and `host:port` for gRPC; `ca_file` (PEM) is the authority to trust;
    `token` is sent as a bearer token where given. No Endpoint means Google, with the process's own identity.
    """

    address: str
    ca_file: Path | None = None
    token: str = ""

    def __repr__(self) -> str:
        return f"Endpoint({self.address!r})"
