"""What a recorder has, as OTLP's bytes and as plain numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.metrics.export import HistogramDataPoint, MetricsData, NumberDataPoint
from opentelemetry.sdk.trace import ReadableSpan

from telemetry.readings import Reading


def spans_as_bytes(spans: Sequence[ReadableSpan]) -> bytes:
    """The body of a request to `/v1/traces`."""
    return encode_spans(spans).SerializeToString()


def metrics_as_bytes(metrics: MetricsData) -> bytes:
    """The body of a request to `/v1/metrics`."""
    return encode_metrics(metrics).SerializeToString()


def readings(metrics: MetricsData | None) -> Iterator[Reading]:
    """All series, one after the other."""
    for resource in metrics.resource_metrics if metrics else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                for point in metric.data.data_points:
                    yield _reading(metric.name, point)


def _reading(name: str, point: object) -> Reading:
    if isinstance(point, NumberDataPoint):
        return Reading(name=name, labels=_texts(point.attributes), value=float(point.value), count=0)
    assert isinstance(point, HistogramDataPoint), "the registry has counters, gauges and histograms"  # noqa: S101
    return Reading(name=name, labels=_texts(point.attributes), value=float(point.sum), count=point.count)


def _texts(attributes: object) -> dict[str, str]:
    return {str(name): str(value) for name, value in dict(attributes or {}).items()}  # type: ignore[call-overload]
