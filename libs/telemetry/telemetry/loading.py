"""OpenTelemetry's SDK, loaded when it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from telemetry.readings import Reading

if TYPE_CHECKING:
    from opentelemetry.sdk.metrics.export import MetricsData
    from opentelemetry.sdk.trace import ReadableSpan

    from telemetry.recording import Recorder


class Sdk(Struct, frozen=True):
    """What is made with it: the recorder, and the three ways to read what that has."""

    recorder: Recorder
    spans_as_bytes: Callable[[Sequence[ReadableSpan]], bytes]
    metrics_as_bytes: Callable[[MetricsData], bytes]
    readings: Callable[[MetricsData | None], Iterable[Reading]]


def load_sdk(service: str, project: str, ratio: float) -> Sdk:
    """A recorder as `telemetry.recording.Recorder` makes one, and how to read it."""
    from telemetry.otlp import metrics_as_bytes, readings, spans_as_bytes
    from telemetry.recording import Recorder

    return Sdk(Recorder(service, project, ratio), spans_as_bytes, metrics_as_bytes, readings)
