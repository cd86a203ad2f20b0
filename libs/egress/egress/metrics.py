"""What went out, counted per destination."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct
from msgspec.structs import replace

from egress.destination import Destination
from telemetry import Kind, past_span
from telemetry.instruments import EGRESS_REQUESTS, EGRESS_SECONDS


class Counters(Struct, frozen=True):
    """Since the process started. `requests` counts attempts, so it includes `retries`."""

    requests: int = 0
    retries: int = 0
    refused: int = 0
    throttled: int = 0
    failed: int = 0
    bytes_received: int = 0
    seconds: float = 0.0


class Ledger:
    """Counts attempts; read it with `snapshot`."""

    def __init__(self) -> None:
        self._counters: dict[str, Counters] = {}

    def attempt(self, destination: str, *, status: int, received: int, seconds: float) -> None:
        """One attempt ended. `status` 0 means that there was no answer."""
        now = self._of(destination)
        self._counters[destination] = replace(
            now,
            requests=now.requests + 1,
            throttled=now.throttled + (status == 429),
            failed=now.failed + (status == 0 or status >= 500),
            bytes_received=now.bytes_received + received,
            seconds=now.seconds + seconds,
        )

    def retry(self, destination: str) -> None:
        """An attempt is about to be repeated."""
        self._counters[destination] = replace(self._of(destination), retries=self._of(destination).retries + 1)

    def refusal(self, destination: str) -> None:
        """An address was refused; nothing was sent."""
        self._counters[destination] = replace(self._of(destination), refused=self._of(destination).refused + 1)

    def snapshot(self) -> Mapping[str, Counters]:
        """The counters of each destination used so far."""
        return dict(self._counters)

    def _of(self, destination: str) -> Counters:
        return self._counters.get(destination, Counters())


def tell_exchange(destination: Destination, method: str, status: int, seconds: float) -> None:
    """One attempt as a metric of its recipient, and as a part of the trace. The trace's id is not sent along: it is ours."""
    recipient, known = destination.recipient, f"{status // 100}xx" if status else "none"
    EGRESS_REQUESTS.add(recipient=recipient, status=known)
    EGRESS_SECONDS.record(seconds, recipient=recipient)
    failure = "" if 0 < status < 400 else known
    name = f"{method} {destination.name}"
    past_span(
        name,
        Kind.CLIENT,
        seconds,
        failure,
        recipient=recipient,
        destination=destination.name,
        method=method,
        status=status,
    )
