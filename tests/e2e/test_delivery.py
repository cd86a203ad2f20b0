"""From Connect Slack to a message in a channel, through all five services: a schedule's run is posted where the schedule says."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

from e2e.conftest import Finished
from e2e.consents import connect_by_oauth
from e2e.runs import database, end_of
from e2e.sandbox import Sandbox
from local.journey import Json, Person, admin_of, asked
from local.stack import Stack

WORKSPACE = "harborline"
NAME = "Price every week"
CONNECTED = "SELECT 1 FROM integrations WHERE provider = 'slack' AND state = 'connected'"


async def by_and_by(look: Callable[[], Awaitable[Json]], good: Callable[[Json], object]) -> Json:
    """What is seen as soon as it is `good`. Raises AssertionError."""
    deadline = time.monotonic() + 60
    while True:
        seen = await look()
        if good(seen):
            return seen
        assert time.monotonic() < deadline, f"it does not come to that: {seen}"
        await asyncio.sleep(0.2)


async def heard_by_analysis(stack: Stack) -> None:
    """Return once analysis has heard that Slack is connected; until then it refuses to ask for channels. Raises AssertionError."""
    deadline = time.monotonic() + 60
    while not await database(stack, "analysis", CONNECTED):
        assert time.monotonic() < deadline, "analysis does not hear that Slack is connected"
        await asyncio.sleep(0.1)


async def channels(person: Person) -> dict[str, Json]:
    """Slack's channels by name, read anew."""
    await person.json("POST", "/api/v1/delivery/channels")
    listed = await by_and_by(
        lambda: person.json("GET", "/api/v1/delivery/channels"), lambda seen: not seen["under_way"]
    )
    assert listed["reason"] is None
    return {channel["name"]: channel for channel in listed["channels"]}


async def test_a_schedules_run_is_posted_to_its_channel(finished: Finished) -> None:
    stack = finished.stack
    outside, person = Sandbox(stack), admin_of(stack, WORKSPACE)
    await connect_by_oauth(person, "slack", WORKSPACE)
    await heard_by_analysis(stack)
    found = await channels(person)
    assert [name for name, channel in found.items() if channel["joined"]] == ["general", "sales"]
    await outside.clear_slack()

    days = {"from", "to"}
    question = {name: value for name, value in (await asked(person, WORKSPACE)).items() if name not in days}
    plan = {"name": NAME, "cadence": "weekly", "weekdays": ["mon"], "time": "09:00", "range": "last_90_days"}
    where = {"delivery": "channel", "channel": found["sales"]["id"]}
    schedule = await person.json("POST", "/api/v1/schedules", json=question | {"max_calls": 2} | plan | where)
    run = await person.json("POST", f"/api/v1/schedules/{schedule['schedule_id']}/run")
    ended = await end_of(person, run)
    assert ended["state"] == "completed", ended

    async def delivered() -> Json:
        [one] = (await person.json("GET", f"/api/v1/runs/{run['run_id']}/deliveries"))["deliveries"]
        assert isinstance(one, dict)
        return one

    delivery = await by_and_by(delivered, lambda one: one["state"] not in {"waiting", "ready"})
    assert (delivery["state"], delivery["channel_name"]) == ("posted", "sales")
    [message] = await outside.slack_messages()
    assert (message["channel"], message["mentions"]) == ("sales", [])
    assert message["metadata"]["event_payload"] == {"delivery_id": delivery["delivery_id"]}
    said = json.dumps(message["blocks"])
    assert NAME in said
    assert f"{stack.url}/reports/{ended['report_id']}" in said
    await person.call("DELETE", f"/api/v1/schedules/{schedule['schedule_id']}")
    await outside.clear_slack()
