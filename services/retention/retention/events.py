"""Between retention's words and the message contracts."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC

from msgspec import Struct

from callmine.audit.v1.audit_pb2 import AdminAction, AdminActionType, FieldChange
from callmine.billing.v1.billing_pb2 import CheckoutCompleted, PaymentFailed, SubscriptionChanged
from callmine.erasure.v1.erasure_pb2 import ErasureCompleted, ErasureRequested, ErasureStage, ErasureVerify
from callmine.erasure.v1.people_pb2 import PersonErasureAnswered, PersonFound
from callmine.erasure.v1.reports_pb2 import (
    ReportErasureAnnounced,
    ReportErasureAnswered,
    ReportErasureRequested,
    ReportErasureStage,
    ReportErasureVerify,
)
from callmine.plans.v1.plans_pb2 import AddonCredited, PlanChanged
from callmine.subprocessors.v1.subprocessors_pb2 import SubProcessorAnnounced
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated, WorkspaceUpdated
from contracts import Actor, Event, field_change, person_erasing
from core.errors import InvalidInput
from core.ids import parse_uuid
from database import Tx
from egress.register import Recipient
from messaging import Draft, Outbox, Routes
from retention.domain.billing import SUBSCRIPTIONS, parse_stripe_id
from retention.domain.erasures import Call, Erasure, Receipt, Scope, Stage
from retention.domain.people import Answer, Found
from retention.handlers import PlanChange, Plans
from retention.handlers.erasing import Erasing
from retention.handlers.person_erasing import PersonErasing, order_of
from retention.handlers.report_erasing import ReportErasing
from retention.handlers.settling import Credit, Failure
from retention.store import plans as store
from retention.store import readings
from retention.store.readings import Cause


def routes(plans: Plans, outbox: Outbox) -> Routes:
    """What is done with each message."""

    async def created(tx: Tx, event: Event[WorkspaceCreated]) -> None:
        told = event.payload
        change = await plans.start(tx, told.name, told.timezone, event.sequence, event.occurred_at)
        if change is not None:
            await outbox.add_many(tx, [_plan_changed(tx, change, event)])

    async def updated(tx: Tx, event: Event[WorkspaceUpdated]) -> None:
        await store.keep_workspace(tx, event.payload.name, event.payload.timezone, event.sequence)

    table = Routes()
    table.on(WorkspaceCreated, created)
    table.on(WorkspaceUpdated, updated)
    return table


def payments(wake: Callable[[], None]) -> Routes:
    """What is done with Stripe's news: what they name is read there again. `wake` is called once that is committed.

    Nothing is concluded from the messages themselves. Raises InvalidInput for ids that are none of Stripe's: what is asked for is part of
    an address there.
    """

    async def subscription_changed(tx: Tx, event: Event[SubscriptionChanged]) -> None:
        await readings.ask(tx, SUBSCRIPTIONS, Cause.WEBHOOK, parse_stripe_id("cus", event.payload.customer_id))
        tx.on_commit(wake)

    async def checkout_completed(tx: Tx, event: Event[CheckoutCompleted]) -> None:
        told = event.payload
        await readings.ask(tx, parse_stripe_id("cs", told.checkout_session_id), Cause.WEBHOOK)
        # One that pays for a pack says nothing about a subscription.
        if told.customer_id and told.mode != "payment":
            await readings.ask(tx, SUBSCRIPTIONS, Cause.WEBHOOK, parse_stripe_id("cus", told.customer_id))
        tx.on_commit(wake)

    async def payment_failed(tx: Tx, event: Event[PaymentFailed]) -> None:
        told = event.payload
        subject = (
            parse_stripe_id("in", told.invoice_id)
            if told.invoice_id
            else parse_stripe_id("cs", told.checkout_session_id)
        )
        await readings.ask(tx, subject, Cause.WEBHOOK, failed=True)
        if told.customer_id:
            await readings.ask(tx, SUBSCRIPTIONS, Cause.WEBHOOK, parse_stripe_id("cus", told.customer_id))
        tx.on_commit(wake)

    table = Routes()
    table.on(SubscriptionChanged, subscription_changed)
    table.on(CheckoutCompleted, checkout_completed)
    table.on(PaymentFailed, payment_failed)
    return table


_STAGES = {
    ErasureStage.ERASURE_STAGE_FROZEN: Stage.FROZEN,
    ErasureStage.ERASURE_STAGE_ERASED: Stage.ERASED,
    ErasureStage.ERASURE_STAGE_VERIFIED: Stage.VERIFIED,
}

_REPORT_STAGES = {
    ReportErasureStage.REPORT_ERASURE_STAGE_FROZEN: Stage.FROZEN,
    ReportErasureStage.REPORT_ERASURE_STAGE_ERASED: Stage.ERASED,
    ReportErasureStage.REPORT_ERASURE_STAGE_VERIFIED: Stage.VERIFIED,
}


def receipts(erasing: Erasing, wake: Callable[[], None]) -> Routes:
    """What is done with the services' reports on an erasure. `wake` is called once that is committed.

    Raises InvalidInput for a report that one service makes for another, and for a stage that is not known.
    """

    async def completed(tx: Tx, event: Event[ErasureCompleted]) -> None:
        told = event.payload
        receipt = _receipt(told, event.producer, _STAGES.get(told.stage), told.providers)
        await erasing.report(tx, parse_uuid(told.erasure_id, "erasure_id"), receipt)
        tx.on_commit(wake)

    table = Routes()
    table.on(ErasureCompleted, completed)
    return table


def report_receipts(erasing: ReportErasing, wake: Callable[[], None]) -> Routes:
    """The same of single reports; and that there is no such report."""

    async def answered(tx: Tx, event: Event[ReportErasureAnswered]) -> None:
        told, erasure_id = event.payload, parse_uuid(event.payload.erasure_id, "erasure_id")
        if told.stage == ReportErasureStage.REPORT_ERASURE_STAGE_UNKNOWN_REPORT:
            await erasing.unknown(tx, erasure_id, event.producer)
        else:
            receipt = _receipt(told, event.producer, _REPORT_STAGES.get(told.stage), {})
            await erasing.report(tx, erasure_id, receipt)
        tx.on_commit(wake)

    table = Routes()
    table.on(ReportErasureAnswered, answered)
    return table


def person_receipts(erasing: PersonErasing, wake: Callable[[], None]) -> Routes:
    """The same of people's data: what ingest has found, and what each service has erased."""

    async def searched(tx: Tx, event: Event[PersonFound]) -> None:
        told = person_erasing.found_told(event.payload)
        found = Found(
            erasure_id=told.erasure_id,
            attempt=told.attempt,
            user_ids=told.user_ids,
            calls=tuple(Call(one.provider, one.call_id) for one in told.calls),
            more=told.more,
            calls_found=told.calls_found,
            still_member=told.still_member,
            rows_by_address=told.rows_by_address,
        )
        await erasing.found(tx, found, event.producer)
        tx.on_commit(wake)

    async def answered(tx: Tx, event: Event[PersonErasureAnswered]) -> None:
        told = person_erasing.answer_told(event.payload)
        answer = Answer(
            erasure_id=told.erasure_id,
            service=told.service,
            attempt=told.attempt,
            at=told.at,
            rows=told.rows,
            objects=told.objects,
        )
        await erasing.answered(tx, answer, event.producer)
        tx.on_commit(wake)

    table = Routes()
    table.on(PersonFound, searched)
    table.on(PersonErasureAnswered, answered)
    return table


