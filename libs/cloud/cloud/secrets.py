"""Secrets, read from Secret Manager and kept for a few minutes.

secret = await secrets.read("clerk-webhook-secret")     # the latest version's bytes

Cloud Run mounts the secrets that a service begins with: reading the file fetches the latest version, and takes no client. Google's is
loaded with the first secret that is not mounted.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from cloud.endpoint import Endpoint
from core.clock import Clock, SystemClock
from core.errors import InvalidInput
from core.late import Late
from core.log import logger

if TYPE_CHECKING:
    from cloud.secret_manager import SecretManager

# A rotated secret is in use everywhere after this long; reads cost money and a round trip of some 50 ms.
KEPT_SECONDS = 300.0
# The largest payload, https://cloud.google.com/secret-manager/quotas
LARGEST_BYTES = 65_536

log = logger("cloud.secrets")

# The file of a secret in the folder that is called as it is: the version's name (cloud.google.com/run/docs/configuring/services/secrets).
MOUNTED = "latest"

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")  # Secret Manager's own rule for secret ids


class Secrets(Protocol):
    """Where secrets are read from."""

    async def read(self, name: str) -> bytes:
        """The latest version of `name`. Raises NotFound, Permanent (no access, damaged), Transient."""
        ...


class KeptSecrets(Secrets, Protocol):
    """Where secrets are read from that are kept for a while, and can be read anew before they are too old."""

    async def refresh(self, name: str) -> None:
        """Read `name` anew; whoever reads it meanwhile gets the one that is kept. Raises as `read`."""
        ...


class SecretVersions(Secrets, Protocol):
    """Where secrets are read from, and changed: each change is a new version, and earlier ones stay until somebody destroys them."""

    async def add_version(self, name: str, value: bytes) -> None:
        """Make `value` the latest version of `name`. Raises NotFound, Permanent (no access, too large), Transient."""
        ...


@dataclass(slots=True)
class _Kept:
    """One secret in memory. The lock lets one caller fetch while others wait for its result."""

    value: bytes = field(default=b"", repr=False)
    until: float = float("-inf")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class GoogleSecrets:
    """Google's Secret Manager. Create and use it on one event loop."""

    def __init__(
        self,
        *,
        project: str,
        endpoint: Endpoint | None = None,
        kept_seconds: float = KEPT_SECONDS,
        clock: Clock | None = None,
        folder: Path | None = None,
    ) -> None:
        """`endpoint` None means Google with the process's own identity; `folder` is where secrets are mounted, `<name>/latest` each."""
        self._project = project
        self._folder = folder
        self._endpoint = endpoint
        self._kept_seconds = kept_seconds
        self._clock = clock or SystemClock()
        self._manager: SecretManager | None = None
        self._kept: dict[str, _Kept] = {}

    async def read(self, name: str) -> bytes:
        """The latest version of `name`, at most `kept_seconds` old. Raises NotFound, Permanent, Transient."""
        if not _NAME.fullmatch(name):
            raise InvalidInput("a secret's name is 1 to 255 letters, digits, _ or -")
        kept = self._kept.setdefault(name, _Kept())
        async with kept.lock:
            if self._clock.monotonic() >= kept.until:
                kept.value = await self._fetch(name)
                kept.until = self._clock.monotonic() + self._kept_seconds
        return kept.value

    async def refresh(self, name: str) -> None:
        """Read `name` now, however old the one that is kept: it serves readers meanwhile. Raises as `read`, and then keeps what it had."""
        value = await self._fetch(name)
        kept = self._kept.setdefault(name, _Kept())
        kept.value, kept.until = value, self._clock.monotonic() + self._kept_seconds

    async def add_version(self, name: str, value: bytes) -> None:
        """Make `value` the latest version of `name`, which must exist; the next reading gets it. At most LARGEST_BYTES.

        Repeated only while Secret Manager says that it is not there: a version too many does no harm.
        """
        if not _NAME.fullmatch(name) or len(value) > LARGEST_BYTES:
            raise InvalidInput(
                f"a secret's name is 1 to 255 letters, digits, _ or -, its value at most {LARGEST_BYTES} bytes"
            )
        await (await self._opened()).add(name, value)
        self._kept.pop(name, None)

    async def close(self) -> None:
        """Close the connection and forget every secret."""
        self._kept.clear()
        if self._manager is not None:
            await self._manager.close()
            self._manager = None

    async def _fetch(self, name: str) -> bytes:
        if self._folder is not None:
            found = await asyncio.to_thread(_mounted, self._folder, name)
            if found is not None:
                return found
        return await (await self._opened()).access(name)

    async def _opened(self) -> SecretManager:
        manager = await _MANAGER.get()
        if self._manager is None:
            self._manager = manager(self._project, self._endpoint)
        return self._manager


def _mounted(folder: Path, name: str) -> bytes | None:
    """The latest version of a secret that is mounted; None of one that is not, or that cannot be read: Google's client says why."""
    try:
        return (folder / name / MOUNTED).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("a mounted secret cannot be read and is asked for", cause=type(error).__name__)
        return None


def _manager() -> type[SecretManager]:
    from cloud.secret_manager import SecretManager

    return SecretManager


_MANAGER = Late(_manager)
