"""Disconnecting and replacing end in an outcome that the page shows; nothing is forgotten without one."""

from __future__ import annotations

import uuid

import pytest

from core.errors import CallmineError
from core.ids import WorkspaceId
from credential_vault.domain.credentials import BasicPair, Provider, Slot
from credential_vault.handlers.revoking import let_go
from credential_vault.providers.gong_key import verify
from credential_vault.providers.port import Refused
from database import Row
from egress import Destination, Egress
from integration.credential_vault.gong_key import KEY, PAGE, SECRET, connect, form
from local.postgres.connection import connected
from local.sandbox.clerk.people import HARBORLINE
from local.sandbox.faults import Fault
from local.sandbox.vendors import Provider as Sender
from testkit.outside import GONG_PAIRS, OTHER_ADMIN, Outside
from testkit.services import Service
from testkit.tables import same_database

BY_HAND = "Gong offers no way to revoke a key: delete it in Gong, Company Settings &gt; API."


async def rows(vault: Service, postgres_url: str) -> list[Row]:
    async with connected(same_database(postgres_url, vault.dsns)) as connection:
        return await connection.fetch("SELECT * FROM revocations ORDER BY let_go_at")


async def test_nothing_is_shown_before_anything_was_let_go(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.browser(outside.token()) as browser:
        await browser.post(f"{PAGE}/gong", data=form())
        page = await browser.get(PAGE)
    assert BY_HAND not in page.text
    assert await rows(vault, postgres_url) == []


async def test_replacing_lets_go_of_the_pair_before(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.browser(outside.token()) as browser:
        await browser.post(f"{PAGE}/gong", data=form())
        await browser.post(f"{PAGE}/gong", data=form(*GONG_PAIRS["quillstone"]))
        page = await browser.get(PAGE)
    assert BY_HAND in page.text
    assert "Credential before this one" in page.text
    (row,) = await rows(vault, postgres_url)
    assert (row["version"], row["reason"], row["state"]) == (1, "replaced", "unsupported")


async def test_disconnecting_lets_go(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.browser(outside.token()) as browser:
        await browser.post(f"{PAGE}/gong", data=form())
        await browser.post(f"{PAGE}/gong/disconnect")
        page = await browser.get(PAGE)
    assert BY_HAND in page.text
    assert "Disconnected credential" in page.text
    (row,) = await rows(vault, postgres_url)
    assert (row["version"], row["reason"], row["state"]) == (1, "disconnected", "unsupported")


async def test_a_connection_that_failed_lets_go_of_nothing(vault: Service, outside: Outside, postgres_url: str) -> None:
    async with vault.program(outside.token()) as client:
        await connect(client)
        answer = await client.post("/api/v1/integrations/gong", json=form(KEY, SECRET + "x"))
        assert answer.status_code == 400
        answer = await client.delete("/api/v1/integrations/slack")
        assert answer.status_code == 404
    assert await rows(vault, postgres_url) == []


async def test_what_is_being_revoked_is_shown_to_its_workspace_alone(vault: Service, outside: Outside) -> None:
    workspace = WorkspaceId(HARBORLINE.organization_id)
    async with vault.parts.db.workspace(workspace) as tx:
        slot = Slot(workspace, Provider.SLACK, uuid.uuid4(), 1, "")
        await let_go(tx, slot, {"access_token": b"ciphertext"}, "disconnected")
    async with vault.browser(outside.token()) as browser, vault.browser(outside.token(OTHER_ADMIN)) as other:
        assert "Being revoked" in (await browser.get(PAGE)).text
        assert "Being revoked" not in (await other.get(PAGE)).text


@pytest.mark.parametrize(
    ("fault", "refused"),
    [
        (None, True),
        (Fault(provider=Sender.GONG, status=401), True),
        (Fault(provider=Sender.GONG, status=403), False),
        (Fault(provider=Sender.GONG, status=404), False),
        (Fault(provider=Sender.GONG, status=500), False),
        (Fault(provider=Sender.GONG, malformed=True), False),
    ],
)
async def test_gong_refuses_a_pair_with_a_401_and_nothing_else(
    outside: Outside, fault: Fault | None, refused: bool
) -> None:
    egress = Egress([Destination(name="gong", base_url=outside.gong_url)], ca_file=outside.ca_file)
    switchboard = outside.running.sandbox.switchboard
    pair = BasicPair(KEY, SECRET if fault else SECRET + "x")
    if fault:
        switchboard.arm(fault)
    try:
        with pytest.raises(CallmineError) as raised:
            await verify(egress, pair, outside.gong_url)
    finally:
        switchboard.disarm()
        await egress.close()
    assert isinstance(raised.value, Refused) is refused
