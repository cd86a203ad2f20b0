"""Between messages and the domain: the only module of this service that knows the generated classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from analysis.domain.finding import CallAnalysis
from analysis.domain.plan import Plan
from analysis.domain.report import Numbers
from analysis.domain.request import CallFilter, PreviewId, ReportId, RunId
from analysis.domain.run import Fetched, FetchedCall
from analysis.store.plans import IntegrationState
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted, FetchFailed, PreviewReady
from callmine.fetches.v1.fetches_pb2 import CallFilter as CallFilterMessage
from callmine.fetches.v1.fetches_pb2 import FetchCancelled, FetchRequested, PreviewRequested
from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
    Provider,
)
from callmine.plans.v1.plans_pb2 import PlanChanged
from callmine.reports.v1.reports_pb2 import CallAnalysed, CallOutcome, ReportCompleted, RunCancelled, RunFailed
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from cloud.names import own_name
from contracts import Event, field_change
from core.errors import InvalidInput
from core.ids import parse_uuid

__all__ = [
    "CallFetched",
    "FetchCompleted",
    "FetchFailed",
    "IntegrationConnected",
    "IntegrationDisconnected",
    "IntegrationNeedsReconnect",
    "PlanChanged",
    "PreviewReady",
    "WorkspaceCreated",
    "WorkspaceUpdated",
]


def preview_requested(preview_id: PreviewId, calls: CallFilter, max_calls: int) -> PreviewRequested:
    """Asks ingest how many calls match."""
    return PreviewRequested(preview_id=str(preview_id), filter=_filter(calls), max_calls=max_calls)


def fetch_requested(run_id: RunId, calls: CallFilter, max_calls: int) -> FetchRequested:
    """Asks ingest for the calls of a run. The brief stays here."""
    return FetchRequested(run_id=str(run_id), filter=_filter(calls), max_calls=max_calls)


def fetch_cancelled(run_id: RunId) -> FetchCancelled:
    """Tells ingest that nobody waits for the calls any more."""
    return FetchCancelled(run_id=str(run_id))


def _filter(calls: CallFilter) -> CallFilterMessage:
    message = CallFilterMessage(
        deal_stages=calls.stages,
        owners=calls.owners,
        amount_min=calls.amount_min,
        amount_max=calls.amount_max,
        employees_min=calls.employees_min,
        employees_max=calls.employees_max,
    )
    message.from_time.FromDatetime(calls.since)
    message.to_time.FromDatetime(calls.until)
    return message


def call_analysed(run_id: RunId, analysis: CallAnalysis) -> CallAnalysed:
    """A call's result is stored."""
    return CallAnalysed(
        run_id=str(run_id),
        call_id=analysis.call_id,
        outcome=CallOutcome.CALL_OUTCOME_ANALYSED,
        findings=len(analysis.findings),
        quotes=analysis.quotes,
        quotes_dropped=analysis.quotes_dropped,
    )


def call_failed(run_id: RunId, call_id: str) -> CallAnalysed:
    """A call could not be analysed."""
    return CallAnalysed(run_id=str(run_id), call_id=call_id, outcome=CallOutcome.CALL_OUTCOME_FAILED)


def report_completed(run_id: RunId, report_id: ReportId, numbers: Numbers) -> ReportCompleted:
    """A run has its report."""
    return ReportCompleted(
        run_id=str(run_id),
        report_id=str(report_id),
        calls_analysed=numbers.calls_analysed,
        calls_failed=numbers.calls_failed,
        findings=numbers.findings,
        quotes=numbers.quotes,
        quotes_dropped=numbers.quotes_dropped,
    )


def run_failed(run_id: RunId, reason: str) -> RunFailed:
    """A run ended without a report."""
    return RunFailed(run_id=str(run_id), reason=reason)


def run_cancelled(run_id: RunId) -> RunCancelled:
    """Somebody stopped a run."""
    return RunCancelled(run_id=str(run_id))


def report_exported(report_id: ReportId, format_name: str) -> AdminAction:
    """Somebody took a report out of Callmine."""
    return AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_REPORT_EXPORTED,
        target_kind="report",
        target_id=str(report_id),
        diff=[field_change("format", None, format_name)],
    )


def run_id_of(text: str) -> RunId:
    """The run a message is about. Raises InvalidInput."""
    return RunId(parse_uuid(text, "run_id"))


def preview_id_of(text: str) -> PreviewId:
    """The preview a message is about. Raises InvalidInput."""
    return PreviewId(parse_uuid(text, "preview_id"))


def fetched_call(event: Event[CallFetched]) -> FetchedCall:
    """The call a message announces. Raises InvalidInput when its object cannot be one of the message's own workspace."""
    message = event.payload
    object_name = own_name(event.workspace_id, message.object_name)
    if len(message.sha256) != 64 or not message.call_id:
        raise InvalidInput("a call is announced without its id or its checksum")
    return FetchedCall(
        call_id=message.call_id,
        ordinal=min(event.sequence, 2**31 - 1),
        object_name=object_name,
        sha256=message.sha256,
        started_at=_moment(message.started_at.ToDatetime(UTC)),
        duration_seconds=message.duration_seconds,
    )


def _moment(value: datetime) -> datetime:
    return value.replace(microsecond=0)


def fetched(message: FetchCompleted) -> Fetched:
    """How a fetch ended. Raises InvalidInput for a negative count."""
    if message.calls_fetched < 0:
        raise InvalidInput("a fetch ended with a negative number of calls")
    return Fetched(
        calls=message.calls_fetched,
        matching=message.calls_matching,
        private=message.calls_private,
        without_transcript=message.calls_without_transcript,
    )


def plan(message: PlanChanged) -> Plan:
    """The plan a message tells. Raises InvalidInput for one that cannot be."""
    if message.concurrent_runs < 1 or message.report_window_days < 0 or message.monthly_calls < 0:
        raise InvalidInput("the plan has a limit that cannot be")
    return Plan(
        name=message.plan,
        window_days=message.report_window_days,
        monthly_calls=message.monthly_calls,
        concurrent_runs=message.concurrent_runs,
        models=tuple(message.models),
    )


_PROVIDERS: Mapping[int, str] = {
    Provider.PROVIDER_GONG: "gong",
    Provider.PROVIDER_HUBSPOT: "hubspot",
    Provider.PROVIDER_SLACK: "slack",
}

IntegrationMessage = IntegrationConnected | IntegrationDisconnected | IntegrationNeedsReconnect


def provider_of(message: IntegrationMessage) -> str:
    """The provider a message is about; its number where this build does not know it yet."""
    return _PROVIDERS.get(message.provider, f"provider-{message.provider}")


def integration_state(message: IntegrationMessage) -> IntegrationState:
    """What a message says about its integration."""
    if isinstance(message, IntegrationConnected):
        return IntegrationState("connected")
    if isinstance(message, IntegrationNeedsReconnect):
        return IntegrationState("needs_reconnect", message.reason)
    return IntegrationState("disconnected")


INTEGRATION_MESSAGES: Sequence[type[IntegrationMessage]] = (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
)
