"""Between messages and the domain: the only module of this service that knows the generated classes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TypeGuard

from analysis.domain.finding import CallAnalysis
from analysis.domain.month import Month
from analysis.domain.notices import Announcement, Denial, GrantId, Loss, SealedGrant
from analysis.domain.plan import Plan, Quota
from analysis.domain.preferences import Preferences
from analysis.domain.report import Numbers
from analysis.domain.report_erasing import Answer, Asked, Stage
from analysis.domain.request import CallFilter, PreviewId, ReportId, RunId
from analysis.domain.run import Fetched, FetchedCall
from analysis.domain.sample import StoredSample
from analysis.domain.schedule import Change, ScheduleId
from analysis.store.plans import IntegrationState
from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType
from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted, FetchFailed, FetchPaused, PreviewReady
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRejected,
    CredentialRequested,
    DenialReason,
)
from callmine.erasure.v1.reports_pb2 import (
    ReportErasureAnnounced,
    ReportErasureAnswered,
    ReportErasureRequested,
    ReportErasureStage,
    ReportErasureVerify,
)
from callmine.fetches.v1.fetches_pb2 import CallFilter as CallFilterMessage
from callmine.fetches.v1.fetches_pb2 import FetchCancelled, FetchRequested, PreviewRequested
from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
    Provider,
)
from callmine.plans.v1.plans_pb2 import AddonCredited, PlanChanged
from callmine.reports.v1.reports_pb2 import (
    CallAnalysed,
    CallOutcome,
    ReportCompleted,
    RunCancelled,
    RunFailed,
    UsageThresholdReached,
)
from callmine.subprocessors.v1.subprocessors_pb2 import SubProcessorAnnounced
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from cloud.names import own_name
from contracts import Event, field_change
from core.errors import InvalidInput
from core.ids import WorkspaceId, parse_uuid

__all__ = [
    "AddonCredited",
    "CallFetched",
    "CredentialDenied",
    "CredentialGranted",
    "FetchCompleted",
    "FetchFailed",
    "FetchPaused",
    "IntegrationConnected",
    "IntegrationDisconnected",
    "IntegrationNeedsReconnect",
    "PlanChanged",
    "PreviewReady",
    "ReportErasureAnnounced",
    "ReportErasureRequested",
    "ReportErasureVerify",
    "SubProcessorAnnounced",
    "WorkspaceCreated",
    "WorkspaceUpdated",
]


def preview_requested(preview_id: PreviewId, calls: CallFilter, max_calls: int) -> PreviewRequested:
    """Asks ingest how many calls match."""
    return PreviewRequested(preview_id=str(preview_id), filter=_filter(calls), max_calls=max_calls)


def fetch_requested(fetch_id: uuid.UUID, calls: CallFilter, max_calls: int) -> FetchRequested:
    """Asks ingest for the calls of a run, under its id or, asked again, under another. The brief stays here."""
    return FetchRequested(run_id=str(fetch_id), filter=_filter(calls), max_calls=max_calls)


def fetch_cancelled(fetch_id: uuid.UUID) -> FetchCancelled:
    """Tells ingest that nobody waits for the calls any more."""
    return FetchCancelled(run_id=str(fetch_id))


def _filter(calls: CallFilter) -> CallFilterMessage:
    message = CallFilterMessage(
        deal_stages=calls.stages,
        owners=calls.owners,
        amount_min=calls.amount_min,
        amount_max=calls.amount_max,
        employees_min=calls.employees_min,
        employees_max=calls.employees_max,
        directions=calls.directions,
        seconds_min=calls.seconds_min,
        seconds_max=calls.seconds_max,
        title_words=calls.title_words,
        participants=calls.participants,
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


def report_completed(run_id: RunId, report_id: ReportId, numbers: Numbers, *, partial: bool = False) -> ReportCompleted:
    """A run has its report; a `partial` one is of a cancelled run's finished calls."""
    return ReportCompleted(
        run_id=str(run_id),
        report_id=str(report_id),
        calls_analysed=numbers.calls_analysed,
        calls_failed=numbers.calls_failed,
        findings=numbers.findings,
        quotes=numbers.quotes,
        quotes_dropped=numbers.quotes_dropped,
        partial=partial,
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


def schedule_created(schedule_id: ScheduleId, told: Sequence[Change]) -> AdminAction:
    """Somebody has drafted a schedule."""
    return _schedule_action(AdminActionType.ADMIN_ACTION_TYPE_SCHEDULE_CREATED, schedule_id, told)


def schedule_edited(schedule_id: ScheduleId, told: Sequence[Change]) -> AdminAction:
    """Somebody has changed, activated or paused a schedule."""
    return _schedule_action(AdminActionType.ADMIN_ACTION_TYPE_SCHEDULE_EDITED, schedule_id, told)


def schedule_deleted(schedule_id: ScheduleId, told: Sequence[Change]) -> AdminAction:
    """Somebody has deleted a schedule."""
    return _schedule_action(AdminActionType.ADMIN_ACTION_TYPE_SCHEDULE_DELETED, schedule_id, told)


def _schedule_action(kind: AdminActionType.ValueType, schedule_id: ScheduleId, told: Sequence[Change]) -> AdminAction:
    return AdminAction(
        type=kind,
        target_kind="schedule",
        target_id=str(schedule_id),
        diff=[field_change(one.field, one.before, one.after) for one in told],
    )


def delivery_settings_changed(workspace_id: WorkspaceId, told: Sequence[Change]) -> AdminAction:
    """Somebody has chosen where finished reports are posted."""
    return AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
        target_kind="workspace",
        target_id=workspace_id,
        diff=[field_change(one.field, one.before, one.after) for one in told],
    )