def _receipt(
    told: ErasureCompleted | ReportErasureAnswered, producer: str, stage: Stage | None, providers: Mapping[str, str]
) -> Receipt:
    if told.service != producer or stage is None:
        raise InvalidInput("the report is another service's, or on a stage that is not known here")
    return Receipt(
        service=told.service,
        stage=stage,
        at=told.at.ToDatetime(UTC),
        rows=dict(told.rows),
        objects=told.objects,
        left=dict(told.left),
        attempt=told.attempt,
        providers=dict(providers),
    )


class ErasureTelling(Struct, frozen=True):
    """Tells all services of an erasure, and the audit log of the request, in the transaction in which it happens."""

    outbox: Outbox

    async def asked(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was asked for."""
        diff = [
            field_change("deletion", None, "asked"),
            field_change("deadline", None, erasure.terms.deadline.isoformat()),
        ]
        if erasure.ticket:
            diff.append(field_change("ticket", None, erasure.ticket))
        await self.audit(tx, erasure, diff, actor, 1)

    async def taken_back(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was taken back."""
        await self.audit(tx, erasure, [field_change("deletion", "asked", None)], actor, 2)

    async def completed(self, tx: Tx, erasure: Erasure) -> None:
        """Nobody is told: the log has gone with the workspace."""
        del tx, erasure

    async def requested(self, tx: Tx, erasure: Erasure) -> None:
        """All services freeze the workspace and erase it."""
        told = ErasureRequested(erasure_id=str(erasure.id))
        told.asked_at.FromDatetime(erasure.terms.asked_at)
        told.due_at.FromDatetime(erasure.terms.deadline)
        await self.outbox.add(tx, told, aggregate_id=str(erasure.id), sequence=1)

    async def verify(self, tx: Tx, erasure: Erasure, attempt: int) -> None:
        """All services look for what is left."""
        told = ErasureVerify(erasure_id=str(erasure.id), attempt=attempt)
        await self.outbox.add(tx, told, aggregate_id=str(erasure.id), sequence=1 + attempt)

    async def audit(
        self, tx: Tx, erasure: Erasure, diff: Sequence[FieldChange], actor: Actor | None, sequence: int
    ) -> None:
        """Tell the audit log; of a report under the report's id, of a person's data under the request's, which names nobody."""
        kind = AdminActionType.ADMIN_ACTION_TYPE_WORKSPACE_UPDATED
        target = {
            Scope.WORKSPACE: ("workspace", str(tx.workspace_id)),
            Scope.REPORT: ("report", str(erasure.report_id)),
            Scope.PERSON: ("person_erasure", str(erasure.id)),
        }[erasure.scope]
        action = AdminAction(type=kind, target_kind=target[0], target_id=target[1], diff=diff)
        await self.outbox.add(tx, action, aggregate_id=str(erasure.id), sequence=sequence, actor=actor)


class ReportErasureTelling(ErasureTelling, frozen=True):
    """Tells analysis of the erasure of one report, and the audit log, which stays, of the request and of its end."""

    async def asked(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was asked for. Analysis answers at once where there is no such report."""
        await ErasureTelling.asked(self, tx, erasure, actor)
        told = ReportErasureAnnounced(erasure_id=str(erasure.id), report_id=str(erasure.report_id))
        await self.outbox.add(tx, told, aggregate_id=str(erasure.id), sequence=1)

    async def requested(self, tx: Tx, erasure: Erasure) -> None:
        """Analysis lets nothing more be added for the report, and erases it."""
        told = ReportErasureRequested(erasure_id=str(erasure.id), report_id=str(erasure.report_id))
        told.asked_at.FromDatetime(erasure.terms.asked_at)
        told.due_at.FromDatetime(erasure.terms.deadline)
        await self.outbox.add(tx, told, aggregate_id=str(erasure.id), sequence=2)

    async def verify(self, tx: Tx, erasure: Erasure, attempt: int) -> None:
        """Analysis looks for what is left."""
        told = ReportErasureVerify(erasure_id=str(erasure.id), report_id=str(erasure.report_id), attempt=attempt)
        await self.outbox.add(tx, told, aggregate_id=str(erasure.id), sequence=2 + attempt)

    async def completed(self, tx: Tx, erasure: Erasure) -> None:
        """It is done."""
        await self.audit(tx, erasure, [field_change("deletion", "asked", "done")], None, 2)


class PersonErasureTelling(ErasureTelling, frozen=True):
    """Tells ingest whom to look for, all services what to erase, and the audit log of the request and of its end."""

    async def asked(self, tx: Tx, erasure: Erasure, actor: Actor) -> None:
        """It was asked for. Ingest looks at once how much there is, and holds nothing."""
        await ErasureTelling.asked(self, tx, erasure, actor)
        await self._search(tx, erasure, 0)

    async def requested(self, tx: Tx, erasure: Erasure) -> None:
        """Ingest holds what it finds, for the first attempt."""
        await self._search(tx, erasure, 1)

    async def verify(self, tx: Tx, erasure: Erasure, attempt: int) -> None:
        """Ingest looks again, for the next attempt."""
        await self._search(tx, erasure, attempt)

    async def ordered(self, tx: Tx, erasure: Erasure) -> None:
        """All services erase what the attempt is about."""
        message = person_erasing.order(order_of(erasure))
        await self.outbox.add(tx, message, aggregate_id=str(erasure.id), sequence=erasure.attempt)

    async def completed(self, tx: Tx, erasure: Erasure) -> None:
        """It is done."""
        await self.audit(tx, erasure, [field_change("deletion", "asked", "done")], None, 2)

    async def _search(self, tx: Tx, erasure: Erasure, attempt: int) -> None:
        # Nobody can be looked for where the ledger alone knows of the request.
        if erasure.person is not None and erasure.person.email:
            search = person_erasing.Search(erasure.id, attempt, erasure.terms.asked_at, erasure.person.email)
            message = person_erasing.search(search)
            await self.outbox.add(tx, message, aggregate_id=str(erasure.id), sequence=1 + attempt)


class Telling(Struct, frozen=True):
    """Tells all services, and the audit log, in the transaction in which it happens."""

    outbox: Outbox

    async def plan_changed(self, tx: Tx, change: PlanChange, actor: Actor) -> None:
        """The workspace is on another plan, or its months begin at another time."""
        await announce(tx, self.outbox, change, actor)

    async def addon_credited(self, tx: Tx, credit: Credit, actor: Actor) -> None:
        """Calls were bought."""
        diff = [field_change("calls", None, credit.calls), field_change("packs", None, credit.packs)]
        kind = AdminActionType.ADMIN_ACTION_TYPE_BILLING_ADDON_PURCHASED
        action = AdminAction(type=kind, target_kind="checkout", target_id=credit.session_id, diff=diff)
        told = AddonCredited(purchase_id=credit.session_id, calls=credit.calls)
        await self.outbox.add_many(
            tx,
            [
                Draft(payload=told, aggregate_id=credit.session_id, sequence=1, actor=actor),
                Draft(payload=action, aggregate_id=credit.session_id, sequence=1, actor=actor),
            ],
        )

    async def payment_failed(self, tx: Tx, failure: Failure, actor: Actor) -> None:
        """A payment failed."""
        diff = [field_change("status", None, failure.status)]
        if failure.attempts:
            diff.append(field_change("attempts", None, failure.attempts))
        kind = AdminActionType.ADMIN_ACTION_TYPE_BILLING_PAYMENT_FAILED
        action = AdminAction(type=kind, target_kind=failure.kind, target_id=failure.id, diff=diff)
        await self.outbox.add_many(tx, [Draft(payload=action, aggregate_id=failure.id, sequence=1, actor=actor)])


def sub_processor_announced(one: Recipient) -> SubProcessorAnnounced:
    """A company that data will go to, at least 30 days after it was listed."""
    return SubProcessorAnnounced(
        name=one.name,
        company=one.company,
        purpose=one.purpose,
        listed_on=one.listed_on.isoformat(),
        in_effect_from=one.in_effect_from.isoformat(),
    )


async def announce(tx: Tx, outbox: Outbox, change: PlanChange, actor: Actor) -> None:
    """Tell all services that the plan was changed, and the audit log if it is another one than before."""
    told = _plan_changed(tx, change, None)
    if change.before is change.plan:
        await outbox.add_many(tx, [told])
        return
    diff = [field_change("plan", change.before, change.plan)]
    if change.because is not None:
        diff.append(field_change("reason", None, change.because))
    kind = AdminActionType.ADMIN_ACTION_TYPE_BILLING_PLAN_CHANGED
    action = AdminAction(type=kind, target_kind="workspace", target_id=tx.workspace_id, diff=diff)
    audited = Draft(payload=action, aggregate_id=tx.workspace_id, sequence=change.version.number, actor=actor)
    await outbox.add_many(tx, [told, audited])


def _plan_changed(tx: Tx, change: PlanChange, cause: Event[WorkspaceCreated] | None) -> Draft:
    allowed = change.entitlements
    payload = PlanChanged(
        plan=change.plan.value,
        report_window_days=allowed.report_window_days,
        monthly_calls=allowed.monthly_calls,
        concurrent_runs=allowed.concurrent_runs,
        models=allowed.models,
    )
    payload.billing_anchor.FromDatetime(change.version.anchored_at)
    return Draft(payload=payload, aggregate_id=tx.workspace_id, sequence=change.version.number, cause=cause)
