"""Between the contracts' messages and the domain; the only module that knows the generated code."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from callmine.billing.v1.billing_pb2 import CheckoutCompleted, PaymentFailed, SubscriptionChanged
from callmine.calls.v1.calls_pb2 import CallFetched, FetchCompleted, FetchFailed, FetchPaused, PreviewReady
from callmine.credentials.v1.credentials_pb2 import (
    CredentialDenied,
    CredentialGranted,
    CredentialRejected,
    CredentialRequested,
    DenialReason,
    RevocationNoticed,
)
from callmine.fetches.v1 import fetches_pb2
from callmine.fetches.v1.fetches_pb2 import FetchCancelled, FetchRequested, PreviewRequested
from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
    Provider,
)
from callmine.reports.v1.reports_pb2 import ReportCompleted, RunCancelled, RunFailed
from callmine.workspaces.v1 import workspaces_pb2
from callmine.workspaces.v1.workspaces_pb2 import (
    ApiKeyCreated,
    ApiKeyRevoked,
    ApiKeyUsed,
    MemberAdded,
    MemberInvited,
    MemberRemoved,
    MemberRoleChanged,
    WorkspaceCreated,
    WorkspaceUpdated,
)
from cloud.objects import StoredObject
from contracts import field_change
from core.errors import InvalidInput
from core.ids import parse_uuid
from ingest.domain.api_keys import ApiKey
from ingest.domain.billing import BillingChange, BillingNews
from ingest.domain.calls import CallId
from ingest.domain.filters import CallFilter
from ingest.domain.invitations import Invitation
from ingest.domain.jobs import Denial, GrantId, JobId, JobKind, Progress, SealedGrant
from ingest.domain.members import Diff, MemberChange, Membership, Role, Workspace
from ingest.domain.preferences import Chosen

__all__ = [
    "ApiKeyUsed",
    "CredentialDenied",
    "CredentialGranted",
    "FetchCancelled",
    "FetchRequested",
    "IntegrationConnected",
    "IntegrationDisconnected",
    "IntegrationNeedsReconnect",
    "MemberAdded",
    "MemberInvited",
    "MemberRemoved",
    "MemberRoleChanged",
    "PreviewRequested",
    "ReportCompleted",
    "RunCancelled",
    "RunFailed",
    "WorkspaceCreated",
    "WorkspaceUpdated",
]

AboutKey = ApiKeyCreated | ApiKeyRevoked | AdminAction
"""What is told when a key is made or taken back."""

_ROLES = {Role.MEMBER: workspaces_pb2.ROLE_MEMBER, Role.ADMIN: workspaces_pb2.ROLE_ADMIN}
_PROVIDERS: Mapping[int, str] = {
    Provider.PROVIDER_GONG: "gong",
    Provider.PROVIDER_HUBSPOT: "hubspot",
    Provider.PROVIDER_SLACK: "slack",
}
_PROVIDER_NUMBERS = {
    "gong": Provider.PROVIDER_GONG,
    "hubspot": Provider.PROVIDER_HUBSPOT,
    "slack": Provider.PROVIDER_SLACK,
}
_DENIALS = {
    DenialReason.DENIAL_REASON_NOT_CONNECTED: Denial.NOT_CONNECTED,
    DenialReason.DENIAL_REASON_NOT_ALLOWED: Denial.NOT_ALLOWED,
    DenialReason.DENIAL_REASON_NEEDS_RECONNECT: Denial.NEEDS_RECONNECT,
}
_ACTIONS = {
    MemberChange.ADDED: AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ADDED,
    MemberChange.REMOVED: AdminActionType.ADMIN_ACTION_TYPE_MEMBER_REMOVED,
    MemberChange.ROLE_CHANGED: AdminActionType.ADMIN_ACTION_TYPE_MEMBER_ROLE_CHANGED,
}


def job_id(text: str, what: str) -> JobId:
    """A run's or preview's id. Raises InvalidInput."""
    return JobId(parse_uuid(text, what))


def grant_id(text: str) -> GrantId:
    """A grant's id. Raises InvalidInput."""
    return GrantId(parse_uuid(text, "grant_id"))


def call_filter(message: fetches_pb2.CallFilter) -> CallFilter:
    """Which calls are meant. Raises InvalidInput for a time range that is missing, empty or no time."""
    if not message.HasField("from_time") or not message.HasField("to_time"):
        raise InvalidInput("the filter needs from_time and to_time")
    from_time, to_time = _time(message.from_time), _time(message.to_time)
    if from_time >= to_time:
        raise InvalidInput("the filter's from_time is not before its to_time")
    return CallFilter(
        from_time=from_time,
        to_time=to_time,
        deal_stages=tuple(message.deal_stages),
        amount_min=message.amount_min if message.HasField("amount_min") else None,
        amount_max=message.amount_max if message.HasField("amount_max") else None,
        owners=tuple(message.owners),
        employees_min=message.employees_min if message.HasField("employees_min") else None,
        employees_max=message.employees_max if message.HasField("employees_max") else None,
        directions=tuple(message.directions),
        seconds_min=message.seconds_min if message.HasField("seconds_min") else None,
        seconds_max=message.seconds_max if message.HasField("seconds_max") else None,
        title_words=tuple(message.title_words),
        participants=tuple(message.participants),
    )


