"""What both providers' errors have in common."""

from __future__ import annotations

from typing import Protocol

from analysis.models.port import BadAnswer, ModelError, Outcome, ProviderTrouble
from core.clock import SystemClock
from egress.retry import parse_retry_after

# Anthropic's own status for "overloaded"; proxies of both say 503 for it.
_OVERLOADED = frozenset({503, 529})


class Headers(Protocol):
    """An answer's headers, however they are called in the client library."""

    def get(self, key: str, default: str) -> str:
        """One header, or the default."""
        ...


def retry_after(headers: Headers) -> float | None:
    """Seconds from now that the provider asks to wait, given as seconds, as milliseconds in its own header, or as a date."""
    try:
        return max(0.0, float(headers.get("retry-after-ms", "")) / 1000)
    except ValueError:
        return parse_retry_after(headers.get("retry-after", ""), SystemClock())


def trouble_of_status(provider: str, status: int, wait: float | None) -> ModelError:
    """An error status that says nothing but itself."""
    outcome, words = Outcome.BROKEN, f"{provider} answered {status}"
    if status == 429:
        outcome, words = Outcome.BUSY, f"{provider} is busy (429)"
    elif status in _OVERLOADED:
        outcome, words = Outcome.OVERLOADED, f"{provider} is overloaded ({status})"
    elif status in {408, 504}:
        outcome, words = Outcome.TIMED_OUT, f"{provider} did not answer in time ({status})"
    elif status < 500 and status != 409:
        return BadAnswer(f"{provider} did not accept the question ({status})", outcome=Outcome.NOT_ACCEPTED)
    return ProviderTrouble(words, outcome, wait)


def size_of(request: object) -> int:
    """Bytes of a request's body; 0 where none is known."""
    content = getattr(request, "content", b"")
    return len(content) if isinstance(content, bytes) else 0


def counted(usage: object, name: str) -> int:
    """A number of tokens that the provider tells, 0 where it does not: an answer is not lost over that."""
    number = getattr(usage, name, 0)
    return number if isinstance(number, int) and number > 0 else 0
