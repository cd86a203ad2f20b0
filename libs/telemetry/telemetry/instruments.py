"""Every metric there is: its name, unit, meaning and labels. What is not here is not measured, and nothing is measured that is not here.

`INBOX_MESSAGES.add(12, subscription="audit.audit", outcome="done")`. Names end as Prometheus' do, since that is how Cloud Monitoring keeps
them. A label is a name of ours (a topic, a subscription, a recipient of the register, a state): no label says whose data it was about, and
`telemetry.recording.MOST_SERIES` bounds them. docs/operating.md shows this list; tests compare it with alerts, documents and a real run.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct, field

from telemetry.installed import meter

# Of requests, batches and model calls, in seconds.
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Instrument(Struct, frozen=True):
    """One metric. `unit` is UCUM's: "s", "By", or "1" in braces with what is counted."""

    name: str
    unit: str
    description: str
    labels: tuple[str, ...] = ()

    def check(self, labels: Mapping[str, str]) -> None:
        """Raise ValueError unless `labels` are the instrument's own."""
        if len(labels) != len(self.labels) or any(name not in labels for name in self.labels):
            raise ValueError(f"{self.name} has the labels {self.labels}, not {tuple(labels)}")

    def _measure(self, value: float, labels: Mapping[str, str]) -> None:
        telling = meter()
        if telling is not None:
            telling.measure(self, value, labels)


class Counter(Instrument, frozen=True):
    """Only rises."""

    def add(self, value: float = 1, **labels: str) -> None:
        """So many more."""
        self._measure(value, labels)


class Gauge(Instrument, frozen=True):
    """What it is now."""

    def set(self, value: float, **labels: str) -> None:
        """It is now so much."""
        self._measure(value, labels)


class Histogram(Instrument, frozen=True):
    """How long things take; it counts them as well."""

    buckets: tuple[float, ...] = field(default=_SECONDS)

    def record(self, value: float, **labels: str) -> None:
        """One took so long."""
        self._measure(value, labels)


HTTP_REQUEST_SECONDS = Histogram(
    "callmine_http_request_seconds", "s", "From a request's arrival to the end of its answer", ("status",)
)
OUTBOX_EVENTS = Gauge("callmine_outbox_events", "{event}", "Events that wait in the outbox")
OUTBOX_OLDEST_SECONDS = Gauge("callmine_outbox_oldest_seconds", "s", "How long the oldest of them has waited")
OUTBOX_PUBLISHED = Counter("callmine_outbox_published", "{event}", "Events that the broker has taken", ("topic",))
RELAY_LEASE_LOST = Counter("callmine_relay_lease_lost", "{time}", "Times that a relay found its lease gone")
INBOX_MESSAGES = Counter(
    "callmine_inbox_messages",
    "{message}",
    "Deliveries by what became of them: done, duplicate (heard before), retried, parked, or ignored (nobody here listens)",
    ("subscription", "outcome"),
)
INBOX_BATCH_SECONDS = Histogram(
    "callmine_inbox_batch_seconds", "s", "From a batch's arrival to its verdicts", ("subscription",)
)
PARKED_MESSAGES = Gauge("callmine_parked_messages", "{message}", "Messages that are set aside and wait for a person")
LOOP_LAG_SECONDS = Gauge("callmine_loop_lag_seconds", "s", "How late the event loop ran at worst in the last minute")
MEMORY_BYTES = Gauge("callmine_memory_bytes", "By", "Memory that the process holds (resident)")
GRANT_SECONDS = Histogram(
    "callmine_grant_seconds", "s", "From asking the vault for a credential to its answer", ("provider", "outcome")
)
RUNS = Counter("callmine_runs", "{run}", "Runs by the state that they have come to", ("state",))
WORK_SECONDS = Histogram(
    "callmine_work_seconds",
    "s",
    "A piece of a run's work: fetching, analysing a call, the summary",
    ("stage", "outcome"),
)
EGRESS_REQUESTS = Counter(
    "callmine_egress_requests", "{request}", "Requests to other companies, by who gets them", ("recipient", "status")
)
EGRESS_SECONDS = Histogram("callmine_egress_seconds", "s", "How long those took", ("recipient",))
EGRESS_REFUSED = Counter(
    "callmine_egress_refused", "{request}", "Requests that the guard did not let out", ("recipient",)
)
SPANS_DROPPED = Gauge("callmine_spans_dropped", "{span}", "Spans that could not be kept until they were sent")

INSTRUMENTS: tuple[Instrument, ...] = (
    HTTP_REQUEST_SECONDS,
    OUTBOX_EVENTS,
    OUTBOX_OLDEST_SECONDS,
    OUTBOX_PUBLISHED,
    RELAY_LEASE_LOST,
    INBOX_MESSAGES,
    INBOX_BATCH_SECONDS,
    PARKED_MESSAGES,
    LOOP_LAG_SECONDS,
    MEMORY_BYTES,
    GRANT_SECONDS,
    RUNS,
    WORK_SECONDS,
    EGRESS_REQUESTS,
    EGRESS_SECONDS,
    EGRESS_REFUSED,
    SPANS_DROPPED,
)
