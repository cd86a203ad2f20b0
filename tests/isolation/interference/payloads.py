"""Payloads of every message type: mostly sensible, sometimes with numbers and ids that mean nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import cast

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange, StaffAccess, StaffAccessStep
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
from callmine.erasure.v1.erasure_pb2 import ErasureCompleted, ErasureRequested, ErasureStage, ErasureVerify
from callmine.erasure.v1.people_pb2 import (
    PersonCall,
    PersonErasureAnswered,
    PersonErasureRequested,
    PersonFound,
    PersonSearchRequested,
)
from callmine.erasure.v1.reports_pb2 import (
    ReportErasureAnnounced,
    ReportErasureAnswered,
    ReportErasureRequested,
    ReportErasureStage,
    ReportErasureVerify,
)
from callmine.fetches.v1.fetches_pb2 import CallFilter, FetchCancelled, FetchRequested, PreviewRequested
from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
    Provider,
)
from callmine.plans.v1.plans_pb2 import AddonCredited, PlanChanged
from callmine.reports.v1.reports_pb2 import (
    CallAnalysed,
    ReportCompleted,
    RunCancelled,
    RunFailed,
    UsageThresholdReached,
)
from callmine.staff.v1.staff_pb2 import StaffGranted, StaffGrantEnded, StaffReason
from callmine.subprocessors.v1.subprocessors_pb2 import SubProcessorAnnounced
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
from isolation.interference.known import Known, new_id

_START, _END = datetime(2000, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about, drawn from `rng` and from what is known."""

    rng: Random
    known: Known

    def job(self) -> str:
        """A run's or preview's id."""
        mine = [*self.known.runs[-4:], *self.known.previews[-2:], *self.known.fetching[-4:]]
        return self.known.some(self.rng, mine, self.known.foreign.runs)

    def grant(self) -> str:
        """A grant's id."""
        return self.known.some(self.rng, self.known.grants, self.known.foreign.runs)

    def key(self) -> str:
        """An API key's id."""
        return self.known.some(self.rng, self.known.keys, self.known.foreign.runs)

    def number(self, *choices: int) -> int:
        """One of the numbers."""
        return self.rng.choice(choices)

    def provider(self, *choices: int) -> Provider.ValueType:
        """A provider's number, which may be nobody's."""
        return cast("Provider.ValueType", self.rng.choice(choices))

    def kind(self) -> AdminActionType.ValueType:
        """The number of a type of audit entry, or of none."""
        return cast("AdminActionType.ValueType", self.rng.randrange(16))

    def denial(self) -> DenialReason.ValueType:
        """Why a grant was refused."""
        return cast("DenialReason.ValueType", self.rng.randrange(4))


def payload_of(kind: type[Message], rng: Random, known: Known) -> tuple[Message, str]:
    """A payload and the aggregate it is about."""
    return _MAKERS[kind](Subject(rng, known))


def fetched(run_id: str, call_id: str) -> CallFetched:
    payload = CallFetched(
        run_id=run_id, call_id=call_id, object_name="to be stored", size_bytes=900, duration_seconds=1200
    )
    payload.started_at.FromDatetime(
        datetime(2026, 11, 2, 15, int(call_id[-1]) if call_id[-1].isdigit() else 0, tzinfo=UTC)
    )
    return payload


def _filter() -> CallFilter:
    wanted = CallFilter()
    wanted.from_time.FromDatetime(_START)
    wanted.to_time.FromDatetime(_END)
    return wanted


def _about(job: str, message: Message) -> tuple[Message, str]:
    return message, job[:100] or "nobody"


def _plan(w: Subject) -> tuple[Message, str]:
    plan = PlanChanged(
        plan=w.rng.choice(["trial", "growth", "scale"]),
        report_window_days=w.number(0, 7, 30, 365),
        monthly_calls=w.number(0, 5, 50, 1000, 100_000),
        concurrent_runs=w.number(0, 1, 2, 3),
        models=["openai/small", "anthropic/small"],
    )
    return plan, "plan"