def sealed_grant(message: CredentialGranted, provider: str) -> SealedGrant:
    """The grant as it is kept. Raises InvalidInput for one without content or expiry, or for another provider than `provider`."""
    if message.provider != _PROVIDER_NUMBERS[provider]:
        raise InvalidInput("the grant is not for a provider that ingest asked for")
    if not message.sealed or not message.sealing_key_id or not message.HasField("expires_at"):
        raise InvalidInput("the grant lacks its sealed credential, the key's id or its expiry")
    return SealedGrant(
        grant_id=grant_id(message.grant_id),
        sealed=message.sealed,
        key_id=message.sealing_key_id,
        expires_at=_time(message.expires_at),
        credential_version=message.credential_version,
    )


def denial(message: CredentialDenied) -> Denial:
    """Why there is no credential; a reason of a newer vault is read as unknown."""
    return _DENIALS.get(message.reason, Denial.UNKNOWN)


def is_for_deals(message: CredentialGranted | CredentialDenied) -> bool:
    """Whether the answer is about the optional grant for HubSpot, not the one for Gong."""
    return message.provider == Provider.PROVIDER_HUBSPOT


def provider_name(provider: int) -> str:
    """A provider's name. Raises InvalidInput for one this build does not know."""
    name = _PROVIDERS.get(provider)
    if name is None:
        raise InvalidInput("the message names an unknown provider")
    return name


def credential_requested(grant: GrantId, provider: str, kind: JobKind, job: JobId) -> CredentialRequested:
    """Ask the vault for the credential of `provider`."""
    return CredentialRequested(
        grant_id=str(grant), provider=_PROVIDER_NUMBERS[provider], purpose=kind.value, subject_id=str(job)
    )


def credential_rejected(grant: SealedGrant, provider: str, status: int) -> CredentialRejected:
    """Tell the vault that `provider` did not accept what it granted; `status` is the provider's HTTP status."""
    return CredentialRejected(
        grant_id=str(grant.grant_id),
        provider=_PROVIDER_NUMBERS[provider],
        credential_version=grant.credential_version,
        provider_status=status,
    )


def revocation_noticed(provider: str, account_id: str) -> RevocationNoticed:
    """A provider's webhook says that one of its accounts took the access away."""
    return RevocationNoticed(provider=_PROVIDER_NUMBERS[provider], account_id=account_id)


def billing_message(news: BillingNews) -> SubscriptionChanged | CheckoutCompleted | PaymentFailed:
    """What has to be read at Stripe again."""
    occurred_at = Timestamp()
    occurred_at.FromDatetime(news.occurred_at)
    match news.change:
        case BillingChange.SUBSCRIPTION:
            return SubscriptionChanged(
                event_id=news.event_id,
                customer_id=news.customer_id,
                subscription_id=news.subscription_id,
                status=news.status,
                occurred_at=occurred_at,
            )
        case BillingChange.CHECKOUT:
            return CheckoutCompleted(
                event_id=news.event_id,
                customer_id=news.customer_id,
                checkout_session_id=news.checkout_session_id,
                subscription_id=news.subscription_id,
                mode=news.mode,
                status=news.status,
                occurred_at=occurred_at,
            )
        case BillingChange.PAYMENT_FAILED:
            return PaymentFailed(
                event_id=news.event_id,
                customer_id=news.customer_id,
                invoice_id=news.invoice_id,
                checkout_session_id=news.checkout_session_id,
                subscription_id=news.subscription_id,
                status=news.status,
                occurred_at=occurred_at,
            )


def preview_ready(job: JobId, calls: int, seconds: int, sample: StoredObject | None) -> PreviewReady:
    """How many calls match, how long they are together, and where some of them can be looked at."""
    message = PreviewReady(preview_id=str(job), matching_calls=calls, total_seconds=seconds)
    if sample is not None:
        message.sample_object_name, message.sample_sha256 = sample.name, sample.sha256
        message.sample_size_bytes = sample.size
    return message


def failed(kind: JobKind, job: JobId, words: str) -> PreviewReady | FetchFailed:
    """The job has failed, in words fit for the page."""
    if kind is JobKind.PREVIEW:
        return PreviewReady(preview_id=str(job), failure=words)
    return FetchFailed(run_id=str(job), reason=words)


