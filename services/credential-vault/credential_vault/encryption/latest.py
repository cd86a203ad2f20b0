"""A new version of a secret, seen by readers before anything is built on it."""

from __future__ import annotations

from typing import Final

from cloud.secrets import SecretVersions
from core.clock import Clock, SystemClock
from core.errors import Conflict

# Secret Manager promises a new version at once to who asks for it by number; "latest" follows, as a rule within a second.
_SEEN_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.5


async def put(secrets: SecretVersions, name: str, content: bytes, clock: Clock | None = None) -> None:
    """Make `content` the latest version of `name`, and return once it is read as such. Call it in a `turn`.

    Raises Conflict when something else is read for half a minute, and what `secrets` does. `secrets` must not keep what it has read.
    """
    clock = clock or SystemClock()
    await secrets.add_version(name, content)
    until = clock.monotonic() + _SEEN_SECONDS
    while await secrets.read(name) != content:
        if clock.monotonic() >= until:
            raise Conflict(
                f"the secret {name} has a new version, but another one is read: either somebody else has added one in this moment, or"
                " Secret Manager is slow. Look at its versions, wait some minutes, and run the command again"
            )
        await clock.sleep(_LOOK_SECONDS)
