"""Traces and metrics: what a service tells of itself.

    with span("fetch calls", parent=claim.traceparent) as current:
        ...
        current.note(calls=len(found))
    INBOX_MESSAGES.add(12, subscription="audit.audit", outcome="done")

Without an installed `telemetry.recording.Recorder` both do nothing, and the context goes on as it came. Names of attributes stand in
`telemetry.attributes`, all metrics in `telemetry.instruments`; nothing else is told. Not for: sending, which is `runtime.telemetry`'s
through `egress`, and log lines, which are `core.log`'s.
"""

from telemetry.attributes import Kind
from telemetry.spans import Span, batch_span, past_span, span

__all__ = ["Kind", "Span", "batch_span", "past_span", "span"]
