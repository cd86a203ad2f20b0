"""A service put together: what it listens to, when it is ready."""

from __future__ import annotations

import asyncio

import pytest

from audit.main import compose
from audit.settings import Settings
from integration.audit.actions import action
from local.postgres import ServiceDsns
from messaging import Routes, Verdict
from runtime import Assembly
from testkit.messages import deliver, delivery, parked_reasons, raw
from testkit.outside import Outside
from testkit.services import PUSH_AUDIENCE, settings_for, started
from testkit.tables import every_row


@pytest.mark.parametrize("topic", ["plans", "nothing", "", "audit.audit", "dead-letters"])
def test_a_topic_without_a_subscription_is_refused(parts: Assembly, topic: str) -> None:
    with pytest.raises(ValueError, match="gives audit no subscription to"):
        parts.consume(topic, Routes())


async def test_what_nobody_asked_for_is_acknowledged_and_leaves_nothing(parts: Assembly, postgres_url: str) -> None:
    parts.consume_rest()
    dsns = _dsns(parts)
    before = await every_row(postgres_url, dsns)
    event = action()
    assert await parts.consumers["audit.workspaces"].process([delivery(event)]) == [Verdict.ACK]
    assert await every_row(postgres_url, dsns) == before


def _dsns(parts: Assembly) -> ServiceDsns:
    app, sweep = parts.settings.app_database_url, parts.settings.sweep_database_url
    return ServiceDsns(owner=app.get_secret_value(), app=app.get_secret_value(), sweep=sweep.get_secret_value())


async def test_it_is_ready_until_a_consumer_halts_and_again_once_it_resumes(parts: Assembly) -> None:
    async with started(parts, _dsns(parts)) as service, service.program() as client:
        assert (await client.get("/readyz")).status_code == 200
        consumer = service.consumer("audit")
        await consumer.process([raw(b"\xff", "audit.audit", ce_id=str(number)) for number in range(30)])
        assert consumer.halted
        assert (await client.get("/readyz")).status_code == 503
        assert await consumer.process([delivery(action())]) == [Verdict.RETRY]
        consumer.resume()
        assert (await client.get("/readyz")).status_code == 200
        await deliver(consumer, action())
    assert len(await parked_reasons(_dsns(parts))) >= 20


async def test_it_is_not_ready_without_its_database(parts: Assembly) -> None:
    async with started(parts, _dsns(parts)) as service, service.program() as client:
        await parts.db.close()
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200


@pytest.mark.parametrize("asked", [True, False])
async def test_work_begins_once_somebody_has_heard_that_it_is_ready_or_a_moment_later(
    parts: Assembly, asked: bool
) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()
        await asyncio.Event().wait()

    parts.work(work)
    app = parts.app()
    async with asyncio.timeout(5), app.router.lifespan_context(app):
        # Long enough for a first look at the database, which would come before the answer.
        await asyncio.sleep(0.1)
        assert not begun.is_set()
        if asked:
            await parts._ready()
            await asyncio.sleep(0.1)
            assert begun.is_set()
        await begun.wait()
        assert not app.state.background.crashed.is_set()


async def test_a_service_that_is_told_to_stop_before_its_work_has_begun_never_begins_it(parts: Assembly) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        begun.set()

    parts.work(work)
    app = parts.app()
    async with asyncio.timeout(5), app.router.lifespan_context(app):
        pass
    assert not begun.is_set()
    assert not app.state.background.crashed.is_set()


async def test_operators_see_what_went_to_whom(dsns: ServiceDsns, outside: Outside) -> None:
    operator = "operator@callmine-test.iam.gserviceaccount.com"
    settings = settings_for(Settings, dsns, outside, operator_service_account=operator)
    async with compose(settings) as parts, started(parts, dsns) as service:
        async with service.program(outside.push_token(PUSH_AUDIENCE)) as pusher:
            assert (await pusher.get("/operator/outbound")).status_code == 403
        async with service.program(outside.token()) as member:
            assert (await member.get("/operator/outbound")).status_code == 401
            assert (await member.get("/api/v1/audit")).status_code == 200
        async with service.program(outside.push_token(PUSH_AUDIENCE, operator)) as client:
            sent = (await client.get("/operator/outbound")).json()
    counted = {(row["recipient"], row["destination"]): (row["requests"], row["failed"]) for row in sent}
    assert counted == {("clerk", "clerk"): (1, 0), ("google", "google"): (1, 0)}