def _action(w: Subject) -> tuple[Message, str]:
    change = FieldChange(field="name", before="before", after=f"after {w.number(1, 2, 3)}")
    action = AdminAction(type=w.kind(), target_kind="workspace", target_id="house", diff=[change])
    return action, "house"


def _read(w: Subject) -> tuple[Message, str]:
    grant = w.grant()
    step = cast("StaffAccessStep.ValueType", w.number(0, 1, 2, 3, 4, 9))
    told = StaffAccess(grant_id=grant, statement_id=new_id(w.rng), step=step, question="runs", rows=w.number(-1, 0, 5))
    return _about(grant, told)


def _erased(w: Subject) -> tuple[Message, str]:
    """One that cannot be meant: after one that is, nothing is done in the workspace any more (tests/integration/erasure)."""
    erasure = w.grant()
    return _about(erasure, ErasureRequested(erasure_id=erasure))


def _person_erased(w: Subject, erasure: str) -> Message:
    """Of somebody who is no member, with a call that nobody has: what is asked of others is the same before and after."""
    return PersonErasureRequested(
        erasure_id=erasure,
        attempt=w.number(0, 1, 2),
        user_ids=w.rng.choice([[], ["user_gone"]]),
        calls=[PersonCall(provider=w.rng.choice(["gong", ""]), call_id="gone")],
        asked_at=Timestamp(seconds=1_767_225_600),
        due_at=Timestamp(seconds=1_767_825_600),
    )


def _person_found(w: Subject, erasure: str) -> Message:
    """An answer of ingest's, of whatever was asked."""
    return PersonFound(
        erasure_id=erasure,
        attempt=w.number(0, 1, 2),
        user_ids=["user_gone"],
        calls=[PersonCall(provider="gong", call_id="gone")],
        still_member=w.number(0, 1) == 1,
        at=Timestamp(seconds=1_767_225_600),
    )


def _granted(w: Subject) -> tuple[Message, str]:
    grant, minutes = w.grant(), w.number(0, 30, 60, 61)
    granted = StaffGranted(
        grant_id=grant,
        service=w.rng.choice(["ingest", "analysis", "retention", "audit", ""]),
        staff="ada@callmine.example",
        approver=w.rng.choice(["grace@callmine.example", "grace@callmine.example", "ada@callmine.example", ""]),
        reason=StaffReason.STAFF_REASON_SUPPORT,
        ticket="SUP-1",
        granted_at=Timestamp(seconds=1_767_225_600),
        expires_at=Timestamp(seconds=1_767_225_600 + 60 * minutes),
    )
    return _about(grant, granted)


def _of_job(make: Callable[[Subject, str], Message]) -> Callable[[Subject], tuple[Message, str]]:
    def made(w: Subject) -> tuple[Message, str]:
        job = w.job()
        return _about(job, make(w, job))

    return made


def _of_grant(make: Callable[[Subject, str], Message]) -> Callable[[Subject], tuple[Message, str]]:
    def made(w: Subject) -> tuple[Message, str]:
        grant = w.grant()
        return _about(grant, make(w, grant))

    return made


def _simple(message: Callable[[Subject], Message], aggregate: str) -> Callable[[Subject], tuple[Message, str]]:
    return lambda w: (message(w), aggregate)