_STAGES = {
    Stage.UNKNOWN_REPORT: ReportErasureStage.REPORT_ERASURE_STAGE_UNKNOWN_REPORT,
    Stage.FROZEN: ReportErasureStage.REPORT_ERASURE_STAGE_FROZEN,
    Stage.ERASED: ReportErasureStage.REPORT_ERASURE_STAGE_ERASED,
    Stage.VERIFIED: ReportErasureStage.REPORT_ERASURE_STAGE_VERIFIED,
}


def report_asked(message: ReportErasureAnnounced | ReportErasureRequested | ReportErasureVerify) -> Asked:
    """The request for the erasure of a report, and the report. Raises InvalidInput."""
    report_id = ReportId(parse_uuid(message.report_id, "report_id"))
    return Asked(parse_uuid(message.erasure_id, "erasure_id"), report_id)


def verification(message: ReportErasureVerify) -> int:
    """Which verification is asked for. Raises InvalidInput."""
    if message.attempt == 0:
        raise InvalidInput("attempts of a verification are counted from 1")
    return message.attempt


def report_erasure_answered(answer: Answer, at: datetime) -> ReportErasureAnswered:
    """The erasure of a report has come to a stage."""
    told = ReportErasureAnswered(
        erasure_id=str(answer.asked.erasure_id),
        report_id=str(answer.asked.report_id),
        service="analysis",
        stage=_STAGES[answer.stage],
        rows=answer.rows,
        objects=answer.objects,
        left=answer.left,
        attempt=answer.attempt,
    )
    told.at.FromDatetime(at)
    return told


def run_id_of(text: str) -> RunId:
    """The run a message is about. Raises InvalidInput."""
    return RunId(parse_uuid(text, "run_id"))


def preview_id_of(text: str) -> PreviewId:
    """The preview a message is about. Raises InvalidInput."""
    return PreviewId(parse_uuid(text, "preview_id"))


def preview_sample(event: Event[PreviewReady]) -> StoredSample | None:
    """Where some of a preview's calls are; None where none match. Raises InvalidInput when it cannot be the message's own workspace's."""
    message = event.payload
    if not message.sample_object_name:
        return None
    if len(message.sample_sha256) != 64:
        raise InvalidInput("a sample is announced without its checksum")
    return StoredSample(own_name(event.workspace_id, message.sample_object_name), message.sample_sha256)


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


def resume_time(message: FetchPaused) -> datetime:
    """When a fetch goes on. Raises InvalidInput for a time that is missing or none."""
    if not message.HasField("resume_at"):
        raise InvalidInput("a fetch rests without saying until when")
    try:
        return message.resume_at.ToDatetime(UTC)
    except ValueError as error:
        raise InvalidInput("a fetch rests until a time that is none") from error


# More than ingest has to say, should it ever say too much.
_MOST_REMARKS, _LONGEST_REMARK = 10, 500


def fetched(message: FetchCompleted) -> Fetched:
    """How a fetch ended. Raises InvalidInput for a negative count."""
    if message.calls_fetched < 0:
        raise InvalidInput("a fetch ended with a negative number of calls")
    return Fetched(
        calls=message.calls_fetched,
        matching=message.calls_matching,
        private=message.calls_private,
        without_transcript=message.calls_without_transcript,
        remarks=tuple(remark[:_LONGEST_REMARK] for remark in message.remarks[:_MOST_REMARKS]),
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
        anchor=message.billing_anchor.ToDatetime(UTC) if message.HasField("billing_anchor") else None,
    )


# More than anybody buys at once; a number beyond it is a mistake.
_MOST_BOUGHT = 1_000_000

_LONGEST_PURCHASE_ID = 255


