"""Cloud Storage: one client for a bucket's folders, opened by its first use.

The client itself is in `cloud.session`, and loaded then: it takes a quarter of a second.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol, TypeVar

from cloud.batch import PATH
from cloud.endpoint import Endpoint
from core.late import Late

if TYPE_CHECKING:
    import aiohttp
    from gcloud.aio.storage import Storage

T = TypeVar("T")

GOOGLE = "https://storage.googleapis.com"

# Of one attempt, in seconds, from asking for a connection to the last byte.
ATTEMPT_SECONDS = 30

# All attempts together end after so many seconds.
RETRY_SECONDS = 60.0


class Exists(Exception):
    """There is an object of this name."""


class StorageClient:
    """Opened by the first use, in the event loop that uses it."""

    def __init__(self, endpoint: Endpoint | None) -> None:
        """`endpoint` None means Google with the process's own identity. Raises ValueError for an endpoint without TLS."""
        if endpoint is not None and not endpoint.address.startswith("https://"):
            raise ValueError("the storage endpoint must start with https://")
        self._endpoint = endpoint
        self._session: aiohttp.ClientSession | None = None
        self._storage: Storage | None = None

    def __call__(self) -> Storage:
        """The client; to be called in what `asked` asks, which has loaded it. Raises GoogleAuthError where the process has no identity."""
        if self._storage is None:
            from cloud.session import opened

            self._session, self._storage = opened(self._endpoint)
        return self._storage

    async def batch(self, content_type: str, content: bytes) -> tuple[str, bytes]:
        """Send several requests in one (`cloud.batch`); the answer's content type and content. To be asked as `__call__` is."""
        storage = self()
        address = self._endpoint.address if self._endpoint else GOOGLE
        headers = {"Authorization": f"Bearer {await storage.token.get()}", "Content-Type": content_type}
        answer = await storage.session.post(f"{address}{PATH}", headers=headers, data=content, timeout=ATTEMPT_SECONDS)
        return answer.headers.get("Content-Type", ""), await answer.read()

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()


async def asked(ask: Callable[[], Awaitable[T]]) -> T:
    """What `ask` gives, tried again where that may help. Raises NotFound, Exists, Permanent and Transient."""
    attempts = await _ATTEMPTS.get()
    return await attempts(ask, RETRY_SECONDS)


class _Attempts(Protocol):
    async def __call__(self, ask: Callable[[], Awaitable[T]], seconds: float) -> T: ...


def _attempts() -> _Attempts:
    from cloud.session import attempts

    return attempts


_ATTEMPTS = Late(_attempts)
