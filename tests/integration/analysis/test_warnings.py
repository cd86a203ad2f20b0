"""What stands above every page while an integration needs reconnecting."""

from __future__ import annotations

import itertools

import httpx
import pytest
from google.protobuf.message import Message

from callmine.integrations.v1.integrations_pb2 import (
    IntegrationConnected,
    IntegrationDisconnected,
    IntegrationNeedsReconnect,
    Provider,
)
from core.ids import WorkspaceId
from integration.analysis.site import browser, site
from integration.analysis.world import ACME, MAYA, RIVAL, World, question

GONG, SLACK = Provider.PROVIDER_GONG, Provider.PROVIDER_SLACK
REASON = "Gong no longer accepts the credential; it may have been revoked or deleted there."
WARNING = "Gong needs reconnecting"


async def tell(world: World, message: Message, sequence: int, name: str = "gong") -> None:
    """The vault says something about one of ACME's integrations."""
    await world.deliver(world.event(message, f"{ACME}:{name}", sequence=sequence), topic="integrations")


async def page(world: World, path: str, workspace_id: WorkspaceId = ACME, role: str = "member") -> httpx.Response:
    async with browser(site(world), workspace_id, role) as client:
        return await client.get(path)


async def test_members_are_told_and_admins_are_shown_the_way(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=GONG, reason=REASON), 1)
    for_member, for_admin = (await page(world, "/dashboard")).text, (await page(world, "/dashboard", role="admin")).text
    for text in (for_member, for_admin):
        assert WARNING in text
        assert REASON in text
    assert "Reconnect it under Integrations" in for_admin
    assert "An admin can reconnect it" in for_member
    assert "Reconnect it under Integrations" not in for_member


async def test_it_stands_above_every_page(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=GONG, reason=REASON), 1)
    run = await world.finished_run(1)
    report_id = (await world.desk.run(ACME, run)).report_id
    for path in (
        "/dashboard",
        "/new",
        f"/runs/{run}",
        f"/reports/{report_id}",
        f"/reports/{report_id}/calls/call0",
        f"/previews/{await world.desk.ask_preview(ACME, question(), MAYA)}",
    ):
        answer = await page(world, path)
        assert (answer.status_code, answer.text.count(WARNING)) == (200, 1), path


async def test_a_part_for_htmx_is_the_part_alone(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=GONG, reason=REASON), 1)
    run = await world.finished_run(1)
    async with browser(site(world), ACME) as client:
        part = await client.get(f"/runs/{run}", headers={"hx-request": "true"})
    assert part.text.lstrip().startswith("<section")
    assert WARNING not in part.text


STORY: list[tuple[Message, int]] = [
    (IntegrationConnected(provider=GONG, credential_version=1), 1),
    (IntegrationNeedsReconnect(provider=GONG, credential_version=1, reason=REASON), 2),
    (IntegrationConnected(provider=GONG, credential_version=2), 3),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
async def test_it_goes_with_the_reconnect_in_whatever_order_it_is_heard(world: World, order: tuple[int, ...]) -> None:
    for number in (*order, *order):
        await tell(world, *STORY[number])
    assert WARNING not in (await page(world, "/dashboard")).text
    await tell(world, IntegrationNeedsReconnect(provider=GONG, credential_version=2, reason=REASON), 4)
    assert WARNING in (await page(world, "/dashboard")).text


async def test_it_goes_when_somebody_disconnects(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=GONG, reason=REASON), 1)
    await tell(world, IntegrationDisconnected(provider=GONG), 2)
    assert WARNING not in (await page(world, "/dashboard")).text


async def test_each_integration_has_its_own_and_other_workspaces_have_none(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=GONG, reason=REASON), 1)
    await tell(world, IntegrationNeedsReconnect(provider=SLACK), 1, "slack")
    text = (await page(world, "/dashboard")).text
    assert WARNING in text
    assert "Slack needs reconnecting" in text
    assert "Callmine can no longer use its connection." in text
    assert "needs reconnecting" not in (await page(world, "/dashboard", RIVAL)).text


async def test_an_integration_of_a_later_build_is_left_out(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=7, reason="?"), 1, "later")  # type: ignore[arg-type]  # unknown to this build
    answer = await page(world, "/dashboard")
    assert (answer.status_code, "needs reconnecting" in answer.text) == (200, False)


async def test_the_reason_is_escaped(world: World) -> None:
    await tell(world, IntegrationNeedsReconnect(provider=GONG, reason="<script>alert(1)</script>"), 1)
    text = (await page(world, "/dashboard")).text
    assert "<script>alert(1)" not in text
    assert "&lt;script&gt;alert(1)" in text