def bought_calls(message: AddonCredited) -> int:
    """How many calls were bought. Raises InvalidInput for a number that cannot be, and for a purchase without a name."""
    if not 0 < message.calls <= _MOST_BOUGHT:
        raise InvalidInput("a purchase is of a number of calls that cannot be")
    if not 0 < len(message.purchase_id) <= _LONGEST_PURCHASE_ID:
        raise InvalidInput("a purchase has no id, or one that is too long")
    return message.calls


def threshold_reached(percent: int, quota: Quota, month: Month) -> UsageThresholdReached:
    """So much of the month's calls is used."""
    told = UsageThresholdReached(
        percent=percent, used=quota.used, monthly_calls=quota.monthly_calls, addon_calls=quota.addon_calls
    )
    told.month_begins.FromDatetime(month.begins_at)
    told.month_ends.FromDatetime(month.ends_at)
    return told


def preferences(message: WorkspaceCreated | WorkspaceUpdated) -> Preferences | None:
    """What the workspace's admins have chosen; one that is not told is at its default. None for a message that tells of none."""
    if isinstance(message, WorkspaceCreated) or not message.HasField("preferences"):
        return None
    told, default = message.preferences, Preferences()
    masks, falls_back = told.HasField("mask_personal_data"), told.HasField("other_provider_fallback")
    return Preferences(
        mask_personal_data=told.mask_personal_data if masks else default.mask_personal_data,
        other_provider_fallback=told.other_provider_fallback if falls_back else default.other_provider_fallback,
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


def is_loss(event: Event[IntegrationMessage]) -> TypeGuard[Event[IntegrationNeedsReconnect]]:
    """Whether it tells that a person has to reconnect."""
    return isinstance(event.payload, IntegrationNeedsReconnect)


def loss(event: Event[IntegrationNeedsReconnect]) -> Loss:
    """Which credential was lost."""
    return Loss(provider_of(event.payload), event.payload.credential_version, event.sequence)


def announcement(message: SubProcessorAnnounced) -> Announcement:
    """A sub-processor that is going to be added. Raises InvalidInput for one that is not told whole."""
    return Announcement(
        message.name, message.company, message.purpose, _day_told(message.listed_on), _day_told(message.in_effect_from)
    )


def _day_told(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput("a sub-processor is announced with something that is no day") from error


_DENIALS = {
    DenialReason.DENIAL_REASON_NOT_CONNECTED: Denial.NOT_CONNECTED,
    DenialReason.DENIAL_REASON_NOT_ALLOWED: Denial.NOT_ALLOWED,
    DenialReason.DENIAL_REASON_NEEDS_RECONNECT: Denial.NEEDS_RECONNECT,
}

# What the vault's journal says that a grant was for.
NOTICE, DELIVERY = "notice", "delivery"


def credential_requested(grant_id: GrantId, subject: str, purpose: str = NOTICE) -> CredentialRequested:
    """Asks the vault for Slack's credential: for what, and of which `subject`."""
    return CredentialRequested(
        grant_id=str(grant_id), provider=Provider.PROVIDER_SLACK, purpose=purpose, subject_id=subject
    )


def credential_rejected(grant: SealedGrant, status: int) -> CredentialRejected:
    """Tells the vault that Slack did not accept what it granted; `status` is Slack's HTTP status, 200 for most refusals."""
    return CredentialRejected(
        grant_id=str(grant.grant_id),
        provider=Provider.PROVIDER_SLACK,
        credential_version=grant.credential_version,
        provider_status=status,
    )


def grant_id_of(text: str) -> GrantId:
    """A grant's id. Raises InvalidInput."""
    return GrantId(parse_uuid(text, "grant_id"))


def sealed_grant(message: CredentialGranted) -> SealedGrant:
    """The grant as it is kept. Raises InvalidInput for one without content or expiry, or for another provider."""
    if message.provider != Provider.PROVIDER_SLACK:
        raise InvalidInput("the grant is not for the provider that analysis asked for")
    if not message.sealed or not message.sealing_key_id or not message.HasField("expires_at"):
        raise InvalidInput("the grant lacks its sealed credential, the key's id or its expiry")
    try:
        expires_at = message.expires_at.ToDatetime(UTC)
    except ValueError as error:
        raise InvalidInput("the grant's expiry is no time") from error
    return SealedGrant(
        grant_id=grant_id_of(message.grant_id),
        sealed=message.sealed,
        key_id=message.sealing_key_id,
        expires_at=expires_at,
        credential_version=message.credential_version,
    )


def denial(message: CredentialDenied) -> Denial:
    """Why there is no credential; a reason of a newer vault is read as unknown."""
    return _DENIALS.get(message.reason, Denial.UNKNOWN)


INTEGRATION_MESSAGES: Sequence[type[IntegrationMessage]] = (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
)
