"""Renewal on a real PostgreSQL: one call however many ask, and every way in which it can end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from chaos.vault.renewal.conformance import TIMING, disagreements
from chaos.vault.renewal.mutants import NoCompareAndSet, NoFence, NoJournal, NoLease, RipeByAge
from chaos.vault.renewal.postgres import GONG, Bench, bench_in, opened
from chaos.vault.renewal.table import Rules
from core.errors import Transient
from core.ids import WorkspaceId, uuid7
from credential_vault.domain.oauth import Outcome, Tokens
from credential_vault.domain.renewals import SEND_WITHIN, Attempt, Claimed, Ending, Reply, Timing
from credential_vault.handlers.renewal_store import Renewals, Telling
from credential_vault.handlers.renewing import MOST_FAILURES, Renewing
from credential_vault.providers.port import NotSpent, Refused, Unknown
from database import Row, Tx
from integration.credential_vault.renewal_bench import Passing, Scripted, renewing, watch
from local.postgres import ServiceDsns

LEASE = Timing().lease


@pytest.fixture
async def bench(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Bench]:
    """A connected credential that is due."""
    async with bench_in(dsns, postgres_url) as made:
        await made.connect("refresh-0", 1800, 0)
        yield made


async def row(bench: Bench) -> Row:
    found = await bench.admin.fetchrow(
        "SELECT *, extract(epoch FROM expires_at - now())::float8 AS ends_in, extract(epoch FROM refresh_at - now())::float8 AS due_in"
        " FROM credentials"
    )
    assert found is not None
    return found


async def outcomes(bench: Bench) -> list[str]:
    return [one["outcome"] for one in await bench.admin.fetch("SELECT outcome FROM renewals ORDER BY fence")]


async def claimed_by(bench: Bench) -> Claimed:
    claimed = await bench.store().claim(Attempt(uuid7(), bench.workspace, GONG), tells=False)
    assert claimed is not None
    return claimed


async def reply_to(bench: Bench, claimed: Claimed, token: str) -> Reply:
    version = claimed.version + 1
    access = await bench.sealed("access_token", version, f"access for {token}")
    return Reply(claimed.data_key, access, await bench.sealed("refresh_token", version, token), 1800, 1440)


async def test_two_hundred_callers_in_four_processes_make_one_call(bench: Bench, dsns: ServiceDsns) -> None:
    server = Scripted()
    async with AsyncExitStack() as stack:
        pools = [await stack.enter_async_context(opened(dsns)) for _ in range(4)]
        uses = [renewing(bench, server, db) for db in pools]
        ends = await asyncio.gather(*(uses[number % 4].renew(bench.workspace, GONG) for number in range(200)))
    assert server.calls == ["refresh-0"]
    assert [end for end in ends if end] == [Outcome.ROTATED]
    assert bench.told.lines == ["saved"]
    now = await row(bench)
    assert (now["version"], now["fence"], now["leased_until"], now["state"]) == (2, 1, None, "connected")
    assert await bench.refresh_token() == "refresh-1"
    assert await bench.opened("access_token", 2, now["access_token"]) == "access-1"


async def test_it_is_renewed_well_before_the_token_ends(bench: Bench) -> None:
    await renewing(bench, Scripted()).renew(bench.workspace, GONG)
    now = await row(bench)
    assert now["ends_in"] == pytest.approx(1800, abs=10)
    assert 0.74 * 1800 < now["due_in"] <= 0.8 * 1800
    assert await renewing(bench, Scripted()).renew(bench.workspace, GONG) is None


async def test_a_token_without_end_is_never_renewed(bench: Bench) -> None:
    await renewing(bench, Scripted(reply=Tokens("access-1", "refresh-1"))).renew(bench.workspace, GONG)
    now = await row(bench)
    assert (now["expires_at"], now["refresh_at"]) == (None, None)


async def test_what_the_reply_leaves_out_stays(bench: Bench) -> None:
    await bench.admin.execute("UPDATE credentials SET scopes = '{a,b}', base_url = 'https://us-1.api.gong.io'")
    await renewing(bench, Scripted(reply=Tokens("access-1", "", 1800))).renew(bench.workspace, GONG)
    now = await row(bench)
    assert (now["scopes"], now["base_url"]) == (["a", "b"], "https://us-1.api.gong.io")
    assert await bench.refresh_token() == "refresh-0"


async def test_each_use_of_the_token_is_recorded_before_it(bench: Bench) -> None:
    server = Scripted(ends=[Unknown("no answer")])
    await renewing(bench, server).renew(bench.workspace, GONG)
    uses = await bench.admin.fetch(
        "SELECT j.requester, j.purpose, j.credential_version, r.outcome FROM access_journal j JOIN renewals r ON r.id::text = j.subject_id"
    )
    assert [tuple(use.values()) for use in uses] == [("credential-vault", "renewal", 1, "unknown")]


async def test_what_was_not_carried_out_is_tried_again_soon(bench: Bench) -> None:
    server = Scripted(ends=[NotSpent("429", retry_after=40.0), NotSpent("away")])
    use = renewing(bench, server)
    assert await use.renew(bench.workspace, GONG) is Outcome.NOT_SPENT
    await bench.advance(39)
    assert await use.renew(bench.workspace, GONG) is None
    await bench.advance(2)
    assert await use.renew(bench.workspace, GONG) is Outcome.NOT_SPENT
    await bench.advance(31)
    assert await use.renew(bench.workspace, GONG) is Outcome.ROTATED
    assert await outcomes(bench) == ["not_spent", "not_spent", "rotated"]


async def test_an_unknown_end_is_watched_before_a_last_call(bench: Bench) -> None:
    server = Scripted(ends=[Unknown("no answer")])
    assert await renewing(bench, server).renew(bench.workspace, GONG) is Outcome.UNKNOWN
    assert (await row(bench))["state"] == "connected"
    await bench.advance(LEASE)
    await watch(bench, server, Timing().settle_after)
    assert server.calls == ["refresh-0"]
    await watch(bench, server, 60)
    assert server.calls == ["refresh-0", "refresh-0"]
    assert await outcomes(bench) == ["unknown", "rotated"]


async def test_watching_begins_anew_when_the_database_was_away(bench: Bench) -> None:
    server = Scripted(ends=[Unknown("no answer")])
    await renewing(bench, server).renew(bench.workspace, GONG)
    await bench.advance(LEASE)
    await watch(bench, server, 570)
    await bench.advance(3600)
    await watch(bench, server, 570)
    assert server.calls == ["refresh-0"]


async def test_any_end_that_does_not_tell_is_unknown(bench: Bench) -> None:
    server = Scripted(ends=[ValueError("a bug in an adapter")])
    assert await renewing(bench, server).renew(bench.workspace, GONG) is Outcome.UNKNOWN


@pytest.mark.parametrize(("active", "calls", "state"), [(True, 2, "connected"), (False, 1, "needs_reconnect")])
async def test_a_provider_that_tells_is_asked_instead(bench: Bench, active: bool, calls: int, state: str) -> None:
    server = Scripted(ends=[Unknown("no answer")], active=active)
    await renewing(bench, server, tells=True).renew(bench.workspace, GONG)
    await bench.advance(LEASE)
    await watch(bench, server, 660, tells=True)
    assert (len(server.calls), (await row(bench))["state"]) == (calls, state)
    assert 1 <= len(server.asked) <= 8


async def test_a_crash_after_the_claim_counts_as_unknown(bench: Bench) -> None:
    await claimed_by(bench)
    server = Scripted()
    await bench.advance(LEASE - 1)
    assert await renewing(bench, server).renew(bench.workspace, GONG) is None
    await watch(bench, server, 660)
    assert server.calls == ["refresh-0"]
    assert await outcomes(bench) == ["unknown", "rotated"]


async def test_a_stalled_process_does_not_send(bench: Bench) -> None:
    use = renewing(bench, Scripted())
    assert isinstance(use.clock, Passing)
    server = Scripted(clock=use.clock, late=SEND_WITHIN + 1)
    late = Renewing(use.store, {GONG: server}, bench.keyring, use.clock, tell=frozenset())
    assert await late.renew(bench.workspace, GONG) is Outcome.NOT_SPENT
    assert server.calls == []


async def test_only_the_providers_own_no_asks_for_a_reconnect(bench: Bench) -> None:
    server = Scripted(ends=[Refused("invalid_grant")])
    assert await renewing(bench, server).renew(bench.workspace, GONG) is Outcome.REFUSED
    now = await row(bench)
    assert (now["state"], now["refresh_at"]) == ("needs_reconnect", None)
    assert now["reason"]
    assert bench.told.lines == ["needs reconnect"]


async def test_a_loser_saves_what_it_received(bench: Bench) -> None:
    loser = await claimed_by(bench)
    server = Scripted(ends=[Refused("invalid_grant")])
    await bench.advance(LEASE)
    await watch(bench, server, 660)
    assert bench.told.lines == ["needs reconnect"]
    assert await bench.store().save(loser, await reply_to(bench, loser, "refresh-9"), told=True) is Outcome.ROTATED
    assert await bench.refresh_token() == "refresh-9"
    assert (await row(bench))["state"] == "connected"
    assert bench.told.lines == ["needs reconnect", "saved", "recovered"]


async def test_an_attempt_that_is_settled_ends_nothing(bench: Bench) -> None:
    late = await claimed_by(bench)
    await bench.advance(LEASE)
    for _ in range(21):
        await bench.advance(30)
        await bench.store().claim(Attempt(uuid7(), bench.workspace, GONG), tells=False)
    assert (await row(bench))["fence"] == 2
    for outcome in (Outcome.NOT_SPENT, Outcome.REFUSED, Outcome.UNKNOWN):
        assert not await bench.store().end(late.attempt, Ending(outcome, reason="late"), told=True)
    now = await row(bench)
    assert (now["state"], now["leased_until"] is None) == ("connected", False)


async def test_a_claim_that_was_not_heard_of_is_taken_back(bench: Bench) -> None:
    class Deaf(Renewals, frozen=True):
        async def claim(self, attempt: Attempt, tells: bool) -> Claimed | None:
            await Renewals.claim(self, attempt, tells)
            raise Transient("the connection broke after the commit")

    store = bench.store()
    deaf = Deaf(store.db, store.keyring, store.telling)
    with pytest.raises(Transient):
        await Renewing(deaf, {GONG: Scripted()}, bench.keyring, Passing()).renew(bench.workspace, GONG)
    assert await outcomes(bench) == ["not_spent"]
    assert await renewing(bench, Scripted()).renew(bench.workspace, GONG) is Outcome.ROTATED


async def test_saving_twice_is_saving_once(bench: Bench) -> None:
    claimed = await claimed_by(bench)
    reply = await reply_to(bench, claimed, "refresh-1")
    assert [await bench.store().save(claimed, reply, told=True) for _ in range(2)] == [Outcome.ROTATED] * 2
    assert (await row(bench))["version"] == 2
    assert bench.told.lines == ["saved"]


@pytest.mark.parametrize("change", ["reconnected", "disconnected"])
async def test_a_rotation_that_comes_too_late_is_let_go(bench: Bench, change: str) -> None:
    claimed = await claimed_by(bench)
    await (bench.disconnect() if change == "disconnected" else bench.connect("new", 1800, 1440))
    reply = await reply_to(bench, claimed, "refresh-1")
    assert [await bench.store().save(claimed, reply, told=True) for _ in range(2)] == [Outcome.SUPERSEDED] * 2
    kept = await bench.admin.fetch("SELECT reason, state, version, refresh_token FROM revocations")
    assert [(one["reason"], one["state"], one["version"]) for one in kept] == [("superseded", "pending", 1)]
    assert await bench.opened("refresh_token", 1, kept[0]["refresh_token"]) == "refresh-1"
    assert await outcomes(bench) == ["superseded"]
    assert await bench.refresh_token() == (None if change == "disconnected" else "new")


class _Away(Renewals, frozen=True):
    """Fails to save at first."""

    tries = 0

    async def save(self, claimed: Claimed, reply: Reply, told: bool) -> Outcome:
        _Away.tries += 1
        if _Away.tries < 4:
            raise Transient("the database is away")
        return await Renewals.save(self, claimed, reply, told)


async def test_saving_goes_on_while_the_database_is_away(bench: Bench) -> None:
    server, store = Scripted(), bench.store()
    away = _Away(store.db, store.keyring, store.telling)
    use = Renewing(away, {GONG: server}, bench.keyring, Passing())
    assert await use.renew(bench.workspace, GONG) is Outcome.ROTATED
    assert (_Away.tries, server.calls) == (4, ["refresh-0"])
    assert (await row(bench))["ends_in"] < 1800


async def test_a_mistake_in_those_who_are_told_does_not_cost_the_token(bench: Bench) -> None:
    told = 0

    async def breaks(tx: Tx, *_: object) -> None:
        nonlocal told
        told += 1
        raise ValueError("a bug")

    store = Renewals(bench.db, bench.keyring, Telling(breaks, breaks, breaks))
    use = Renewing(store, {GONG: Scripted()}, bench.keyring, Passing())
    assert await use.renew(bench.workspace, GONG) is Outcome.ROTATED
    assert told == MOST_FAILURES
    assert await bench.refresh_token() == "refresh-1"


async def test_what_does_not_open_is_left_alone_for_a_while(bench: Bench) -> None:
    await bench.admin.execute("UPDATE credentials SET refresh_token = '\\x00'")
    server = Scripted()
    assert await renewing(bench, server).renew(bench.workspace, GONG) is Outcome.NOT_SPENT
    assert server.calls == []
    assert (await row(bench))["due_in"] > 3000


async def test_a_destroyed_data_key_is_left_alone_for_a_while(bench: Bench) -> None:
    await bench.admin.execute("UPDATE data_keys SET wrapped = NULL, key_id = NULL, destroyed_at = now()")
    assert await renewing(bench, Scripted()).renew(bench.workspace, GONG) is None
    assert (await row(bench))["due_in"] > 3000


@pytest.mark.parametrize("seed", range(4))
async def test_the_simulations_store_does_the_same(dsns: ServiceDsns, postgres_url: str, seed: int) -> None:
    async with bench_in(dsns, postgres_url) as bench:
        assert await disagreements(bench, seed) == []


@pytest.mark.parametrize("rules", [NoFence, NoCompareAndSet, NoJournal, NoLease, RipeByAge])
async def test_a_store_that_does_something_else_is_found(
    dsns: ServiceDsns, postgres_url: str, rules: type[Rules]
) -> None:
    for seed in range(12):
        async with bench_in(dsns, postgres_url, WorkspaceId(f"org_differs{seed}")) as bench:
            if await disagreements(bench, seed, rules(TIMING)):
                return
    pytest.fail("the two agree though one of them leaves a rule out")
