"""Every credential that is let go ends in a recorded outcome, whatever happens on the way."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from core.faultpoints import arm
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Revocation
from credential_vault.domain.revocations import Reason
from credential_vault.providers.port import Refused, Unknown
from credential_vault.workers.revocations import RevokerSettings
from integration.credential_vault.letting_go import ACCESS, ACME, REFRESH, RIVAL, Place, ScriptedProvider, place_in
from local.postgres import ServiceDsns
from testkit.tables import raw_bytes

PAIR = {"access_key": "key-in-the-clear", "secret": "secret-in-the-clear"}

DAY = 86_400.0


@pytest.fixture
async def place(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Place]:
    async with place_in(dsns, postgres_url) as opened:
        yield opened


async def ciphertexts(place: Place) -> int:
    """How many revocations still hold ciphertext."""
    (row,) = await place.admin("SELECT count(*) FILTER (WHERE access_token IS NOT NULL) AS held FROM revocations")
    return int(row["held"])


async def journalled(place: Place) -> list[tuple[str, int, str, str]]:
    rows = await place.admin(
        "SELECT provider, credential_version, requester, purpose FROM access_journal ORDER BY granted_at, credential_version"
    )
    return [(row["provider"], row["credential_version"], row["requester"], row["purpose"]) for row in rows]


async def test_tokens_are_revoked_and_forgotten(place: Place) -> None:
    provider = ScriptedProvider([True])
    slot = await place.let_go()
    (waiting,) = await place.shown()
    assert (waiting.state, waiting.ended_at, await ciphertexts(place)) == (Revocation.PENDING, None, 1)

    assert await place.revoker(provider).once()
    assert provider.asked == [(ACCESS, REFRESH)]
    assert await journalled(place) == [("hubspot", slot.version, "credential-vault", "revocation")]
    (line,) = await place.shown()
    assert (line.provider, line.state, line.reason) == (Provider.HUBSPOT, Revocation.REVOKED, Reason.DISCONNECTED)
    assert line.outcome == "HubSpot has ended the access that Callmine had."
    assert line.ended_at is not None
    assert line.next_at is None
    assert await ciphertexts(place) == 0
    assert not await place.revoker(provider).once()


async def test_a_key_pair_has_its_outcome_at_once_and_is_not_kept(place: Place) -> None:
    await place.let_go(Provider.GONG, PAIR, "replaced")
    (line,) = await place.shown()
    assert (line.state, line.reason) == (Revocation.UNSUPPORTED, Reason.REPLACED)
    assert line.outcome == "Gong offers no way to revoke a key: delete it in Gong, Company Settings > API."
    assert await ciphertexts(place) == 0
    assert not await place.revoker().once()


async def test_a_provider_without_a_way_to_revoke_is_said_to_have_none(place: Place) -> None:
    await place.let_go(Provider.GONG, {"access_token": ACCESS, "refresh_token": REFRESH})
    assert await place.revoker(ScriptedProvider([False], Provider.GONG)).once()
    (line,) = await place.shown()
    assert line.state is Revocation.UNSUPPORTED
    assert line.outcome.startswith("Gong offers no way to revoke an app's access from outside: remove Callmine in Gong")


async def test_a_token_that_had_ended_counts_as_revoked(place: Place) -> None:
    await place.let_go()
    assert await place.revoker(ScriptedProvider([Refused("no such token")])).once()
    (line,) = await place.shown()
    assert (line.state, line.outcome) == (Revocation.REVOKED, "HubSpot had ended the access already.")


@pytest.mark.parametrize("failure", [Unknown("it hung"), RuntimeError("nobody foresaw this"), TimeoutError()])
async def test_a_failure_is_shown_and_tried_again(place: Place, failure: Exception) -> None:
    provider = ScriptedProvider([failure, failure, True])
    await place.let_go()
    worker = place.revoker(provider)
    for attempts in (1, 2):
        assert await worker.once()
        (line,) = await place.shown()
        assert (line.state, line.attempts) == (Revocation.PENDING, attempts)
        assert line.outcome == "HubSpot has not confirmed it yet; it will be tried again."
        assert line.next_at is not None
    assert await worker.once()
    (line,) = await place.shown()
    assert (line.state, line.attempts, len(provider.asked)) == (Revocation.REVOKED, 3, 3)


async def test_pauses_grow_and_are_kept(place: Place) -> None:
    provider = ScriptedProvider([Unknown("it hung")])
    await place.let_go()
    worker = place.revoker(provider, settings=RevokerSettings())
    assert await worker.once()
    assert not await worker.once()
    delays = [RevokerSettings().delay_after(attempts) for attempts in range(1, 40)]
    assert 15 <= delays[0] <= 30
    assert all(delay <= 6 * 3600 for delay in delays)
    assert delays[-1] >= 3 * 3600


async def test_the_provider_may_say_when_to_ask_again(place: Place) -> None:
    provider = ScriptedProvider([Unknown("wait", retry_after=1000.0), True])
    await place.let_go()
    assert await place.revoker(provider).once()
    await place.later(900)
    assert not await place.revoker(provider).once()
    await place.later(200)
    assert await place.revoker(provider).once()


async def test_it_is_given_up_after_days_only_and_says_what_a_person_can_do(place: Place) -> None:
    provider = ScriptedProvider([Unknown("it hung")])
    await place.let_go()
    worker = place.revoker(provider)
    for _ in range(20):
        assert await worker.once()
    (line,) = await place.shown()
    assert line.state is Revocation.PENDING
    await place.later(7 * DAY)
    assert await worker.once()
    (line,) = await place.shown()
    assert (line.state, line.ended_at is None) == (Revocation.FAILED, False)
    assert "uninstall Callmine in HubSpot" in line.outcome
    assert await ciphertexts(place) == 0


async def test_a_vault_that_was_away_for_days_tries_before_it_gives_up(place: Place) -> None:
    await place.let_go()
    await place.later(30 * DAY)
    worker = place.revoker(ScriptedProvider([Unknown("it hung"), True]))
    assert await worker.once()
    assert await worker.once()
    (line,) = await place.shown()
    assert line.state is Revocation.REVOKED


class Crash(BaseException):
    """The process dies."""


@pytest.mark.parametrize("point", ["revocation.after_claim", "revocation.after_call"])
async def test_a_crash_repeats_it_when_the_lease_is_over(place: Place, point: str) -> None:
    provider = ScriptedProvider([True])
    await place.let_go()

    def die(reached: str) -> None:
        if reached == point:
            raise Crash

    async def attempt() -> None:
        arm(die)
        await place.revoker(provider).once()

    with pytest.raises(BaseException) as died:  # noqa: PT011 - a task group wraps it
        await asyncio.create_task(attempt())
    assert died.group_contains(Crash) if isinstance(died.value, BaseExceptionGroup) else died.type is Crash
    assert not await place.revoker(provider).once()
    assert await ciphertexts(place) == 1
    await place.later(90)
    assert await place.revoker(provider).once()
    (line,) = await place.shown()
    assert line.state is Revocation.REVOKED
    assert len(await journalled(place)) == 2


async def test_two_workers_ask_once(place: Place) -> None:
    provider = ScriptedProvider([True])
    for _ in range(5):
        await place.let_go()
    await asyncio.gather(place.revoker(provider).once(), place.revoker(provider).once())
    assert len(provider.asked) == 5


async def test_a_late_failure_does_not_undo_an_outcome(place: Place) -> None:
    """A worker that stalled in its call records its failure after another one has succeeded."""
    await place.let_go()
    held, called = asyncio.Event(), asyncio.Event()

    class Stalled(ScriptedProvider):
        async def revoke(self, access_token: str, refresh_token: str) -> bool:
            called.set()
            await held.wait()
            raise Unknown("it hung")

    slow = asyncio.create_task(place.revoker(Stalled([True])).once())
    await called.wait()
    await place.later(90)
    assert await place.revoker(ScriptedProvider([True])).once()
    held.set()
    assert await slow
    (line,) = await place.shown()
    assert (line.state, await ciphertexts(place)) == (Revocation.REVOKED, 0)


@pytest.mark.parametrize("same", ["access_token", "refresh_token"])
async def test_a_token_that_is_in_use_again_is_not_revoked(place: Place, same: str) -> None:
    """Slack gives an app that is installed again the token it had."""
    provider = ScriptedProvider([True], Provider.SLACK)
    plain = {"access_token": ACCESS, "refresh_token": REFRESH}
    await place.let_go(Provider.SLACK, plain, "replaced")
    other = {"access_token": "another", "refresh_token": "others"}
    await place.connect(Provider.SLACK, other | {same: plain[same]}, version=4)
    assert await place.revoker(provider).once()
    assert provider.asked == []
    assert [version for _, version, _, _ in await journalled(place)] == [3, 4]
    (line,) = await place.shown()
    assert line.state is Revocation.UNSUPPORTED
    assert line.outcome.startswith("Slack gave the same token again on reconnecting")


async def test_who_was_given_the_same_token_while_it_was_being_ended_is_looked_at(place: Place) -> None:
    class Meanwhile(ScriptedProvider):
        async def revoke(self, access_token: str, refresh_token: str) -> bool:
            await place.connect(Provider.SLACK, {"access_token": ACCESS}, version=4)
            await place.admin("UPDATE credentials SET check_at = now() + interval '1 day'")
            return True

    await place.let_go(Provider.SLACK)
    assert await place.revoker(Meanwhile([True], Provider.SLACK)).once()
    (row,) = await place.admin("SELECT check_at <= now() AS due FROM credentials")
    assert row["due"]


async def test_another_token_of_the_same_provider_is(place: Place) -> None:
    provider = ScriptedProvider([True], Provider.SLACK)
    await place.let_go(Provider.SLACK, reason="replaced")
    await place.connect(Provider.SLACK, {"access_token": "another"}, version=4)
    assert await place.revoker(provider).once()
    assert provider.asked == [(ACCESS, REFRESH)]


async def test_a_provider_that_is_not_set_up_is_waited_for(place: Place) -> None:
    await place.let_go()
    assert await place.revoker().once()
    (line,) = await place.shown()
    assert line.outcome == "Callmine is not set up for HubSpot at the moment; it will be tried again."
    assert await place.revoker(ScriptedProvider([True])).once()
    assert (await place.shown())[0].state is Revocation.REVOKED


async def test_what_does_not_open_is_kept_and_never_asked_for(place: Place) -> None:
    provider = ScriptedProvider([True])
    await place.let_go()
    await place.admin("UPDATE revocations SET version = version + 1")
    assert await place.revoker(provider).once()
    (line,) = await place.shown()
    assert (line.state, provider.asked, await ciphertexts(place)) == (Revocation.PENDING, [], 1)


async def test_each_workspace_sees_its_own(place: Place) -> None:
    await place.let_go()
    await place.let_go(workspace=RIVAL, plain={"access_token": "rivals"})
    provider = ScriptedProvider([Unknown("it hung")])
    assert await place.revoker(provider).once()
    assert sorted(provider.asked) == [(ACCESS, REFRESH), ("rivals", "")]
    assert [len(await place.shown(workspace)) for workspace in (ACME, RIVAL)] == [1, 1]


async def test_the_page_is_told_of_what_is_under_way_before_what_is_over(place: Place) -> None:
    await place.let_go()
    await place.let_go(Provider.GONG, PAIR)
    await place.admin("UPDATE revocations SET let_go_at = let_go_at - interval '1 day' WHERE provider = 'hubspot'")
    await place.let_go(Provider.HUBSPOT, PAIR)
    assert [(line.provider.value, line.state.value) for line in await place.shown()] == [
        ("gong", "unsupported"),
        ("hubspot", "pending"),
    ]


async def test_no_token_is_in_the_database_or_in_a_log(
    place: Place, dsns: ServiceDsns, postgres_url: str, log_lines: list[str]
) -> None:
    await place.let_go()
    worker = place.revoker(ScriptedProvider([RuntimeError("surprise"), Unknown("it hung"), True]))
    for _ in range(3):
        raw = await raw_bytes(postgres_url, dsns)
        assert ACCESS.encode() not in raw
        assert REFRESH.encode() not in raw
        assert await worker.once()
    text = "\n".join(log_lines)
    assert "revocation has ended" in text
    assert ACCESS not in text
    assert REFRESH not in text
