"""A question becomes a run, whoever asks it: a person, or a schedule."""

from __future__ import annotations

import uuid
from functools import partial

from analysis.domain.plan import Plan, require_quota
from analysis.domain.request import Question, RunId, check
from analysis.domain.run import RunState
from analysis.handlers.lifecycle import Lifecycle
from analysis.models.offer import Offer
from analysis.store import plans, runs
from contracts import Actor
from core.errors import Conflict
from core.ids import uuid7
from database import Tx
from telemetry.instruments import RUNS


async def check_question(tx: Tx, lifecycle: Lifecycle, offer: Offer, question: Question) -> Plan:
    """The workspace's plan, under which the question can be asked. Raises InvalidInput."""
    plan = await plans.plan_of(tx)
    check(question, lifecycle.clock.now())
    offer.require(plan, question.model)
    return plan


async def queue_run(
    tx: Tx,
    lifecycle: Lifecycle,
    offer: Offer,
    question: Question,
    actor: Actor,
    request_id: uuid.UUID,
    *,
    capped: bool,
) -> RunId:
    """Queue a run, and begin it when the plan has room. The same `request_id` always gives the same run.

    Raises InvalidInput, QuotaUsedUp when not one call is left, and RunTooLarge when fewer are left than the run may use and it is not to be
    `capped` at them.
    """
    run_id = RunId(uuid7())
    earlier = await runs.run_of_request(tx, request_id)
    if earlier is not None:
        return earlier
    plan = await check_question(tx, lifecycle, offer, question)
    quota = await plans.quota_of(tx, plan, lifecycle.clock.now())
    require_quota(plan, quota, question.max_calls, capped=capped)
    if not await runs.insert_run(tx, run_id, request_id, actor.id, question):
        earlier = await runs.run_of_request(tx, request_id)
        if earlier is None:
            raise Conflict("this request has made a run that the plan no longer shows")
        return earlier
    tx.on_commit(partial(RUNS.add, state=RunState.QUEUED.value))
    await lifecycle.dispatch(tx, actor=actor)
    return run_id
