"""Finished reports go to a Slack channel: once, or it is said that this is not known; whatever breaks in between."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from google.protobuf.message import Message
from msgspec import structs

from analysis.domain.deliveries import Covers
from analysis.slack.client import destination
from callmine.credentials.v1.credentials_pb2 import CredentialRejected, CredentialRequested, DenialReason
from contracts import Event
from core.ids import uuid7
from core.log import JsonFormatter
from egress import Egress
from integration.analysis.delivery_bench import (
    ADDRESS,
    ARCHIVED,
    HISTORY,
    LEADERSHIP,
    DeliveryBench,
    delivery_bench,
)
from integration.analysis.slack_bench import SLACK
from integration.analysis.world import ACME, MAYA, RIVAL, World, question
from testkit.outside import Outside

POSTED = ("posted", "")
UNREADABLE = ("unclear", "history_not_readable")


@pytest.fixture
async def bench(world: World, outside: Outside) -> AsyncIterator[DeliveryBench]:
    async with delivery_bench(world, outside) as bench:
        yield bench


def again(event: Event[Message]) -> Event[Message]:
    """The same, as a producer sends it that crashed before it knew it had published."""
    return structs.replace(event, event_id=uuid7())


async def test_a_finished_report_is_posted_to_the_workspaces_channel(bench: DeliveryBench) -> None:
    await bench.ready()
    await bench.work()
    [message] = bench.posted()
    [row] = await bench.rows()
    assert (message["account"], message["channel"], message["direct"]) == ("harborline", "sales", False)
    said = json.dumps(message["blocks"])
    assert "What do buyers say about our price?" in said
    assert f"<{ADDRESS}/reports/{row['report_id']}|Open the report in Callmine>" in said
    assert "1. Price too high - 2 calls (100 %)" in said
    assert "higher than we planned" not in said, "no quote"
    assert "Price decides" not in said, "no sentence of the report"
    assert message["mentions"] == []
    assert message["metadata"] == {"event_type": "callmine_delivery", "event_payload": {"delivery_id": str(row["id"])}}
    assert (row["state"], row["message_ts"]) == ("posted", message["ts"])


async def test_the_vault_is_asked_in_words_for_its_journal(bench: DeliveryBench) -> None:
    await bench.choose()
    run_id = await bench.world.finished_run()
    [event] = await bench.asked()
    asked = event.payload
    assert isinstance(asked, CredentialRequested)
    assert (asked.provider, asked.purpose, asked.subject_id) == (SLACK, "delivery", f"report-{run_id}")
    assert event.workspace_id == ACME


async def test_nothing_is_left_of_the_grant_and_nothing_is_told_of_it(
    bench: DeliveryBench, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    await bench.ready()
    [held] = await bench.world.rows("SELECT state, sealed, sealing_key_id, expires_at FROM slack_grants")
    assert None not in tuple(held)
    assert bench.slack.token.encode() not in bytes(held["sealed"])
    await bench.work()
    [row] = await bench.world.rows("SELECT state, sealed, sealing_key_id, expires_at FROM slack_grants")
    assert tuple(row) == ("over", None, None, None)
    lines = [JsonFormatter("analysis").format(record) for record in caplog.records]
    assert "a report was posted to Slack" in str(lines)
    assert bench.slack.token not in f"{await bench.world.everything()}{lines}"
    assert "our price" not in str(lines)
    assert "Price too high" not in str(lines)


async def test_nothing_is_asked_or_posted_where_nobody_has_chosen(bench: DeliveryBench) -> None:
    await bench.world.finished_run()
    assert (await bench.rows(), await bench.asked()) == ([], [])


async def test_runs_of_people_are_left_out_where_only_schedules_are_posted(bench: DeliveryBench) -> None:
    await bench.choose(covers=Covers.SCHEDULES)
    await bench.world.finished_run()
    assert await bench.rows() == []


async def test_a_grant_that_comes_again_posts_nothing_again(bench: DeliveryBench) -> None:
    await bench.choose()
    await bench.world.finished_run()
    grant = await bench.slack.granted()
    for _ in range(2):
        await bench.slack.answer(grant)
        await bench.slack.answer(again(grant))
        await bench.work()
    await bench.slack.answer(again(await bench.slack.denied(DenialReason.DENIAL_REASON_NOT_CONNECTED)))
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [POSTED])


async def test_a_grant_of_another_workspace_is_parked(bench: DeliveryBench) -> None:
    await bench.choose()
    await bench.world.finished_run()
    grant = structs.replace(await bench.slack.granted(), workspace_id=RIVAL)
    await bench.world.deliver(grant, topic="credential-grants-analysis")
    assert len(await bench.world.rows("SELECT reason FROM parked")) == 1
    assert [row["state"] for row in await bench.rows()] == ["waiting"]


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        (DenialReason.DENIAL_REASON_NOT_CONNECTED, "slack_not_connected"),
        (DenialReason.DENIAL_REASON_NEEDS_RECONNECT, "slack_needs_reconnect"),
        (DenialReason.DENIAL_REASON_NOT_ALLOWED, "not_allowed"),
    ],
)
async def test_without_a_slack_it_is_said_that_nothing_was_posted(
    bench: DeliveryBench, reason: DenialReason.ValueType, end: str
) -> None:
    await bench.choose()
    await bench.world.finished_run()
    await bench.slack.answer(await bench.slack.denied(reason))
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("skipped", end)])
    assert ("", "delivery") in await bench.told()


async def test_what_is_switched_off_meanwhile_is_not_posted(bench: DeliveryBench) -> None:
    await bench.ready()
    await bench.choose("")
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("skipped", "switched_off")])
    assert ("", "delivery") not in await bench.told()


async def test_what_the_plan_hides_is_not_posted(bench: DeliveryBench) -> None:
    await bench.ready()
    await bench.world.owner("UPDATE reports SET created_at = now() - interval '31 days'")
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("skipped", "hidden")])


async def test_what_could_not_be_posted_within_a_day_is_not(bench: DeliveryBench) -> None:
    await bench.ready()
    await bench.world.owner("UPDATE deliveries SET created_at = now() - interval '25 hours'")
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("skipped", "too_late")])


async def test_a_cancelled_run_s_partial_report_is_not_posted(bench: DeliveryBench) -> None:
    await bench.choose()
    run_id = await bench.world.desk.start(ACME, question(), MAYA)
    await bench.world.deliver(await bench.world.fetched(run_id, "call0"))
    await bench.world.work()
    await bench.world.desk.cancel(ACME, run_id, MAYA)
    await bench.world.work()
    assert (await bench.world.desk.run(ACME, run_id)).report_id is not None
    assert (await bench.rows(), await bench.told()) == ([], [])


@pytest.mark.parametrize(
    ("channel", "code"),
    [(LEADERSHIP, "not_in_channel"), (ARCHIVED, "is_archived"), ("C0NOWHERE00", "channel_not_found")],
)
async def test_slack_that_declines_is_not_asked_again_and_the_admins_are_told(
    bench: DeliveryBench, channel: str, code: str
) -> None:
    await bench.ready(channel)
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("failed", code)])
    assert ("", "delivery") in await bench.told()
    assert await bench.world.sent_of(CredentialRejected) == []


@pytest.mark.parametrize("code", ["restricted_action", "invalid_blocks", "missing_scope", "brand_new_code"])
async def test_other_refusals_end_it_with_slacks_word(bench: DeliveryBench, code: str) -> None:
    bench.arm({"body": f'{{"ok": false, "error": "{code}"}}'})
    await bench.ready()
    await bench.work()
    assert (bench.posted(), await bench.ends(), bench.slack.struck()) == ([], [("failed", code)], [1])


@pytest.mark.parametrize(
    "how",
    [
        {"status": 429, "retry_after": 1},
        {"body": '{"ok": false, "error": "ratelimited"}'},
        {"body": '{"ok": false, "error": "service_unavailable"}'},
    ],
)
async def test_slack_that_cannot_now_is_asked_later(bench: DeliveryBench, how: dict[str, object]) -> None:
    bench.arm(how, 3)
    await bench.ready()
    await bench.work()
    assert (len(bench.posted()), await bench.ends(), bench.slack.struck()) == (1, [POSTED], [3])


async def test_waiting_as_slack_asks_counts_for_nothing(bench: DeliveryBench) -> None:
    bench.arm({"status": 429, "retry_after": 300}, 1)
    await bench.ready()
    await bench.skip_waits()
    await bench.pool().drain()
    [row] = await bench.world.rows(
        "SELECT state, attempts, asked_at, lease_until > now() + interval '290 seconds' AS waits FROM deliveries"
    )
    assert tuple(row) == ("ready", 0, None, True)


async def test_slack_that_is_away_is_asked_when_it_is_back(bench: DeliveryBench, outside: Outside) -> None:
    await bench.ready()
    here = bench.slack.egress
    async with Egress([destination("https://localhost:1")], ca_file=outside.ca_file) as nowhere:
        bench.slack.egress = nowhere
        for _ in range(12):
            await bench.skip_waits()
            await bench.pool().drain()
    assert await bench.ends() == [("ready", "")]
    bench.slack.egress = here
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [POSTED])


UNTOLD = [
    pytest.param({"status": 500}, 0, id="500"),
    pytest.param({"status": 503, "after": True}, 1, id="503-after"),
    pytest.param({"html": True}, 0, id="html"),
    pytest.param({"html": True, "after": True}, 1, id="html-after"),
    pytest.param({"truncate": True}, 1, id="truncated"),
    pytest.param({"body": '{"ok": false, "error": "fatal_error"}', "after": True}, 1, id="fatal-after"),
    pytest.param({"body": '{"ok": true}', "after": True}, 1, id="no-ts"),
]


@pytest.mark.parametrize(("how", "arrived"), UNTOLD)
async def test_an_answer_that_does_not_tell_is_never_repeated(
    bench: DeliveryBench, how: dict[str, object], arrived: int
) -> None:
    """The scopes that Callmine asks for do not let it read channels."""
    bench.arm(how, 1)
    await bench.ready()
    await bench.work()
    assert (await bench.ends(), len(bench.posted()), bench.slack.struck()) == ([UNREADABLE], arrived, [1])
    assert ("", "delivery") in await bench.told()


@pytest.mark.parametrize(("how", "arrived"), UNTOLD)
async def test_where_the_channel_can_be_read_it_is_there_once(
    bench: DeliveryBench, how: dict[str, object], arrived: int
) -> None:
    await bench.allow_history()
    bench.arm(how, 1)
    await bench.ready()
    await bench.work()
    assert (await bench.ends(), len(bench.posted())) == ([POSTED], 1)
    [row] = await bench.rows()
    assert row["message_ts"] == bench.posted()[0]["ts"]


async def test_it_is_looked_for_only_when_what_is_under_way_has_arrived(bench: DeliveryBench) -> None:
    await bench.allow_history()
    bench.arm({"status": 503, "after": True}, 1)
    await bench.ready()
    await bench.skip_waits()
    await bench.pool().drain()
    [row] = await bench.world.rows(
        "SELECT state, asked_at IS NOT NULL AS asked, lease_until > now() + interval '50 seconds' AS waits FROM deliveries"
    )
    assert tuple(row) == ("ready", True, True)
    # A lease that ends early changes nothing: it is the time since Slack was asked that counts.
    await bench.world.owner("UPDATE deliveries SET lease_until = now() - interval '1 second'")
    await bench.pool().drain()
    assert await bench.ends() == [("ready", "")]


async def test_it_is_found_behind_many_other_messages(bench: DeliveryBench) -> None:
    await bench.allow_history()
    bench.arm({"status": 503, "after": True}, 1)
    await bench.ready()
    await bench.skip_waits()
    await bench.pool().drain()
    kept = bench.slack.outside.running.sandbox.messages
    first = kept.newest_first()[0]
    for number in range(40):
        kept.add(replace(first, ts=f"{first.ts[:-6]}{500 + number:06}", metadata=None))
    kept.add(replace(first, ts=f"{first.ts[:-6]}{999:06}", metadata={"event_type": "other", "event_payload": {"x": 1}}))
    await bench.work()
    [row] = await bench.rows()
    assert (row["state"], row["message_ts"], len(bench.posted())) == ("posted", first.ts, 42)


@pytest.mark.parametrize(
    "how", [{"status": 500}, {"status": 429, "retry_after": 1}, {"html": True}, {"body": '{"ok": true}'}]
)
async def test_a_look_that_fails_is_repeated(bench: DeliveryBench, how: dict[str, object]) -> None:
    await bench.allow_history()
    bench.arm({"status": 503, "after": True}, 1)
    bench.arm(how, 6, HISTORY)
    await bench.ready()
    await bench.work()
    assert (await bench.ends(), len(bench.posted())) == ([POSTED], 1)


@pytest.mark.parametrize("code", ["invalid_auth", "token_revoked", "token_expired"])
async def test_a_refused_credential_is_told_to_the_vault_and_tried_once_more(bench: DeliveryBench, code: str) -> None:
    bench.arm({"body": f'{{"ok": false, "error": "{code}"}}'}, 1)
    await bench.ready(version=3)
    await bench.work()
    [told] = await bench.world.sent_of(CredentialRejected)
    rejected = told.payload
    assert isinstance(rejected, CredentialRejected)
    first, second = (event.aggregate_id for event in await bench.asked())
    assert (rejected.grant_id, rejected.credential_version, rejected.provider_status) == (first, 3, 200)
    assert (told.aggregate_id, told.sequence, first == second) == (first, 2, False)
    await bench.slack.answer(await bench.slack.granted(version=4))
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [POSTED])


async def test_the_same_version_refused_twice_ends_it(bench: DeliveryBench) -> None:
    await bench.ready(token="not-a-token-of-slack")
    await bench.work()
    await bench.slack.answer(await bench.slack.granted(token="not-a-token-of-slack"))
    await bench.work()
    assert (bench.posted(), await bench.ends()) == ([], [("failed", "credential_refused")])
    assert len(await bench.world.sent_of(CredentialRejected)) == len(await bench.asked()) == 2


async def test_a_grant_that_ends_is_asked_for_again(bench: DeliveryBench) -> None:
    await bench.ready(lasts=5)
    await bench.work()
    assert (await bench.ends(), len(await bench.asked())) == ([("waiting", "")], 2)
    await bench.slack.answer(await bench.slack.granted())
    await bench.work()
    assert (len(bench.posted()), await bench.ends()) == (1, [POSTED])
    states = await bench.world.rows("SELECT state FROM slack_grants ORDER BY asked_at")
    assert [row["state"] for row in states] == ["over", "over"]
