"""What happens at a provider is noticed, and nothing else is taken for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from core.errors import InvalidInput
from core.ids import WorkspaceId
from credential_vault.domain.credentials import BasicPair, Provider, Slot
from credential_vault.domain.oauth import Account
from credential_vault.handlers.losing import look_soon
from credential_vault.providers.port import Refused, Unknown
from credential_vault.workers.checks import Checker, CheckerSettings
from database import Tx
from integration.credential_vault.letting_go import ACCESS, ACME, REFRESH, RIVAL, Place, ScriptedProvider, place_in
from local.postgres import ServiceDsns

PAIR = {"access_key": "key-in-the-clear", "secret": "secret-in-the-clear"}
TOKENS = {"access_token": ACCESS, "refresh_token": REFRESH}
TOKEN = {"access_token": ACCESS}

DAY, SOON, MINUTE = 86_400.0, 300.0, 60.0

OPEN_ATTEMPT = (
    "INSERT INTO renewals (workspace_id, provider, fence, credential_id, version, outcome, started_at)"
    " SELECT workspace_id, provider, 1, credential_id, version, 'unknown', now() FROM credentials"
)

NO = Refused("it is not one of ours")


@pytest.fixture
async def place(dsns: ServiceDsns, postgres_url: str) -> AsyncIterator[Place]:
    async with place_in(dsns, postgres_url) as opened:
        yield opened


@dataclass(slots=True)
class World:
    """A checker, the provider it asks, and what it told."""

    place: Place
    provider: ScriptedProvider
    settings: CheckerSettings = field(default_factory=CheckerSettings)
    told: list[tuple[Slot, str]] = field(default_factory=list)

    async def once(self) -> bool:
        async def tell(tx: Tx, slot: Slot, reason: str) -> None:
            self.told.append((slot, reason))

        async def pair(given: BasicPair, base_url: str) -> None:
            await self.provider.verify(f"{given.access_key}:{given.secret}", base_url)

        name = self.provider.provider
        return await Checker(
            self.place.db, self.place.opening, {name: self.provider}, {name: pair}, tell, self.settings
        ).once()

    async def state(self, column: str = "state") -> object:
        (row,) = await self.place.admin("SELECT * FROM credentials WHERE workspace_id = $1", ACME)
        return row[column]

    async def due_in(self) -> float:
        rows = await self.place.admin("SELECT extract(epoch FROM check_at - now())::float8 AS left FROM credentials")
        return float(rows[0]["left"])


async def test_a_credential_that_is_accepted_is_left_alone_for_a_day(place: Place) -> None:
    world = World(place, ScriptedProvider([True]))
    slot = await place.connect(Provider.HUBSPOT, TOKENS)
    assert await world.once()
    assert world.provider.asked == [(ACCESS, "")]
    assert 0.89 * DAY < await world.due_in() < 1.11 * DAY
    assert not await world.once()
    (entry,) = await place.admin("SELECT * FROM access_journal")
    assert (entry["requester"], entry["purpose"]) == ("credential-vault", "check")
    assert (entry["credential_version"], entry["subject_id"]) == (1, str(slot.credential_id))


async def test_a_token_that_is_refused_needs_reconnecting(place: Place) -> None:
    world = World(place, ScriptedProvider([NO], Provider.SLACK))
    slot = await place.connect(Provider.SLACK, TOKEN)
    assert await world.once()
    reason = "Slack no longer accepts the credential; it may have been revoked or deleted there."
    assert (await world.state(), await world.state("reason")) == ("needs_reconnect", reason)
    assert world.told == [(slot, reason)]
    await place.later(DAY)
    assert not await world.once()


@pytest.mark.parametrize("plain", [TOKEN, TOKENS, PAIR])
@pytest.mark.parametrize(
    "failure", [Unknown("it hung"), TimeoutError(), InvalidInput("a page of HTML"), RuntimeError("nobody foresaw this")]
)
async def test_a_failure_to_answer_is_never_taken_for_a_refusal(
    place: Place, plain: dict[str, str], failure: Exception
) -> None:
    world = World(place, ScriptedProvider([failure]))
    await place.connect(Provider.HUBSPOT, plain)
    for _ in range(5):
        assert await world.once()
        assert 3500 < await world.due_in() < 3700
        await place.later(3700)
    assert (await world.state(), await world.state("refresh_at"), world.told) == ("connected", None, [])


async def test_a_pair_has_to_be_refused_twice_some_minutes_apart(place: Place) -> None:
    world = World(place, ScriptedProvider([NO], Provider.GONG))
    slot = await place.connect(Provider.GONG, PAIR)
    assert await world.once()
    assert (await world.state(), world.told) == ("connected", [])
    assert not await world.once()
    await place.later(SOON)
    assert await world.once()
    assert await world.state() == "needs_reconnect"
    assert [told for told, _ in world.told] == [slot]
    assert {asked for asked, _ in world.provider.asked} == {"key-in-the-clear:secret-in-the-clear"}


async def test_being_asked_at_once_neither_hastens_nor_delays_it(place: Place) -> None:
    """Counted from the first refusal: a service that is refused every minute does not put the second look off for ever."""
    world = World(place, ScriptedProvider([NO], Provider.GONG))
    slot = await place.connect(Provider.GONG, PAIR)
    states = []
    for _ in range(4):
        async with place.db.workspace(ACME) as tx:
            await look_soon(tx, Provider.GONG, slot.version)
        assert await world.once()
        states.append(await world.state())
        await place.later(110)
    assert states == ["connected", "connected", "connected", "needs_reconnect"]


async def test_a_pair_that_is_accepted_again_starts_afresh(place: Place) -> None:
    world = World(place, ScriptedProvider([NO, True, NO, NO], Provider.GONG))
    await place.connect(Provider.GONG, PAIR)
    states = []
    for _ in range(4):
        assert await world.once()
        states.append(await world.state())
        await place.later(1.2 * DAY)
    assert states == ["connected", "connected", "connected", "needs_reconnect"]


async def test_no_answer_between_two_refusals_does_not_hide_them(place: Place) -> None:
    world = World(place, ScriptedProvider([NO, Unknown("it hung"), NO], Provider.GONG))
    await place.connect(Provider.GONG, PAIR)
    for _ in range(3):
        assert await world.once()
        await place.later(3700)
    assert await world.state() == "needs_reconnect"


async def test_a_refusal_of_the_pair_before_says_nothing_about_a_new_one(place: Place) -> None:
    world = World(place, ScriptedProvider([NO], Provider.GONG))
    await place.connect(Provider.GONG, PAIR)
    assert await world.once()
    await place.admin("DELETE FROM credentials")
    await place.connect(Provider.GONG, PAIR, version=2)
    await place.admin("UPDATE credentials SET refused_version = 1, refused_at = now() - interval '1 hour'")
    assert await world.once()
    assert await world.state() == "connected"


async def test_a_token_that_can_be_renewed_is_renewed_and_not_given_up(place: Place) -> None:
    world = World(place, ScriptedProvider([NO]))
    await place.connect(Provider.HUBSPOT, TOKENS)
    await place.admin("UPDATE credentials SET refresh_at = now() + interval '1 hour'")
    assert await world.once()
    (row,) = await place.admin("SELECT state, refresh_at <= now() AS due FROM credentials")
    assert (row["state"], row["due"], world.told) == ("connected", True, [])


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE credentials SET version = version + 1",
        "UPDATE credentials SET fence = fence + 1",
        "UPDATE credentials SET leased_until = now() + interval '1 minute'",
        OPEN_ATTEMPT,
    ],
)
async def test_a_refusal_during_a_renewal_says_nothing(place: Place, change: str) -> None:
    """The provider ends the old token when it hands out the new one: asked in between, it refuses it."""

    class Meanwhile(ScriptedProvider):
        async def verify(self, access_token: str, base_url: str) -> None:  # type: ignore[override]  # it never returns
            await place.admin(change)
            raise NO

    world = World(place, Meanwhile([True]))
    await place.connect(Provider.HUBSPOT, TOKENS)
    await place.admin("UPDATE credentials SET refresh_at = now() + interval '1 hour'")
    assert await world.once()
    (row,) = await place.admin("SELECT state, refresh_at > now() AS later FROM credentials")
    assert (row["state"], row["later"], world.told) == ("connected", True, [])


@pytest.mark.parametrize(
    "column", ["leased_until = now() + interval '1 minute'", "refresh_at = now()", "expires_at = now()"]
)
async def test_a_token_that_is_being_renewed_is_not_asked_about(place: Place, column: str) -> None:
    world = World(place, ScriptedProvider([NO]))
    await place.connect(Provider.HUBSPOT, TOKENS)
    await place.admin(f"UPDATE credentials SET {column}")
    assert await world.once()
    assert (world.provider.asked, await world.state()) == ([], "connected")
    assert await world.due_in() > 0.8 * DAY


async def test_a_credential_that_was_replaced_meanwhile_is_not_given_up(place: Place) -> None:
    class Meanwhile(ScriptedProvider):
        async def verify(self, access_token: str, base_url: str) -> None:  # type: ignore[override]  # it never returns
            await place.admin("UPDATE credentials SET version = version + 1")
            raise NO

    world = World(place, Meanwhile([True], Provider.SLACK))
    await place.connect(Provider.SLACK, TOKEN)
    assert await world.once()
    assert (await world.state(), world.told) == ("connected", [])


@pytest.mark.parametrize("state", ["disconnected", "needs_reconnect", "new"])
async def test_only_what_is_connected_is_asked_about(place: Place, state: str) -> None:
    world = World(place, ScriptedProvider([NO]))
    await place.connect(Provider.HUBSPOT, TOKENS if state == "needs_reconnect" else {}, state=state)
    assert not await world.once()


async def test_new_credentials_spread_over_their_first_day(place: Place) -> None:
    for number in range(20):
        await place.admin(
            "INSERT INTO credentials (workspace_id, provider, credential_id, version, state)"
            " VALUES ($1, 'gong', gen_random_uuid(), 1, 'new')",
            f"org_{number}x",
        )
    rows = await place.admin("SELECT extract(epoch FROM check_at - now())::float8 AS left FROM credentials")
    assert all(-60 < row["left"] <= DAY for row in rows)
    assert len({round(row["left"]) for row in rows}) > 10


async def test_a_service_that_was_refused_has_it_looked_at_at_once(place: Place) -> None:
    world = World(place, ScriptedProvider([True]))
    slot = await place.connect(Provider.HUBSPOT, TOKENS)
    await place.connect(Provider.HUBSPOT, TOKENS, workspace=RIVAL)
    assert await world.once()
    assert not await world.once()
    await place.later(MINUTE)
    async with place.db.workspace(ACME) as tx:
        await look_soon(tx, Provider.HUBSPOT, slot.version - 1)
    assert not await world.once()
    async with place.db.workspace(ACME) as tx:
        await look_soon(tx, Provider.HUBSPOT, slot.version)
    assert await world.once()
    assert len(world.provider.asked) == 3


async def test_a_word_during_a_check_is_not_lost(place: Place) -> None:
    """The provider may have been asked just before it began to refuse."""

    class Meanwhile(ScriptedProvider):
        async def verify(self, access_token: str, base_url: str) -> Account:
            async with place.db.workspace(ACME) as tx:
                await look_soon(tx, Provider.SLACK, slot.version)
            return await ScriptedProvider.verify(self, access_token, base_url)

    provider = Meanwhile([True], Provider.SLACK)
    slot = await place.connect(Provider.SLACK, TOKEN)
    world = World(place, provider)
    assert await world.once()
    assert not await world.once()
    await place.later(MINUTE)
    assert await world.once()
    assert len(provider.asked) == 2


async def test_nobodys_word_shortens_the_pause_that_a_provider_asked_for(place: Place) -> None:
    world = World(place, ScriptedProvider([Unknown("slow down", retry_after=7200), True], Provider.SLACK))
    slot = await place.connect(Provider.SLACK, TOKEN)
    assert await world.once()
    for minutes in (5, 110):
        await place.later(minutes * MINUTE)
        async with place.db.workspace(ACME) as tx:
            await look_soon(tx, Provider.SLACK, slot.version)
        assert not await world.once()
    await place.later(5 * MINUTE)
    assert await world.once()
    assert await world.state() == "connected"


async def test_the_pause_after_a_failure_may_be_shortened(place: Place) -> None:
    world = World(place, ScriptedProvider([Unknown("it hung"), NO], Provider.SLACK))
    slot = await place.connect(Provider.SLACK, TOKEN)
    assert await world.once()
    await place.later(MINUTE)
    assert not await world.once()
    async with place.db.workspace(ACME) as tx:
        await look_soon(tx, Provider.SLACK, slot.version)
    assert await world.once()
    assert await world.state() == "needs_reconnect"


async def test_what_is_disconnected_does_not_stand_in_the_way(place: Place) -> None:
    world = World(place, ScriptedProvider([True]), CheckerSettings(at_once=2))
    for number in range(3):
        await place.connect(Provider.HUBSPOT, {}, state="disconnected", workspace=WorkspaceId(f"org_{number}x"))
    await place.later(60)
    await place.connect(Provider.HUBSPOT, TOKENS)
    assert await world.once()
    assert world.provider.asked == [(ACCESS, "")]
