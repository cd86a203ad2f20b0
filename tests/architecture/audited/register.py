"""Every way in that may change a workspace's data, with the audit types that tell of it or the reason why none does.

What an admin can change is audited; what a member asks for (analyses, their reports) and what follows from something that was audited
already is not. An entry that nothing matches any more fails the test.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """Entries of these types tell of it."""

    types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Untold:
    """No entry does, for this reason."""

    reason: str


Declared = Told | Untold
Register = Mapping[tuple[str, str], Declared]


def told(*types: str) -> Told:
    """Entries of `types` tell of it."""
    return Told(types)


_SUBMISSION = Untold("analysis submissions are not audited (PRODUCT.md); the run itself shows who asked")
_RESULT = Untold("a step of a run or a fetch that somebody asked for; nothing that an admin has set is changed")
_PROJECTION = Untold("keeps what another service has told, which that service audits")
_MEMBERS = Untold("keeps who is a member, as ingest told, which ingest audits")
_ERASURE = Untold("a step of an erasure, whose request was audited; the log ends with the workspace")
_REPORT_ERASURE = Untold("a step of the erasure of a report; the request is audited, and so is its end")
_PERSON_ERASURE = Untold("a step of the erasure of a person's data; the request is audited, and so is its end")
_UPKEEP = Untold("removes what is over; nothing that an admin has set is changed")
_ERASING = Untold(
    "erases the log as well; what was erased, and on which request, is a leaf of it (docs/audit-proof.md)"
)
_BUS = Untold("carries messages; what they do is declared by message")
_OPERATOR = Untold("an operator's look at the service; it changes no workspace's data")
_CHANNELS = Untold("reads which channels there are; choosing one is audited")
_SEEN = Untold("a person's own: what somebody has been told is not told again")
_CHECK = Untold("has the credential checked; the check, a job, tells of what it finds")
_SAME_ENTRIES = Untold("moves entries to where they are found, or gives them places in the log; none of them changes")
_TO_STRIPE = Untold("leads on to Stripe; what is paid or changed there is read there, and told by the reading")
_READ_AGAIN = Untold("has something read at Stripe again; the reading, a job, tells of what it finds")
_STAFF = Untold("staff access is none of the fourteen types: the staff-access log, which admins see, tells of it")
_KEYS = Untold("keys of the service, of no workspace; no credential changes by it")
_SIGNED = Untold(
    "something to sign with, for a stream whose destination was audited when it was set; the vault journals it"
)
_TRIAL = Untold(
    "sends an event without content to where the log is sent already; nothing that an admin has set is changed"
)

WAYS_IN: Register = {
    # ingest: people
    ("ingest", "POST /settings/members/invite"): told("member.invited"),
    ("ingest", "POST /settings/members/invitations/{invitation_id}/revoke"): told("member.invited"),
    ("ingest", "POST /settings/members/{user_id}/role"): told("member.role_changed"),
    ("ingest", "POST /settings/members/{user_id}/remove"): told("member.removed"),
    ("ingest", "POST /api/v1/invitations"): told("member.invited"),
    ("ingest", "DELETE /api/v1/invitations/{invitation_id}"): told("member.invited"),
    ("ingest", "PUT /api/v1/members/{user_id}/role"): told("member.role_changed"),
    ("ingest", "DELETE /api/v1/members/{user_id}"): told("member.removed"),
    ("ingest", "POST /settings/workspace/name"): told("workspace.updated"),
    ("ingest", "POST /settings/workspace/settings"): told("workspace.updated"),
    ("ingest", "PUT /api/v1/workspace/name"): told("workspace.updated"),
    ("ingest", "PUT /api/v1/workspace/settings"): told("workspace.updated"),
    ("ingest", "POST /settings/api-keys"): told("workspace.updated"),
    ("ingest", "POST /settings/api-keys/{key_id}/revoke"): told("workspace.updated"),
    ("ingest", "POST /api/v1/api-keys"): told("workspace.updated"),
    ("ingest", "DELETE /api/v1/api-keys/{key_id}"): told("workspace.updated"),
    # ingest: other senders
    ("ingest", "POST /webhooks/clerk"): told(
        "member.invited", "member.added", "member.removed", "member.role_changed", "workspace.updated"
    ),
    ("ingest", "POST /webhooks/stripe"): Untold(
        "passed on to retention on `billing`, which owns plans and audits them"
    ),
    ("ingest", "POST /webhooks/gong/{endpoint}"): Untold("notes that a call is there; fetching it is a run's matter"),
    ("ingest", "POST /webhooks/hubspot"): Untold("passed on to credential-vault, which audits a disconnection"),
    ("ingest", "POST /webhooks/slack"): Untold("passed on to credential-vault, which audits a disconnection"),
    ("ingest", "message callmine.fetches.v1.FetchRequested"): _RESULT,
    ("ingest", "message callmine.fetches.v1.PreviewRequested"): _RESULT,
    ("ingest", "message callmine.fetches.v1.FetchCancelled"): _RESULT,
    ("ingest", "message callmine.credentials.v1.CredentialGranted"): _RESULT,
    ("ingest", "message callmine.credentials.v1.CredentialDenied"): _RESULT,
    ("ingest", "message callmine.integrations.v1.IntegrationConnected"): _PROJECTION,
    ("ingest", "message callmine.integrations.v1.IntegrationDisconnected"): _PROJECTION,
    ("ingest", "message callmine.integrations.v1.IntegrationNeedsReconnect"): _PROJECTION,
    ("ingest", "message callmine.reports.v1.ReportCompleted"): _RESULT,
    ("ingest", "message callmine.reports.v1.RunFailed"): _RESULT,
    ("ingest", "message callmine.reports.v1.RunCancelled"): _RESULT,
    ("ingest", "message callmine.workspaces.v1.ApiKeyUsed"): Untold(
        "notes when a key was last used; the key stays as it is"
    ),
    ("ingest", "message callmine.erasure.v1.PersonSearchRequested"): _PERSON_ERASURE,
    **{
        (service, "message callmine.erasure.v1.PersonErasureRequested"): _PERSON_ERASURE
        for service in ("ingest", "analysis", "credential-vault", "audit")
    },
    ("ingest", "work FetchWorker.run"): _RESULT,
    ("ingest", "work forget_lists"): _UPKEEP,
    ("ingest", "work forget_webhooks"): _UPKEEP,
    ("ingest", "work keep_secrets"): Untold("reads secrets of the service anew"),
    ("ingest", "command jobs list"): _OPERATOR,
    ("ingest", "command workspaces list"): _OPERATOR,
    ("ingest", "command gong-rules add"): Untold(
        "an address for Gong's webhooks, set up with the customer; it grants nothing by itself"
    ),
    ("ingest", "command gong-rules list"): _OPERATOR,
    ("ingest", "command gong-rules close"): Untold(
        "an address for Gong's webhooks is closed; no data of the workspace changes"
    ),
    # analysis
    ("analysis", "POST /previews"): _SUBMISSION,
    ("analysis", "POST /runs"): _SUBMISSION,
    ("analysis", "POST /runs/{run_id}/cancel"): _SUBMISSION,
    ("analysis", "POST /runs/{run_id}/resume"): _SUBMISSION,
    ("analysis", "POST /api/v1/previews"): _SUBMISSION,
    ("analysis", "POST /api/v1/runs"): _SUBMISSION,
    ("analysis", "POST /api/v1/runs/{run_id}/cancel"): _SUBMISSION,
    ("analysis", "POST /api/v1/runs/{run_id}/resume"): _SUBMISSION,
    ("analysis", "POST /reports/{report_id}/export"): told("report.exported"),
    ("analysis", "POST /reports/{report_id}/exports"): told("report.exported"),
    ("analysis", "POST /api/v1/reports/{report_id}/export"): told("report.exported"),
    ("analysis", "POST /api/v1/reports/{report_id}/exports"): told("report.exported"),
    ("analysis", "POST /schedules"): told("schedule.created"),
    ("analysis", "POST /schedules/{schedule_id}"): told("schedule.edited"),
    ("analysis", "POST /schedules/{schedule_id}/activate"): told("schedule.edited"),
    ("analysis", "POST /schedules/{schedule_id}/pause"): told("schedule.edited"),
    ("analysis", "POST /schedules/{schedule_id}/run"): _SUBMISSION,
    ("analysis", "POST /schedules/{schedule_id}/delete"): told("schedule.deleted"),
    ("analysis", "POST /api/v1/schedules"): told("schedule.created"),
    ("analysis", "PUT /api/v1/schedules/{schedule_id}"): told("schedule.edited"),
    ("analysis", "DELETE /api/v1/schedules/{schedule_id}"): told("schedule.deleted"),
    ("analysis", "POST /api/v1/schedules/{schedule_id}/activate"): told("schedule.edited"),
    ("analysis", "POST /api/v1/schedules/{schedule_id}/pause"): told("schedule.edited"),
    ("analysis", "POST /api/v1/schedules/{schedule_id}/run"): _SUBMISSION,
    ("analysis", "message callmine.credentials.v1.CredentialGranted"): _RESULT,
    ("analysis", "message callmine.credentials.v1.CredentialDenied"): _RESULT,
    ("analysis", "message callmine.calls.v1.PreviewReady"): _RESULT,
    ("analysis", "message callmine.calls.v1.CallFetched"): _RESULT,
    ("analysis", "message callmine.calls.v1.FetchCompleted"): _RESULT,
    ("analysis", "message callmine.calls.v1.FetchFailed"): _RESULT,
    ("analysis", "message callmine.calls.v1.FetchPaused"): _RESULT,
    ("analysis", "message callmine.plans.v1.PlanChanged"): _PROJECTION,
    ("analysis", "message callmine.plans.v1.AddonCredited"): _PROJECTION,
    ("analysis", "message callmine.workspaces.v1.WorkspaceCreated"): _PROJECTION,
    ("analysis", "message callmine.workspaces.v1.WorkspaceUpdated"): _PROJECTION,
    ("analysis", "message callmine.integrations.v1.IntegrationConnected"): _PROJECTION,
    ("analysis", "message callmine.integrations.v1.IntegrationDisconnected"): _PROJECTION,
    ("analysis", "message callmine.integrations.v1.IntegrationNeedsReconnect"): _PROJECTION,
    ("analysis", "message callmine.subprocessors.v1.SubProcessorAnnounced"): Untold(
        "somebody is told of it by Slack; nothing that an admin has set is changed, and /settings/delivery shows what became of it"
    ),
    ("analysis", "message callmine.erasure.v1.ReportErasureAnnounced"): _REPORT_ERASURE,
    ("analysis", "message callmine.erasure.v1.ReportErasureRequested"): _REPORT_ERASURE,
    ("analysis", "message callmine.erasure.v1.ReportErasureVerify"): _REPORT_ERASURE,
    ("analysis", "POST /settings/delivery"): told("workspace.updated"),
    ("analysis", "PUT /api/v1/delivery"): told("workspace.updated"),
    ("analysis", "POST /settings/delivery/channels"): _CHANNELS,
    ("analysis", "POST /api/v1/delivery/channels"): _CHANNELS,
    ("analysis", "POST /deliveries/{delivery_id}/repeat"): _RESULT,
    ("analysis", "POST /api/v1/deliveries/{delivery_id}/repeat"): _RESULT,
    ("analysis", "POST /notices/{notice_id}/dismiss"): _SEEN,
    ("analysis", "GET /reports/{report_id}"): _SEEN,
    ("analysis", "POST /mcp"): told("schedule.edited"),
    ("analysis", "work Posters.run"): _RESULT,
    ("analysis", "work LiveRuns.run"): Untold("reads how far runs are, for those who follow them"),
    ("analysis", "work Workers.run"): _RESULT,
    ("analysis", "work WorkPool.run"): _RESULT,
    ("analysis", "work Printers.run"): Untold("makes the file of an export that was audited when it was asked for"),
    ("analysis", "command runs list"): _OPERATOR,
    ("analysis", "command queue"): _OPERATOR,
    ("analysis", "command costs"): _OPERATOR,
    # credential-vault
    ("credential-vault", "POST /settings/integrations/gong"): told("integration.connected"),
    ("credential-vault", "POST /settings/integrations/{provider}/disconnect"): told("integration.disconnected"),
    ("credential-vault", "POST /api/v1/integrations/gong"): told("integration.connected"),
    ("credential-vault", "DELETE /api/v1/integrations/{provider}"): told("integration.disconnected"),
    ("credential-vault", "POST /settings/integrations/siem"): told("integration.connected"),
    ("credential-vault", "POST /api/v1/integrations/siem"): told("integration.connected"),
    ("credential-vault", "POST /oauth/{provider}/connect"): Untold(
        "leads to the provider's consent; the way back is audited"
    ),
    ("credential-vault", "GET /oauth/{provider}/callback"): told("integration.connected"),
    ("credential-vault", "message callmine.credentials.v1.CredentialRequested"): Untold(
        "each use of a credential is in the vault's own journal; the log tells what admins change"
    ),
    ("credential-vault", "message callmine.credentials.v1.CredentialRejected"): _CHECK,
    ("credential-vault", "message callmine.credentials.v1.RevocationNoticed"): _CHECK,
    ("credential-vault", "work Rounds.run"): told("integration.connected", "integration.disconnected"),
    ("credential-vault", "work Renewer.run"): told("integration.disconnected"),
    ("credential-vault", "command keys new-keyset"): _KEYS,
    ("credential-vault", "command keys new-sealing-key"): _KEYS,
    ("credential-vault", "command keys rotate"): _KEYS,
    ("credential-vault", "command keys wrap"): _KEYS,
    ("credential-vault", "command keys rewrap"): _KEYS,
    ("credential-vault", "command keys census"): _OPERATOR,
    ("credential-vault", "command keys disable"): _KEYS,
    ("credential-vault", "command keys enable"): _KEYS,
    ("credential-vault", "command keys destroy"): _KEYS,
    ("credential-vault", "command keys backup-taken"): _KEYS,
    ("credential-vault", "command keys backups"): _OPERATOR,
    ("credential-vault", "command keys begin-again"): _KEYS,
    # audit
    ("audit", "POST /audit/staff-access/{grant_id}/end"): _STAFF,
    ("audit", "message callmine.audit.v1.StaffAccess"): _STAFF,
    ("audit", "command staff grant"): _STAFF,
    ("audit", "command staff approve"): _STAFF,
    ("audit", "command staff revoke"): _STAFF,
    ("audit", "command staff list"): _OPERATOR,
    ("audit", "message callmine.audit.v1.AdminAction"): Untold("is how an entry comes into the log"),
    ("audit", "message callmine.workspaces.v1.WorkspaceCreated"): _PROJECTION,
    ("audit", "message callmine.workspaces.v1.WorkspaceUpdated"): _PROJECTION,
    ("audit", "work Sealer.run"): Untold("gives entries their places in the log; no entry changes"),
    ("audit", "message callmine.credentials.v1.CredentialGranted"): _SIGNED,
    ("audit", "message callmine.credentials.v1.CredentialDenied"): _SIGNED,
    ("audit", "POST /audit/streaming"): told("workspace.updated"),
    ("audit", "POST /audit/streaming/pause"): told("workspace.updated"),
    ("audit", "POST /audit/streaming/resume"): told("workspace.updated"),
    ("audit", "POST /audit/streaming/remove"): told("workspace.updated"),
    ("audit", "POST /audit/streaming/test"): _TRIAL,
    ("audit", "PUT /api/v1/audit/streaming"): told("workspace.updated"),
    ("audit", "DELETE /api/v1/audit/streaming"): told("workspace.updated"),
    ("audit", "POST /api/v1/audit/streaming/pause"): told("workspace.updated"),
    ("audit", "POST /api/v1/audit/streaming/resume"): told("workspace.updated"),
    ("audit", "POST /api/v1/audit/streaming/test"): _TRIAL,
    ("audit", "work Sender.run"): told("workspace.updated"),
    ("audit", "command entries"): _OPERATOR,
    ("audit", "command log head"): _OPERATOR,
    ("audit", "command log export"): _OPERATOR,
    ("audit", "command log seal"): Untold("gives entries their places in the log; no entry changes"),
    ("audit", "command log new-key"): Untold("a key of the service, of no workspace"),
    ("audit", "command log erase"): Untold(
        "follows a request for erasure, which is audited; the record of it is in the log itself"
    ),
    ("audit", "command index"): Untold("keeps the words of entries anew; no entry changes"),
    # retention
    ("retention", "message callmine.workspaces.v1.WorkspaceCreated"): Untold(
        "the trial that every workspace begins with; nobody chose it"
    ),
    ("retention", "message callmine.workspaces.v1.WorkspaceUpdated"): _PROJECTION,
    ("retention", "GET /sub-processors/shown.svg"): _SEEN,
    ("retention", "command plan"): told("billing.plan_changed"),
    ("retention", "POST /settings/billing/checkout"): _TO_STRIPE,
    ("retention", "POST /settings/billing/addon"): _TO_STRIPE,
    ("retention", "POST /settings/billing/change"): _TO_STRIPE,
    ("retention", "POST /settings/billing/portal"): _TO_STRIPE,
    ("retention", "POST /settings/billing/keep"): Untold(
        "takes back what was to follow; the plan stays as it is, and a change of it is told by the reading"
    ),
    ("retention", "POST /api/v1/billing/checkout"): _TO_STRIPE,
    ("retention", "POST /api/v1/billing/addons"): _TO_STRIPE,
    ("retention", "POST /api/v1/billing/portal"): _TO_STRIPE,
    ("retention", "POST /api/v1/billing/keep"): Untold(
        "takes back what was to follow; the plan stays as it is, and a change of it is told by the reading"
    ),
    ("retention", "GET /settings/billing/return"): _READ_AGAIN,
    ("retention", "message callmine.billing.v1.SubscriptionChanged"): _READ_AGAIN,
    ("retention", "message callmine.billing.v1.CheckoutCompleted"): _READ_AGAIN,
    ("retention", "message callmine.billing.v1.PaymentFailed"): _READ_AGAIN,
    ("retention", "work Rounds.run"): told("billing.plan_changed", "billing.addon_purchased", "billing.payment_failed"),
    ("retention", "POST /settings/data/erasure"): told("workspace.updated"),
    ("retention", "POST /settings/data/erasure/take-back"): told("workspace.updated"),
    ("retention", "POST /api/v1/erasure"): told("workspace.updated"),
    ("retention", "DELETE /api/v1/erasure"): told("workspace.updated"),
    ("retention", "POST /settings/data/reports/{report}/erasure"): told("workspace.updated"),
    ("retention", "POST /settings/data/reports/{report}/erasure/take-back"): told("workspace.updated"),
    ("retention", "POST /api/v1/erasure/reports/{report}"): told("workspace.updated"),
    ("retention", "DELETE /api/v1/erasure/reports/{report}"): told("workspace.updated"),
    ("retention", "POST /settings/data/people"): told("workspace.updated"),
    ("retention", "POST /settings/data/people/{person_erasure}/take-back"): told("workspace.updated"),
    ("retention", "POST /api/v1/erasure/people"): told("workspace.updated"),
    ("retention", "DELETE /api/v1/erasure/people/{person_erasure}"): told("workspace.updated"),
    ("retention", "message callmine.erasure.v1.ReportErasureAnswered"): _REPORT_ERASURE,
    ("retention", "message callmine.erasure.v1.PersonFound"): _PERSON_ERASURE,
    ("retention", "message callmine.erasure.v1.PersonErasureAnswered"): _PERSON_ERASURE,
    ("retention", "command erasures open"): told("workspace.updated"),
    ("retention", "command erasures list"): _OPERATOR,
    ("retention", "command erasures show"): _OPERATOR,
    ("retention", "command erasures certificate"): _OPERATOR,
    ("retention", "command erasures replay"): _ERASURE,
    ("retention", "message callmine.erasure.v1.ErasureCompleted"): _ERASURE,
    ("retention", "command plans reconcile"): _READ_AGAIN,
    ("retention", "command plans troubled"): _OPERATOR,
}
"""By service: `METHOD /path` (each that may change something, each GET that does), `message <type>`, `work <name>`, `command <words>`."""

EVERYWHERE: Mapping[str, Declared] = {
    "POST /events/{subscription}": _BUS,
    "POST /operator/parked/{message_id}/replay": _BUS,
    "POST /operator/parked/{message_id}/drop": _BUS,
    "POST /operator/drain": _BUS,
    "message callmine.workspaces.v1.MemberAdded": _MEMBERS,
    "message callmine.workspaces.v1.MemberRemoved": _MEMBERS,
    "message callmine.workspaces.v1.MemberRoleChanged": _MEMBERS,
    "message callmine.workspaces.v1.ApiKeyCreated": _PROJECTION,
    "message callmine.workspaces.v1.ApiKeyRevoked": _PROJECTION,
    "message callmine.staff.v1.StaffGranted": _STAFF,
    "message callmine.staff.v1.StaffGrantEnded": _STAFF,
    "message callmine.erasure.v1.ErasureRequested": _ERASING,
    "message callmine.erasure.v1.ErasureVerify": _ERASING,
    "message callmine.erasure.v1.ErasureCompleted": _ERASING,
    "work Rounds.run": _ERASING,
    "command staff ask": _STAFF,
    "command staff questions": _OPERATOR,
    "command serve": _BUS,
    "command migrate": Untold("migrations are looked at one by one"),
    "command parked list": _BUS,
    "command parked show": _BUS,
    "command parked replay": _BUS,
    "command parked drop": _BUS,
}
"""What every service has, or may have."""

MIGRATIONS: Register = {
    ("audit", "pre/0012_entries_by_month.sql"): _SAME_ENTRIES,
    ("audit", "each/entries_ahead.sql"): _SAME_ENTRIES,
    ("audit", "pre/0014_log.sql"): _SAME_ENTRIES,
    ("audit", "post/0015_log.sql"): _SAME_ENTRIES,
    ("audit", "pre/0250_words_moved.sql"): _SAME_ENTRIES,
    ("audit", "post/0231_words_by_second.sql"): _SAME_ENTRIES,
    ("credential-vault", "pre/0030_keys.sql"): _KEYS,
    ("credential-vault", "post/0031_keys.sql"): _KEYS,
}
"""Migrations that write rows."""

NOT_YET: Mapping[str, str] = {}
"""Types that no service tells yet, each with the reason."""
