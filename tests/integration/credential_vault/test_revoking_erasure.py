"""Erasing a workspace: its credentials are gone at once, its key once nothing has to be read with it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from core.errors import Transient
from core.ids import WorkspaceId
from credential_vault.domain.connections import Disconnected
from credential_vault.domain.credentials import Provider, State
from credential_vault.domain.oauth import Revocation
from credential_vault.domain.revocations import Reason
from credential_vault.handlers.erasing import DEADLINE, GRACE, erase
from credential_vault.providers.port import Unknown
from credential_vault.store import keys
from credential_vault.workers.erasures import Eraser
from database import Tx
from integration.credential_vault.letting_go import ACCESS, ACME, REFRESH, RIVAL, Place, ScriptedProvider, place_in
from local.postgres import ServiceDsns
from testkit.tables import raw_bytes

PAIR = {"access_key": "key-in-the-clear", "secret": "secret-in-the-clear"}
TOKENS = {"access_token": ACCESS, "refresh_token": REFRESH}


@pytest.fixture
async def place(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Place]:
    async with place_in(dsns, postgres_url) as opened:
        yield opened


@dataclass(slots=True)
class World:
    """An eraser, and what it told and destroyed. `failures` are raised in the place of the first shreddings."""

    place: Place
    told: list[Disconnected] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    async def ask(self, workspace: WorkspaceId = ACME) -> list[Disconnected]:
        async with self.place.db.workspace(workspace) as tx:
            return await erase(tx)

    async def once(self) -> bool:
        async def shred(tx: Tx) -> None:
            await keys.destroy(tx)
            if self.failures:
                raise self.failures.pop(0)

        async def tell(tx: Tx, gone: Disconnected) -> None:
            self.told.append(gone)

        return await Eraser(self.place.db, shred, tell).once()

    async def shredded(self) -> list[str]:
        rows = await self.place.admin("SELECT workspace_id FROM data_keys WHERE destroyed_at IS NOT NULL ORDER BY 1")
        return [row["workspace_id"] for row in rows]


async def test_credentials_are_forgotten_and_revocations_queued(place: Place, dsns: ServiceDsns) -> None:
    world = World(place)
    await place.connect(Provider.GONG, PAIR, version=4)
    await place.connect(Provider.HUBSPOT, TOKENS)
    await place.connect(Provider.SLACK, {}, state="disconnected", version=7)
    await place.connect(Provider.HUBSPOT, TOKENS, workspace=RIVAL)
    gone = await world.ask()
    assert gone == [
        Disconnected(Provider.GONG, 5, State.CONNECTED),
        Disconnected(Provider.HUBSPOT, 2, State.CONNECTED),
    ]
    lines = {line.provider: (line.state, line.reason) for line in await place.shown()}
    assert lines == {
        Provider.GONG: (Revocation.UNSUPPORTED, Reason.ERASED),
        Provider.HUBSPOT: (Revocation.PENDING, Reason.ERASED),
    }
    rows = await place.admin("SELECT * FROM credentials WHERE workspace_id = $1", ACME)
    assert {row["state"] for row in rows} == {"disconnected"}
    assert {row["version"] for row in rows} == {2, 5, 7}
    assert {(row["account"], row["connected_by"], row["base_url"]) for row in rows} == {("", "", "")}
    (rival,) = await place.admin("SELECT state FROM credentials WHERE workspace_id = $1", RIVAL)
    assert rival["state"] == "connected"


async def test_the_key_is_destroyed_once_every_revocation_has_its_outcome(place: Place) -> None:
    world, provider = World(place), ScriptedProvider([Unknown("it hung"), True])
    await place.connect(Provider.HUBSPOT, TOKENS)
    await place.connect(Provider.HUBSPOT, TOKENS, workspace=RIVAL)
    await world.ask()
    assert not await world.once(), "what is under way when it is asked for can still hand in its tokens"
    await place.later(GRACE.total_seconds())
    await place.revoker(provider).once()
    assert await world.once()
    assert await world.shredded() == []
    assert not await world.once()
    await place.later(300)
    await place.revoker(provider).once()
    assert await world.once()
    assert await world.shredded() == [ACME]
    (line,) = await place.shown()
    assert line.state is Revocation.REVOKED
    await place.later(86_400)
    assert not await world.once()


async def test_the_deadline_ends_the_waiting(place: Place, dsns: ServiceDsns, postgres_url: str) -> None:
    world, provider = World(place), ScriptedProvider([Unknown("it hung")])
    slot = await place.connect(Provider.HUBSPOT, TOKENS)
    (held,) = (await place.sealed(slot, {"access_token": ACCESS})).values()
    await world.ask()
    await place.later(DEADLINE.total_seconds())
    await place.revoker(provider).once()
    assert await world.once()
    assert await world.shredded() == [ACME]
    (line,) = await place.shown()
    assert (line.state, line.outcome) == (
        Revocation.FAILED,
        "The workspace was erased before the provider had confirmed it.",
    )
    raw = await raw_bytes(postgres_url, dsns)
    assert held not in raw
    (row,) = await place.admin("SELECT count(*) FILTER (WHERE access_token IS NOT NULL) AS n FROM revocations")
    assert row["n"] == 0


async def test_asking_again_does_not_move_the_deadline(place: Place) -> None:
    world = World(place)
    await place.let_go()
    await world.ask()
    await place.later(DEADLINE.total_seconds() - 60)
    assert await world.ask() == []
    await place.later(60)
    assert await world.once()
    assert await world.shredded() == [ACME]


async def test_who_connects_during_an_erasure_is_erased_too(place: Place) -> None:
    world = World(place)
    await world.ask()
    await place.connect(Provider.HUBSPOT, TOKENS, version=2)
    await place.later(GRACE.total_seconds())
    assert await world.once()
    assert world.told == [Disconnected(Provider.HUBSPOT, 3, State.CONNECTED)]
    assert await world.shredded() == []
    assert [line.reason for line in await place.shown()] == [Reason.ERASED]
    await place.revoker(ScriptedProvider([True])).once()
    await place.later(300)
    assert await world.once()
    assert await world.shredded() == [ACME]


@pytest.mark.parametrize("failure", [Transient("Secret Manager is away")])
async def test_a_shredding_that_fails_is_repeated_and_stops_nobody_else(place: Place, failure: Exception) -> None:
    world = World(place, failures=[failure])
    await world.ask()
    await world.ask(RIVAL)
    await place.later(GRACE.total_seconds())
    assert await world.once()
    assert len(await world.shredded()) == 1
    assert await world.once()
    assert await world.shredded() == [ACME, RIVAL]


async def test_a_revocation_after_the_key_is_gone_fails_in_words(place: Place) -> None:
    await place.let_go()
    async with place.db.workspace(ACME) as tx:
        await keys.destroy(tx)
    assert await place.revoker(ScriptedProvider([True])).once()
    (line,) = await place.shown()
    assert line.state is Revocation.FAILED
    assert line.outcome.startswith("The workspace's keys were destroyed before HubSpot had confirmed it")
