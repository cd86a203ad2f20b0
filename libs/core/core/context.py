"""Which workspace, request and service the current task works for, for log lines and events."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Context:
    """What is known about the work in hand. Ids only, never content."""

    workspace_id: str = ""
    correlation_id: str = ""
    traceparent: str = ""


_current: ContextVar[Context] = ContextVar("callmine_context", default=Context())  # noqa: B039 - frozen


def current() -> Context:
    """The context of the current task."""
    return _current.get()


@contextmanager
def working_for(
    workspace_id: str | None = None, correlation_id: str | None = None, traceparent: str | None = None
) -> Iterator[Context]:
    """Set the given parts of the context for the length of the block; parts left out stay as they are."""
    given = {"workspace_id": workspace_id, "correlation_id": correlation_id, "traceparent": traceparent}
    context = replace(_current.get(), **{name: value for name, value in given.items() if value is not None})
    token = _current.set(context)
    try:
        yield context
    finally:
        _current.reset(token)