_MAKERS: Mapping[type[Message], Callable[[Subject], tuple[Message, str]]] = {
    WorkspaceCreated: _simple(lambda w: WorkspaceCreated(name="House", slug="house", timezone="UTC"), "house"),
    WorkspaceUpdated: _simple(
        lambda w: WorkspaceUpdated(
            name=f"House {w.number(1, 2)}", slug="house", timezone=w.rng.choice(["UTC", "Asia/Tokyo"])
        ),
        "house",
    ),
    MemberInvited: _simple(lambda w: MemberInvited(email="m1@people.example"), "member"),
    MemberAdded: _simple(lambda w: MemberAdded(user_id="user_m1", email="m1@people.example"), "member"),
    MemberRemoved: _simple(lambda w: MemberRemoved(user_id="user_m1", email="m1@people.example"), "member"),
    MemberRoleChanged: _simple(lambda w: MemberRoleChanged(user_id="user_m1"), "member"),
    ApiKeyCreated: _simple(
        lambda w: ApiKeyCreated(
            key_id=w.key(), digest=w.rng.choice([b"k" * 32, b"short"]), scopes=["runs:read"], user_id="user_m1"
        ),
        "key",
    ),
    ApiKeyRevoked: _simple(lambda w: ApiKeyRevoked(key_id=w.key()), "key"),
    ApiKeyUsed: _simple(lambda w: ApiKeyUsed(key_id=w.key()), "key"),
    PlanChanged: _plan,
    UsageThresholdReached: _simple(
        lambda w: UsageThresholdReached(percent=w.number(0, 80, 100), used=w.number(0, 8), monthly_calls=10), "house"
    ),
    AddonCredited: _simple(
        lambda w: AddonCredited(purchase_id=w.rng.choice(["", "cs_1", "cs_2"]), calls=w.number(-1, 0, 1, 5)), "house"
    ),
    AdminAction: _action,
    StaffAccess: _read,
    StaffGranted: _granted,
    SubProcessorAnnounced: _simple(
        lambda w: SubProcessorAnnounced(
            name=w.rng.choice(["acme", "acme", "other", "not one"]),
            company="Acme AI",
            purpose="Answers briefs",
            listed_on=w.rng.choice(["2026-11-01", "2026-11-02", "never"]),
            in_effect_from=w.rng.choice(["2026-12-01", "2099-12-01"]),
        ),
        "acme",
    ),
    ErasureRequested: _erased,
    ErasureVerify: _of_grant(lambda w, grant: ErasureVerify(erasure_id=grant, attempt=w.number(0, 1, 2))),
    ReportErasureAnnounced: _of_grant(
        lambda w, grant: ReportErasureAnnounced(erasure_id=grant, report_id=w.rng.choice([w.grant(), "7"]))
    ),
    # None that is there: after one that is, there is no report to ask for any more (tests/integration/analysis/test_report_orders.py).
    ReportErasureRequested: _of_grant(
        lambda w, grant: ReportErasureRequested(erasure_id=grant, report_id=w.rng.choice([grant, "7"]))
    ),
    ReportErasureVerify: _of_grant(
        lambda w, grant: ReportErasureVerify(erasure_id=grant, report_id=grant, attempt=w.number(0, 1, 2))
    ),
    ReportErasureAnswered: _of_grant(
        lambda w, grant: ReportErasureAnswered(
            erasure_id=grant,
            report_id=grant,
            service=w.rng.choice(["analysis", "ingest"]),
            stage=cast("ReportErasureStage.ValueType", w.number(0, 1, 2, 3, 4)),
        )
    ),
    PersonErasureRequested: _of_grant(_person_erased),
    PersonFound: _of_grant(_person_found),
    PersonErasureAnswered: _of_grant(
        lambda w, grant: PersonErasureAnswered(
            erasure_id=grant,
            service=w.rng.choice(["analysis", "ingest"]),
            attempt=w.number(0, 1, 2),
            rows={"runs": 1},
            at=Timestamp(seconds=1_767_225_600),
        )
    ),
    # A search is noted here, and read by a worker, of which there is none.
    PersonSearchRequested: _of_grant(
        lambda w, grant: PersonSearchRequested(
            erasure_id=grant,
            email=w.rng.choice(["", "somebody@house.example"]),
            attempt=w.number(0, 1, 2),
            asked_at=Timestamp(seconds=1_767_225_600),
        )
    ),
    ErasureCompleted: _of_grant(
        lambda w, grant: ErasureCompleted(
            erasure_id=grant,
            service="ingest",
            stage=w.rng.choice([ErasureStage.ERASURE_STAGE_FROZEN, ErasureStage.ERASURE_STAGE_ERASED]),
        )
    ),
    StaffGrantEnded: _of_grant(lambda w, grant: StaffGrantEnded(grant_id=grant)),
    IntegrationConnected: _simple(
        lambda w: IntegrationConnected(
            provider=w.provider(0, 1, 1, 2, 3, 9), credential_version=1, account_id=w.rng.choice(["", "T0HOUSE"])
        ),
        "gong",
    ),
    IntegrationDisconnected: _simple(
        lambda w: IntegrationDisconnected(provider=w.provider(1, 2), credential_version=2), "gong"
    ),
    IntegrationNeedsReconnect: _simple(
        lambda w: IntegrationNeedsReconnect(provider=w.provider(1, 3), reason="Gong refused the key."),
        "gong",
    ),
    PreviewRequested: _of_job(lambda w, job: PreviewRequested(preview_id=job, filter=_filter(), max_calls=5)),
    FetchRequested: _of_job(
        lambda w, job: FetchRequested(
            run_id=job, filter=_filter(), max_calls=w.number(0, 1, 3, -1), longest_wait_seconds=w.number(0, 0, 60, -1)
        )
    ),
    FetchCancelled: _of_job(lambda w, job: FetchCancelled(run_id=job)),
    PreviewReady: _of_job(
        lambda w, job: PreviewReady(
            preview_id=job, matching_calls=w.number(0, 3, 900), failure=w.rng.choice(["", "", "No."])
        )
    ),
    CallFetched: _of_job(lambda w, job: fetched(job, w.rng.choice(["call1", "call2", "call3", "odd"]))),
    FetchCompleted: _of_job(
        lambda w, job: FetchCompleted(run_id=job, calls_fetched=w.number(-1, 0, 1, 2), calls_matching=w.number(0, 2, 5))
    ),
    FetchPaused: _of_job(
        lambda w, job: FetchPaused(
            run_id=job,
            resume_at=w.rng.choice([None, Timestamp(seconds=1), Timestamp(seconds=4_000_000_000)]),
            reason=w.rng.choice(["", "Gong asks to wait"]),
        )
    ),
    FetchFailed: _of_job(lambda w, job: FetchFailed(run_id=job, reason=w.rng.choice(["", "Gong is away."]))),
    CallAnalysed: _of_job(lambda w, job: CallAnalysed(run_id=job, call_id="call1", findings=1)),
    ReportCompleted: _of_job(lambda w, job: ReportCompleted(run_id=job, report_id=new_id(w.rng))),
    RunFailed: _of_job(lambda w, job: RunFailed(run_id=job, reason="none")),
    RunCancelled: _of_job(lambda w, job: RunCancelled(run_id=job)),
    CredentialRequested: _of_grant(
        lambda w, grant: CredentialRequested(
            grant_id=grant, provider=w.provider(0, 1, 1, 2, 3, 4), purpose="run", subject_id=w.job()[:99]
        )
    ),
    CredentialRejected: _of_grant(
        lambda w, grant: CredentialRejected(
            grant_id=grant, provider=w.provider(0, 1, 2, 3), credential_version=1, provider_status=401
        )
    ),
    RevocationNoticed: _simple(
        lambda w: RevocationNoticed(provider=w.provider(0, 2, 3, 9), account_id=w.rng.choice(["", "T0HOUSE", "62515"])),
        "notice",
    ),
    SubscriptionChanged: _simple(lambda w: SubscriptionChanged(event_id="evt_1", subscription_id="sub_1"), "sub_1"),
    CheckoutCompleted: _simple(lambda w: CheckoutCompleted(event_id="evt_2", checkout_session_id="cs_1"), "cs_1"),
    PaymentFailed: _simple(lambda w: PaymentFailed(event_id="evt_3", invoice_id="in_1"), "in_1"),
    CredentialGranted: _of_grant(
        lambda w, grant: CredentialGranted(
            grant_id=grant, provider=w.provider(1), sealed=b"closed", sealing_key_id="k", credential_version=1
        )
    ),
    CredentialDenied: _of_grant(
        lambda w, grant: CredentialDenied(grant_id=grant, provider=w.provider(1), reason=w.denial())
    ),
}
