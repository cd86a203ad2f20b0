"""HubSpot does not accept the token: the vault hears of it, another one is tried once, and the job goes on in any case."""

from __future__ import annotations

import pytest

from callmine.calls.v1.calls_pb2 import PreviewReady
from callmine.credentials.v1.credentials_pb2 import CredentialRejected
from callmine.integrations.v1.integrations_pb2 import PROVIDER_HUBSPOT
from integration.ingest.harness import all_time, new_id, preview_requested
from integration.ingest.test_hubspot import Town, killed, played, town

__all__ = ["played", "town"]


async def test_a_refused_token_is_told_to_the_vault_and_another_one_is_used(town: Town) -> None:
    run = await town.refused(version=7)
    first, second = [event.payload.grant_id for event in await town.asked(run)]  # type: ignore[attr-defined]
    assert await town.rejected() == [
        CredentialRejected(grant_id=first, provider=PROVIDER_HUBSPOT, credential_version=7, provider_status=401)
    ]
    assert first != second
    await town.answer(run, version=8)
    await town.workshop.finish()
    assert {deal.get("source") for deal in (await town.deals()).values()} >= {"hubspot"}
    assert list((await town.workshop.completed(run)).remarks) == []
    assert len(await town.rejected()) == 1


async def test_a_token_that_was_refused_by_mistake_is_tried_again(town: Town) -> None:
    run = await town.refused()
    await town.answer(run)
    await town.workshop.finish()
    assert {deal.get("source") for deal in (await town.deals()).values()} >= {"hubspot"}


async def test_refused_again_the_run_goes_on_without_and_says_so(town: Town) -> None:
    run = await town.refused()
    await town.answer(run)
    town.arm(path="/crm", status=401)
    await town.workshop.finish()
    await town.assert_without(run, "HubSpot answered 401")
    told = [one.grant_id for one in await town.rejected()]
    assert told == [event.payload.grant_id for event in await town.asked(run)]  # type: ignore[attr-defined]
    assert len(told) == 2


async def test_what_the_vault_finds_is_what_the_run_says(town: Town) -> None:
    run = await town.refused()
    await town.deny(run)
    await town.workshop.finish()
    await town.assert_without(run, "HubSpot no longer accepts the stored credential")


async def test_a_token_that_nobody_renews_in_time_is_gone_on_without(town: Town) -> None:
    run = await town.refused()
    await town.workshop.ingest.sql("UPDATE job_grants SET asked_at = asked_at - interval '11 seconds'")
    await town.workshop.finish()
    await town.assert_without(run, "did not come in time")


@pytest.mark.parametrize("again", [False, True])
async def test_killed_in_between_each_refused_token_is_told_once(town: Town, again: bool) -> None:
    run = await town.refused() if again else await town.start()
    await town.answer(run)
    town.arm(path="/crm", status=401)
    await town.workshop.skip_waits()
    await killed(town, "deals.before_refusal")
    assert len(await town.rejected()) == again
    await town.ask_again()
    if not again:
        await town.ask_again()
        await town.answer(run)
    await town.workshop.finish()
    await town.assert_without(run, "HubSpot answered 401")
    told = [one.grant_id for one in await town.rejected()]
    assert told == [event.payload.grant_id for event in await town.asked(run)]  # type: ignore[attr-defined]


async def test_a_preview_survives_a_refused_token(town: Town) -> None:
    preview = new_id()
    wanted = all_time()
    wanted.deal_stages.append("Negotiation")
    await town.workshop.ingest.hear(preview_requested(preview, wanted))
    await town.workshop.grant(preview)
    await town.answer(preview)
    town.arm(path="/crm", status=401)
    await town.ask_again()
    await town.ask_again()
    await town.answer(preview)
    await town.workshop.finish()
    [event] = await town.workshop.ingest.told(PreviewReady)
    assert isinstance(event.payload, PreviewReady)
    assert event.payload.failure == ""
    assert len(await town.rejected()) == 2
