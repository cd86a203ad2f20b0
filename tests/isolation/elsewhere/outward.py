"""What the rules find where something leaves the process, and why it is in order: the second part of `register`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from isolation.elsewhere.register import Register

_INSTRUMENTS = "the registry's labels are names of ours, no workspace (tests/architecture/terraform/test_alerts.py)"

METRICS: Final[Register] = {
    (f"libs/telemetry/telemetry/{file}.py", f"opentelemetry.{module}"): _INSTRUMENTS
    for file, module in (
        ("recording", "context"),
        ("recording", "metrics"),
        ("recording", "sdk.metrics"),
        ("recording", "sdk.metrics.export"),
        ("recording", "sdk.resources"),
        ("recording", "sdk.trace"),
        ("recording", "sdk.trace.sampling"),
        ("recording", "trace"),
        ("recording", "util.types"),
        ("otlp", "exporter.otlp.proto.common.metrics_encoder"),
        ("otlp", "exporter.otlp.proto.common.trace_encoder"),
        ("otlp", "sdk.metrics.export"),
        ("otlp", "sdk.trace"),
        ("loading", "sdk.metrics.export"),
        ("loading", "sdk.trace"),
    )
}

STREAMS: Final[Register] = {
    (
        "services/audit/audit/log/routes.py",
        "StreamingResponse",
    ): "the log of the session's workspace, read in its scope piece by piece; ends with the answer",
    (
        "services/audit/audit/log/routes.py",
        "cache-control",
    ): "keys, head and tiles of the public log, the same for everybody",
    ("libs/web/web/middleware.py", "cache-control"): "private, no-store for every answer that says nothing itself",
    (
        "services/analysis/analysis/http/exports.py",
        "StreamingResponse",
    ): "a file of the session's workspace and person, found before the first piece; ends with the answer",
    (
        "services/analysis/analysis/http/live.py",
        "EventStream",
    ): "a run of the session's workspace, found before the stream begins; the session is checked again every few seconds",
    (
        "services/audit/audit/http/exports.py",
        "StreamingResponse",
    ): "the session's workspace's log, each part read in its scope; ends with the answer",
    ("libs/web/web/assets.py", "cache-control"): "files that are the same for everybody",
}

FIELDS: Final[Mapping[str, str]] = {
    "callmine.calls.v1.CallFetched.object_name": "analysis.events.fetched_call: parked unless it lies in the message's own folder",
    "callmine.calls.v1.PreviewReady.sample_object_name": "analysis.events.preview_sample: parked unless it lies in its own folder",
    "callmine.credentials.v1.CredentialRequested.subject_id": "text in the vault's journal; nothing is looked up by it",
    "callmine.audit.v1.AdminAction.target_kind": "see target_id",
    "callmine.erasure.v1.ErasureCompleted.objects": "a number",
    "callmine.erasure.v1.ReportErasureAnswered.objects": "a number",
    "callmine.erasure.v1.PersonErasureAnswered.objects": "a number",
    "callmine.audit.v1.AdminAction.target_id": "audit.events: parked where it is another workspace, or something of one",
}
"""Fields of messages that name a workspace, or something in its folder, besides the envelope: who checks them against the envelope."""
