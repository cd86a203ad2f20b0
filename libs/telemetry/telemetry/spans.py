"""Spans: parts of what goes on, in the trace that the context names.

The context of the work in hand (`core.context`) holds the traceparent; it travels in every event that is written meanwhile. A span is made
where the trace is recorded, and for the rest the context only goes on: most work costs a look at one letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from core.context import current, working_for
from telemetry.attributes import Kind, Value
from telemetry.installed import recorder
from telemetry.traceparent import is_sampled, trace_of, well_formed

if TYPE_CHECKING:
    from telemetry.recording import Recorded


class Span:
    """The part that goes on. One that is not recorded takes everything and keeps nothing."""

    __slots__ = ("_recorded",)

    def __init__(self, recorded: Recorded | None = None) -> None:
        self._recorded = recorded

    def note(self, **attributes: Value) -> None:
        """Add attributes. Raises KeyError for one that `telemetry.attributes` does not list."""
        if self._recorded is not None:
            self._recorded.note(attributes)

    def rename(self, name: str) -> None:
        """Give it another name: words of ours only, as a route's template."""
        if self._recorded is not None:
            self._recorded.rename(name)

    def fail(self, kind: str) -> None:
        """It has failed; `kind` is a class of errors or a status, never an error's text."""
        if self._recorded is not None:
            self._recorded.fail(kind)


_NOT_RECORDED = Span()


def span(
    name: str, kind: Kind = Kind.INTERNAL, *, parent: str | None = None, root: bool = False, **attributes: Value
) -> AbstractContextManager[Span]:
    """A part of the trace of `parent` (default: of the context), which is the context's trace for the length of the block.

    `root`: begins a trace of its own, recorded as often as the settings say. Without it nothing is recorded where the trace is not. An
    exception that passes through is noted by its class.
    """
    return _span(name, kind, _Above(parent, root), attributes)


def batch_span(name: str, kind: Kind, traceparents: Sequence[str], **attributes: Value) -> AbstractContextManager[Span]:
    """Work on several messages at once. Where all are of one trace it is a part of that; otherwise a trace of its own that leads to theirs.

    Nothing is recorded where none of the traces is.
    """
    first = traceparents[0] if traceparents else None
    if recorder() is None or len(traceparents) <= 1:
        return _span(name, kind, _Above(first), attributes)
    sampled = [one for one in dict.fromkeys(traceparents) if is_sampled(one)]
    if not sampled:
        return _span(name, kind, _Above(first), attributes)
    if len({trace_of(one) for one in traceparents}) == 1:
        return _span(name, kind, _Above(sampled[0], links=sampled[1:]), attributes)
    return _span(name, kind, _Above(root=True, links=sampled), attributes)


class _Above(NamedTuple):
    """What a span is a part of, or leads to."""

    parent: str | None = None
    root: bool = False
    links: Sequence[str] = ()


@contextmanager
def _span(name: str, kind: Kind, above: _Above, attributes: Mapping[str, Value]) -> Iterator[Span]:
    telling = recorder()
    # What came with a message may be anything.
    parent = above.parent if above.parent is None or well_formed(above.parent) else ""
    before = current().traceparent if parent is None else parent
    if telling is None or not (above.root or is_sampled(before)):
        with working_for(traceparent=parent):
            yield _NOT_RECORDED
        return
    started = telling.start(name, kind, "" if above.root else before, above.links, attributes)
    with working_for(traceparent=started.traceparent):
        try:
            yield Span(started) if started.is_sampled else _NOT_RECORDED
        except BaseException as error:
            started.fail(type(error).__name__)
            raise
        finally:
            started.end()


def past_span(name: str, kind: Kind, seconds: float, failure: str = "", **attributes: Value) -> None:
    """What has just ended after so many `seconds`, as a part of the context's trace; nothing where that is not recorded."""
    telling, within = recorder(), current().traceparent
    if telling is None or not is_sampled(within):
        return
    told = telling.start(name, kind, within, (), attributes, began_ago=seconds)
    if failure:
        told.fail(failure)
    told.end()