def call_fetched(
    job: JobId, call_id: CallId, started_at: datetime, duration_seconds: int, kept: StoredObject
) -> CallFetched:
    """One call is in object storage."""
    return CallFetched(
        run_id=str(job),
        call_id=call_id,
        object_name=kept.name,
        sha256=kept.sha256,
        size_bytes=kept.size,
        started_at=_stamp(started_at),
        duration_seconds=duration_seconds,
    )


def fetch_paused(job: JobId, resume_at: datetime, reason: str) -> FetchPaused:
    """The fetch goes on later; `reason` is fit for the page, before "until"."""
    return FetchPaused(run_id=str(job), resume_at=_stamp(resume_at), reason=reason)


def fetch_completed(job: JobId, progress: Progress) -> FetchCompleted:
    """All calls of the run have been announced."""
    return FetchCompleted(
        run_id=str(job),
        calls_fetched=progress.fetched,
        calls_matching=progress.matching,
        calls_private=progress.private,
        calls_without_transcript=progress.without_transcript,
        remarks=progress.remarks,
    )


def workspace_created(workspace: Workspace) -> WorkspaceCreated:
    """The workspace is there."""
    return WorkspaceCreated(name=workspace.name, slug=workspace.slug, timezone=workspace.settings.timezone)


def workspace_updated(name: str, slug: str, settings: Chosen) -> WorkspaceUpdated:
    """The workspace is called otherwise, or has other settings."""
    chosen = settings.preferences
    preferences = workspaces_pb2.Preferences(
        mask_personal_data=chosen.mask_personal_data, other_provider_fallback=chosen.other_provider_fallback
    )
    return WorkspaceUpdated(name=name, slug=slug, timezone=settings.timezone, preferences=preferences)


def member_invited(told: Invitation) -> MemberInvited:
    """Somebody was invited."""
    return MemberInvited(email=told.email, role=_ROLES[told.role], invitation_id=told.invitation_id)


def invitation_action(told: Invitation, diff: Sequence[Diff]) -> AdminAction:
    """The audit entry of an invitation that was made, or revoked."""
    return AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_MEMBER_INVITED,
        target_kind="invitation",
        target_id=told.invitation_id,
        diff=map(_field, diff),
    )


def member_changed(
    change: MemberChange, before: Membership | None, now: Membership
) -> MemberAdded | MemberRemoved | MemberRoleChanged:
    """What happened to a member. Raises ValueError where nothing did."""
    match change:
        case MemberChange.ADDED:
            return MemberAdded(user_id=now.user_id, email=now.email, role=_ROLES[now.role])
        case MemberChange.REMOVED:
            return MemberRemoved(user_id=now.user_id, email=now.email)
        case MemberChange.ROLE_CHANGED if before is not None:
            return MemberRoleChanged(
                user_id=now.user_id, email=now.email, before=_ROLES[before.role], after=_ROLES[now.role]
            )
        case _:
            raise ValueError("nothing changed, so there is nothing to tell")


def member_action(change: MemberChange, user_id: str, diff: Sequence[Diff]) -> AdminAction:
    """The audit entry of a member's change."""
    return AdminAction(type=_ACTIONS[change], target_kind="member", target_id=user_id, diff=map(_field, diff))


def workspace_action(workspace_id: str, diff: Sequence[Diff]) -> AdminAction:
    """The audit entry of a workspace's change."""
    return AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
        target_kind="workspace",
        target_id=workspace_id,
        diff=map(_field, diff),
    )


def api_key_created(key: ApiKey, digest: bytes) -> ApiKeyCreated:
    """A key was made. Of itself nothing travels but its hash."""
    told = ApiKeyCreated(
        key_id=str(key.id),
        digest=digest,
        scopes=key.scopes,
        role=_ROLES[key.role],
        user_id=key.created_by,
        email=key.created_by_email,
    )
    if key.expires_at is not None:
        told.expires_at.CopyFrom(_stamp(key.expires_at))
    return told


def api_key_revoked(key: ApiKey) -> ApiKeyRevoked:
    """A key was taken back."""
    return ApiKeyRevoked(key_id=str(key.id))


def api_key_action(key: ApiKey, diff: Sequence[Diff]) -> AdminAction:
    """The audit entry of a key that was made or taken back."""
    return AdminAction(
        type=AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED,
        target_kind="api_key",
        target_id=str(key.id),
        diff=map(_field, diff),
    )


def key_use(message: ApiKeyUsed) -> tuple[uuid.UUID, datetime]:
    """Which key was used, and when. Raises InvalidInput."""
    return parse_uuid(message.key_id, "key_id"), _time(message.used_at)


def _field(diff: Diff) -> FieldChange:
    return field_change(diff.field, diff.before, diff.after)


def _stamp(moment: datetime) -> Timestamp:
    stamp = Timestamp()
    stamp.FromDatetime(moment)
    return stamp


def _time(stamp: Timestamp) -> datetime:
    try:
        return stamp.ToDatetime(UTC)
    except ValueError as error:
        raise InvalidInput("the message holds a time that is none") from error
