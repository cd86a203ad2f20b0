"""An integration is lost: the person who connected Slack is told once, whatever comes twice, late, or breaks in between."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator

import pytest
from google.protobuf.message import Message
from msgspec.structs import replace

from analysis.slack.client import destination
from callmine.credentials.v1.credentials_pb2 import CredentialRejected, CredentialRequested, DenialReason
from callmine.integrations.v1.integrations_pb2 import IntegrationConnected, IntegrationDisconnected
from callmine.subprocessors.v1.subprocessors_pb2 import SubProcessorAnnounced
from callmine.workspaces.v1.workspaces_pb2 import WorkspaceCreated
from contracts import Event
from core import faultpoints
from core.ids import uuid7
from core.log import JsonFormatter
from egress import Egress
from integration.analysis.site import program, site
from integration.analysis.slack_bench import (
    ADDRESS,
    GONG,
    HUBSPOT,
    NEVER_POSTED,
    SITE,
    SLACK,
    Bench,
    bench_of,
)
from integration.analysis.world import ACME, RIVAL, World
from messaging import Verdict
from testkit.outside import Outside

SENT, UNKNOWN = ("sent", ""), ("unknown", "")


class Crash(BaseException):
    """What kill -9 is to a process."""


@pytest.fixture
async def bench(world: World, outside: Outside) -> AsyncIterator[Bench]:
    async with bench_of(world, outside) as bench:
        yield bench


def again(event: Event[Message]) -> Event[Message]:
    """The same, as a producer sends it that crashed before it knew it had published."""
    return replace(event, event_id=uuid7())


async def test_the_person_who_connected_slack_is_told_what_to_do(bench: Bench) -> None:
    told = bench.world.event(WorkspaceCreated(name="Acme <!channel> & Sons\n*", timezone="UTC"), ACME)
    await bench.world.deliver(told, topic="workspaces")
    await bench.ready()
    await bench.work()
    [message] = bench.posted()
    assert (message["account"], message["channel"], message["direct"]) == ("harborline", bench.person, True)
    assert message["text"] == (
        "Gong needs reconnecting in Callmine's workspace Acme &lt;!channel&gt; &amp; Sons *: it can no longer be used with the "
        "credential that was given. Until then no calls are fetched, and new runs fail. An admin of the workspace can reconnect "
        f"it: {ADDRESS}"
    )
    assert NEVER_POSTED not in str(message)
    assert await bench.ends() == [SENT]


async def test_the_vault_is_asked_in_words_for_its_journal(bench: Bench) -> None:
    await bench.hear(bench.lost(HUBSPOT, 7))
    [event] = await bench.asked()
    asked = event.payload
    assert isinstance(asked, CredentialRequested)
    assert (asked.provider, asked.purpose, asked.subject_id) == (SLACK, "notice", "hubspot-7")
    assert event.workspace_id == ACME


async def test_nothing_is_left_of_the_grant_and_nothing_is_told_of_it(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await bench.ready()
    [held] = await bench.world.rows("SELECT sealed, sealing_key_id, grant_expires_at FROM notices")
    assert None not in tuple(held)
    assert bench.token.encode() not in bytes(held["sealed"])
    await bench.work()
    [row] = await bench.world.rows("SELECT sealed, sealing_key_id, grant_expires_at FROM notices")
    assert tuple(row) == (None, None, None)
    lines = [JsonFormatter("analysis").format(record) for record in caplog.records]
    said = f"{await bench.world.everything()}{lines}"
    assert "a notice was sent by Slack" in said
    assert bench.token not in said
    assert bench.person not in said


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_each_version_is_told_once_in_any_order(bench: Bench, order: tuple[int, ...]) -> None:
    """Lost, found again, lost again; everything twice as it is and once more as another event."""
    found = bench.world.event(IntegrationConnected(provider=GONG, credential_version=2), f"{ACME}:{GONG}", sequence=4)
    story = [bench.lost(version=1), found, bench.lost(version=2)]
    for place in order:
        await bench.hear(story[place], story[place], again(story[place]))
        for _ in range(2):
            if await bench.asked():
                await bench.answer(await bench.granted())
            await bench.work()
    # The first loss is no news where something later was heard before it.
    told = [1, 2] if order[0] == 0 else [2]
    rows = await bench.world.rows("SELECT credential_version, state FROM notices ORDER BY 1")
    assert [tuple(row) for row in rows] == [(version, "sent") for version in told]
    assert len(bench.posted()) == len(told)


async def test_a_grant_that_comes_again_sends_nothing_again(bench: Bench) -> None:
    await bench.hear(bench.lost())
    grant = await bench.granted()
    await bench.answer(grant)
    await bench.answer(again(grant))
    await bench.work()
    await bench.answer(again(grant))
    await bench.answer(again(await bench.denied(DenialReason.DENIAL_REASON_NOT_CONNECTED)))
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [SENT])


async def test_a_grant_nobody_asked_for_is_parked(bench: Bench) -> None:
    await bench.hear(bench.lost())
    grant = await bench.granted()
    stranger = replace(grant, workspace_id=RIVAL)
    await bench.world.deliver(stranger, topic="credential-grants-analysis")
    [parked] = await bench.world.rows("SELECT reason FROM parked")
    assert "has asked for this grant" in parked["reason"]
    assert [state for state, _ in await bench.ends()] == ["waiting_grant"]


async def test_slacks_own_loss_is_told_to_nobody(bench: Bench) -> None:
    await bench.hear(bench.lost(SLACK))
    assert (await bench.asked(), await bench.ends()) == ([], [])


async def test_workspaces_have_their_own(bench: Bench) -> None:
    await bench.hear(bench.lost())
    await bench.answer(await bench.granted())
    await bench.hear(bench.lost(workspace_id=RIVAL))
    await bench.answer(await bench.denied(DenialReason.DENIAL_REASON_NOT_CONNECTED))
    await bench.work()
    assert await bench.ends() == [SENT, ("skipped", "slack_not_connected")]
    assert len(bench.posted()) == 1


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        (DenialReason.DENIAL_REASON_NOT_CONNECTED, ("skipped", "slack_not_connected")),
        (DenialReason.DENIAL_REASON_NEEDS_RECONNECT, ("skipped", "slack_needs_reconnect")),
        (DenialReason.DENIAL_REASON_NOT_ALLOWED, ("failed", "not_allowed")),
        (99, ("failed", "denied")),
    ],
)
async def test_without_slack_nothing_is_sent(
    bench: Bench, reason: DenialReason.ValueType, end: tuple[str, str]
) -> None:
    await bench.hear(bench.lost())
    await bench.answer(await bench.denied(reason))
    await bench.work()
    assert (await bench.ends(), bench.posted()) == ([end], [])


@pytest.mark.parametrize(
    ("changes", "end"),
    [
        ({"provider_user": ""}, ("skipped", "nobody_known")),
        ({"token": ""}, ("failed", "credential_closed")),
        ({"kind": "basic"}, ("failed", "credential_closed")),
    ],
)
async def test_a_grant_that_says_too_little(bench: Bench, changes: dict[str, object], end: tuple[str, str]) -> None:
    await bench.ready(**changes)
    await bench.work()
    assert (await bench.ends(), bench.posted()) == ([end], [])


async def test_a_grant_of_another_notice_does_not_open(bench: Bench) -> None:
    await bench.ready()
    await bench.hear(bench.lost(HUBSPOT))
    await bench.answer(await bench.granted())
    await bench.world.owner(
        "UPDATE notices n SET sealed = o.sealed, grant_expires_at = o.grant_expires_at FROM notices o"
        " WHERE n.provider = 'hubspot' AND o.provider = 'gong'"
    )
    await bench.work()
    assert await bench.ends() == [SENT, ("failed", "credential_closed")]


@pytest.mark.parametrize("found", [IntegrationConnected, IntegrationDisconnected])
async def test_what_was_mended_meanwhile_is_not_told(bench: Bench, found: type[Message]) -> None:
    await bench.ready()
    message = found(provider=GONG, credential_version=2)
    await bench.hear(bench.world.event(message, f"{ACME}:{GONG}", sequence=4))
    await bench.work()
    assert (await bench.ends(), bench.posted()) == ([("skipped", "no_longer_due")], [])


async def test_what_is_old_is_not_told(bench: Bench) -> None:
    await bench.ready()
    await bench.world.owner("UPDATE notices SET created_at = now() - interval '25 hours'")
    await bench.work()
    assert (await bench.ends(), bench.posted()) == ([("skipped", "too_late")], [])


async def test_another_grant_is_asked_for_where_one_is_over(bench: Bench) -> None:
    await bench.ready(lasts=10)
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("waiting_grant", "")])
    assert len({event.aggregate_id for event in await bench.asked()}) == 2
    await bench.answer(await bench.granted())
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [SENT])


@pytest.mark.parametrize(
    "how",
    [
        {"status": 429, "retry_after": 1},
        {"status": 429},
        {"body": '{"ok": false, "error": "ratelimited"}'},
        {"body": '{"ok": false, "error": "rate_limited"}'},
        {"body": '{"ok": false, "error": "service_unavailable"}'},
        {"body": '{"ok": false, "error": "team_added_to_org"}'},
    ],
)
async def test_slack_that_cannot_now_is_asked_later(bench: Bench, how: dict[str, object]) -> None:
    bench.arm(**how, count=3)
    await bench.ready()
    await bench.work()
    assert (len(bench.posted()), await bench.ends(), bench.struck()) == (1, [SENT], [3])


async def test_waiting_as_slack_asks_counts_for_nothing(bench: Bench) -> None:
    bench.arm(status=429, retry_after=60, count=20)
    await bench.ready()
    await bench.skip_waits()
    await bench.pool().drain()
    [row] = await bench.world.rows(
        "SELECT state, attempts, lease_until > now() + interval '50 seconds' AS waits FROM notices"
    )
    assert tuple(row) == ("ready", 0, True)
    await bench.work()
    assert (len(bench.posted()), await bench.ends(), bench.struck()) == (1, [SENT], [20])


async def test_slack_that_is_away_is_given_up_after_a_while(bench: Bench, outside: Outside) -> None:
    await bench.ready()
    async with Egress([destination("https://localhost:1")], ca_file=outside.ca_file) as nowhere:
        bench.egress = nowhere
        await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("failed", "given_up")])


@pytest.mark.parametrize(
    "code", ["channel_not_found", "messages_tab_disabled", "missing_scope", "is_archived", "brand_new_code"]
)
async def test_slack_that_declines_is_not_asked_again(bench: Bench, code: str) -> None:
    bench.arm(body=f'{{"ok": false, "error": "{code}"}}')
    await bench.ready()
    await bench.work()
    assert (bench.posted(), await bench.ends(), bench.struck()) == ([], [("failed", code)], [1])
    assert await bench.world.sent_of(CredentialRejected) == []


async def test_words_that_are_no_code_are_not_kept(bench: Bench) -> None:
    bench.arm(body='{"ok": false, "error": "Hello <b>you</b>"}')
    await bench.ready()
    await bench.work()
    assert await bench.ends() == [("failed", "no_code")]


@pytest.mark.parametrize(
    "how",
    [
        {"status": 500},
        {"status": 503, "retry_after": 1},
        {"status": 503, "after": True},
        {"html": True},
        {"html": True, "after": True},
        {"malformed": True},
        {"truncate": True},
        {"body": '{"ok": false, "error": "internal_error"}'},
        {"body": '{"ok": false, "error": "fatal_error"}', "after": True},
        {"body": '{"ok": "yes"}'},
        {"redirect": "https://evil.example/"},
    ],
)
async def test_an_answer_that_does_not_tell_is_never_repeated(bench: Bench, how: dict[str, object]) -> None:
    bench.arm(**how)
    await bench.ready()
    await bench.work()
    assert (await bench.ends(), bench.struck()) == ([UNKNOWN], [1])
    await bench.hear(again(bench.lost()))
    await bench.work()
    assert (await bench.ends(), bench.struck()) == ([UNKNOWN], [1])


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "account_inactive", "token_expired"])
async def test_a_refused_credential_is_told_to_the_vault_and_tried_once_more(bench: Bench, code: str) -> None:
    bench.arm(body=f'{{"ok": false, "error": "{code}"}}', count=1)
    await bench.ready(version=3)
    await bench.work()
    [told] = await bench.world.sent_of(CredentialRejected)
    rejected = told.payload
    assert isinstance(rejected, CredentialRejected)
    first, second = (event.aggregate_id for event in await bench.asked())
    said = (rejected.grant_id, rejected.provider, rejected.credential_version, rejected.provider_status)
    assert said == (first, SLACK, 3, 200)
    assert (told.aggregate_id, told.sequence, first == second) == (first, 2, False)
    await bench.answer(await bench.granted(version=4))
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [SENT])


async def test_time_is_left_for_the_vault_to_renew_the_token(bench: Bench) -> None:
    await bench.ready(token="not-a-token-of-slack")
    await bench.skip_waits()
    await bench.pool().drain()
    [row] = await bench.world.rows("SELECT state, lease_until > now() + interval '20 seconds' AS waits FROM notices")
    assert tuple(row) == ("ready", True)
    assert len(await bench.asked()) == 1


async def test_the_same_version_refused_twice_ends_it(bench: Bench) -> None:
    await bench.ready(token="not-a-token-of-slack")
    await bench.work()
    await bench.answer(await bench.granted(token="not-a-token-of-slack"))
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("failed", "credential_refused")])
    assert len(await bench.world.sent_of(CredentialRejected)) == len(await bench.asked()) == 2


async def crash_at(bench: Bench, point: str) -> None:
    def trap(reached: str) -> None:
        if reached == point:
            raise Crash

    await bench.skip_waits()
    faultpoints.arm(trap)
    try:
        with pytest.raises(BaseException) as died:  # noqa: PT011 - wrapped in the groups of the tasks it went through
            await bench.pool().drain()
    finally:
        faultpoints.arm(None)
    assert died.type is Crash or died.group_contains(Crash)


@pytest.mark.parametrize(
    ("point", "end", "posted"),
    [
        ("analysis.notice.claimed", SENT, 1),
        ("analysis.notice.before_sending", SENT, 1),
        ("analysis.notice.sending", UNKNOWN, 0),
        ("analysis.notice.posted", UNKNOWN, 1),
        ("analysis.notice.before_commit", UNKNOWN, 1),
    ],
)
async def test_killed_anywhere_it_is_sent_at_most_once(
    bench: Bench, point: str, end: tuple[str, str], posted: int
) -> None:
    await bench.ready()
    await crash_at(bench, point)
    await bench.work()
    assert (await bench.ends(), len(bench.posted())) == ([end], posted)
    [row] = await bench.world.rows("SELECT sealed FROM notices")
    assert row["sealed"] is None


@pytest.mark.parametrize("point", ["analysis.notice.refused", "outbox.before_commit"])
async def test_killed_while_a_refusal_is_noted_it_is_unknown_and_told_to_nobody(bench: Bench, point: str) -> None:
    """Nobody but the one who died knew that nothing was posted."""
    await bench.ready(token="not-a-token-of-slack")
    await crash_at(bench, point)
    await bench.work()
    assert (await bench.ends(), await bench.world.sent_of(CredentialRejected)) == ([UNKNOWN], [])


async def test_who_is_overtaken_while_slack_thinks_changes_nothing(bench: Bench) -> None:
    begun = asyncio.Event()
    faultpoints.arm(lambda reached: begun.set() if reached == "analysis.notice.sending" else None)
    bench.arm(delay=2.0)
    await bench.ready()
    async with asyncio.TaskGroup() as group:
        group.create_task(bench.pool().drain())
        await begun.wait()
        faultpoints.arm(None)
        await bench.work()
        assert (await bench.ends(), bench.posted()) == ([UNKNOWN], [])
    assert (await bench.ends(), len(bench.posted())) == ([UNKNOWN], 1)


async def test_two_workers_at_once_send_one(bench: Bench) -> None:
    await bench.ready()
    await bench.skip_waits()
    await asyncio.gather(*(bench.pool().drain() for _ in range(4)))
    assert (len(bench.posted()), await bench.ends()) == (1, [SENT])


async def test_a_message_for_another_provider_is_parked(bench: Bench) -> None:
    await bench.hear(bench.lost())
    grant = await bench.granted()
    grant.payload.provider = GONG  # type: ignore[attr-defined]
    verdicts = await bench.world.deliver(grant, topic="credential-grants-analysis")
    assert verdicts == [Verdict.ACK]
    [parked] = await bench.world.rows("SELECT reason FROM parked")
    assert "not for the provider" in parked["reason"]


def announced(bench: Bench, listed_on: str = "2026-12-01", **changes: str) -> Event[Message]:
    """Retention says that a sub-processor is going to be added."""
    told = {
        "name": "acme",
        "company": "Acme <!channel> AI",
        "purpose": "Answers briefs",
        "listed_on": listed_on,
        "in_effect_from": "2099-01-31",
    }
    return bench.world.event(SubProcessorAnnounced(**{**told, **changes}), "acme", sequence=1)


async def hear(bench: Bench, *events: Event[Message]) -> list[Verdict]:
    return await bench.world.deliver(*events, topic="sub-processors")


async def test_a_new_sub_processor_is_told_once_to_who_connected_slack(bench: Bench) -> None:
    event = announced(bench)
    assert set(await hear(bench, event, event, again(event))) == {Verdict.ACK}
    await bench.answer(await bench.granted())
    await bench.work()
    await hear(bench, again(event))
    await bench.work()
    [message] = bench.posted()
    text = str(message["text"])
    assert (message["channel"], message["direct"]) == (bench.person, True)
    assert "Acme &lt;!channel&gt; AI" in text
    assert "No data goes there before 31 January 2099" in text
    assert f"{SITE}/sub-processors" in text
    assert await bench.ends() == [SENT]
    # Listed anew, it is another announcement.
    await hear(bench, announced(bench, "2027-06-01"))
    await bench.answer(await bench.granted())
    await bench.work()
    assert len(bench.posted()) == 2
    async with program(site(bench.world), ACME, "admin") as client:
        told = (await client.get("/api/v1/delivery/notices")).json()["notices"]
        page = await client.get("/settings/delivery", headers={"accept": "text/html"})
    assert [(one["company"], one["state"], one["reason"]) for one in told] == [("Acme <!channel> AI", "sent", None)] * 2
    assert page.text.count("Acme &lt;!channel&gt; AI, in effect from 31 Jan 2099: to who connected Slack") == 2


@pytest.mark.parametrize(
    "point", ["analysis.notice.before_sending", "analysis.notice.sending", "analysis.notice.posted"]
)
async def test_a_worker_that_dies_announces_nothing_twice(bench: Bench, point: str) -> None:
    await hear(bench, announced(bench))
    await bench.answer(await bench.granted())

    def die(reached: str) -> None:
        if reached == point:
            raise Crash

    faultpoints.arm(die)
    await bench.skip_waits()
    try:
        with pytest.raises((Crash, BaseExceptionGroup)):
            await bench.pool().drain()
    finally:
        faultpoints.arm(None)
    await bench.work()
    assert len(bench.posted()) == (0 if point == "analysis.notice.sending" else 1)
    assert await bench.ends() == [SENT if point == "analysis.notice.before_sending" else UNKNOWN]


async def test_without_slack_it_is_said_why_nobody_was_told(bench: Bench) -> None:
    await hear(bench, announced(bench))
    await bench.answer(await bench.denied(DenialReason.DENIAL_REASON_NOT_CONNECTED))
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("skipped", "slack_not_connected")])
    # Data goes there already: there is nothing to be told beforehand.
    await hear(bench, announced(bench, "2026-01-01", in_effect_from="2026-01-31"))
    await bench.answer(await bench.granted())
    await bench.work()
    assert (bench.posted(), ("skipped", "too_late") in await bench.ends()) == ([], True)


@pytest.mark.parametrize("changes", [{"name": "a:b"}, {"company": ""}, {"listed_on": "tomorrow"}, {"purpose": ""}])
async def test_an_announcement_that_is_not_whole_is_parked(bench: Bench, changes: dict[str, str]) -> None:
    assert await hear(bench, announced(bench, **changes)) == [Verdict.ACK]
    assert await bench.ends() == []
