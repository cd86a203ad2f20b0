"""Recording with OpenTelemetry's SDK, in memory: spans until they are taken, metrics as sums since the start.

Loaded only where traces or metrics are wanted. Nothing of the SDK is global here, has a thread, reads the environment or sends: whoever
holds the recorder takes what has come together (`runtime.telemetry`).
"""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct
from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader, MetricsData
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.util.types import Attributes

from core.context import current
from telemetry.attributes import ATTRIBUTES, Kind, Value, told
from telemetry.instruments import INSTRUMENTS, Counter, Gauge, Histogram, Instrument
from telemetry.traceparent import parts, written

# Spans that wait to be sent: some seconds of a busy service, about 4 MB. More are counted and dropped.
MOST_WAITING = 4096
# OpenTelemetry's own default.
_MOST_LINKS = 128
# Series of one instrument. Labels are names of the topology, of the register and of states, so there are a few dozen.
MOST_SERIES = 200
_OTHER = "other"

_LIMITS = SpanLimits(
    max_attributes=len(ATTRIBUTES),
    max_span_attributes=len(ATTRIBUTES),
    max_events=0,
    max_links=_MOST_LINKS,
    max_event_attributes=0,
    max_link_attributes=0,
    max_attribute_length=200,
    max_span_attribute_length=200,
)


class Recorded:
    """A span that goes on."""

    __slots__ = ("_context", "_span", "is_sampled")

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        self._context = span.get_span_context()
        self.is_sampled = self._context.trace_flags.sampled

    @property
    def traceparent(self) -> str:
        """What those who go on with its work are told."""
        return written(self._context.trace_id, self._context.span_id, sampled=self.is_sampled)

    def note(self, attributes: Mapping[str, Value]) -> None:
        """Add attributes."""
        self._span.set_attributes(told(attributes))

    def rename(self, name: str) -> None:
        """Another name."""
        self._span.update_name(name)

    def fail(self, kind: str) -> None:
        """It has failed."""
        self._span.set_attributes(told({"error": kind}))
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self) -> None:
        """It is over."""
        self._span.end()


class Recorder:
    """One process: `service` and `project` say whose it is, `ratio` is the share of traces that begin here and are recorded, 0 to 1."""

    def __init__(self, service: str, project: str, ratio: float) -> None:
        names = {"service.namespace": "callmine", "service.name": service, "service.instance.id": uuid.uuid4().hex}
        resource = Resource({**names, "gcp.project_id": project})
        self._waiting = _Waiting()
        tracers = TracerProvider(ParentBased(_Beginning(ratio)), resource, shutdown_on_exit=False, span_limits=_LIMITS)
        tracers.add_span_processor(self._waiting)
        self._tracer = tracers.get_tracer("callmine")
        self._reader = InMemoryMetricReader()
        self._meters = MeterProvider([self._reader], resource, shutdown_on_exit=False)
        self._made = _making(self._meters.get_meter("callmine"))

    @property
    def dropped(self) -> int:
        """Spans that nobody took in time."""
        return self._waiting.dropped

    def take_spans(self, most: int) -> list[ReadableSpan]:
        """The oldest finished spans; they are the caller's from then on."""
        waiting = self._waiting.spans
        return [waiting.popleft() for _ in range(min(most, len(waiting)))]

    def metrics(self) -> MetricsData | None:
        """All metrics, as they are now."""
        return self._reader.get_metrics_data()

    def start(
        self,
        name: str,
        kind: Kind,
        parent: str,
        links: Sequence[str],
        attributes: Mapping[str, Value],
        began_ago: float = 0.0,
    ) -> Recorded:
        """A new span below `parent`, or the first of a trace where that is empty; it began `began_ago` seconds before now."""
        context = current()
        known = {"workspace_id": context.workspace_id, "correlation_id": context.correlation_id}
        above = set_span_in_context(NonRecordingSpan(_context_of(parent)), Context()) if parent else Context()
        span = self._tracer.start_span(
            name,
            context=above,
            kind=SpanKind[kind.name],
            attributes=told({**known, **attributes}),
            links=[Link(_context_of(one)) for one in links[:_MOST_LINKS]],
            start_time=time.time_ns() - round(began_ago * 1e9),
            record_exception=False,
            set_status_on_exception=False,
        )
        return Recorded(span)

    def measure(self, instrument: Instrument, value: float, labels: Mapping[str, str]) -> None:
        """Add, set or record `value`. Raises ValueError for labels other than the instrument's own."""
        instrument.check(labels)
        made = self._made[instrument.name]
        given = {name: labels[name] for name in instrument.labels}
        series = tuple(given.values())
        if series not in made.series:
            if len(made.series) >= MOST_SERIES:
                given = dict.fromkeys(given, _OTHER)
            else:
                made.series.add(series)
        made.take(value, given)


class _Made(Struct, frozen=True):
    """An instrument of the SDK, and the label values that it has seen."""

    take: Callable[[float, Attributes], None]
    series: set[tuple[str, ...]]


def _making(meter: Meter) -> dict[str, _Made]:
    return {one.name: _Made(_taking(meter, one), set()) for one in INSTRUMENTS}


def _taking(meter: Meter, one: Instrument) -> Callable[[float, Attributes], None]:
    if isinstance(one, Counter):
        return meter.create_counter(one.name, one.unit, one.description).add
    if isinstance(one, Gauge):
        return meter.create_gauge(one.name, one.unit, one.description).set
    buckets = one.buckets if isinstance(one, Histogram) else ()
    return meter.create_histogram(
        one.name, one.unit, one.description, explicit_bucket_boundaries_advisory=buckets
    ).record


class _Waiting(SpanProcessor):
    """Finished spans, until they are taken; a span more than there is room for is counted and forgotten."""

    def __init__(self) -> None:
        self.spans: deque[ReadableSpan] = deque()
        self.dropped = 0

    def on_end(self, span: ReadableSpan) -> None:
        """One is finished."""
        if len(self.spans) >= MOST_WAITING:
            self.dropped += 1
        else:
            self.spans.append(span)


class _Beginning(Sampler):
    """A trace that begins here: recorded where it leads to one that is, otherwise as its number has it."""

    def __init__(self, ratio: float) -> None:
        self._by_number = TraceIdRatioBased(ratio)

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        """The SDK's question."""
        if any(link.context.trace_flags.sampled for link in links or ()):
            return SamplingResult(Decision.RECORD_AND_SAMPLE, attributes)
        return self._by_number.should_sample(parent_context, trace_id, name, kind, attributes, links, trace_state)

    def get_description(self) -> str:
        """The SDK's name for it."""
        return "as what it leads to, or by its number"


def _context_of(traceparent: str) -> SpanContext:
    trace_id, span_id, flags = parts(traceparent)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(flags & TraceFlags.SAMPLED))
