"""Who is removed is refused at the next request by every service, with a token that is still good; and let in when added again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import httpx

from e2e.settled import settled
from e2e.test_sessions import ADMIN, API, MEMBER
from local.journey import Json, mint
from local.stack import Stack

# An admin, for the vault and the audit answer nobody else.
GUEST = "sasha.brandt@harborline.example"
PATIENCE = 60


async def _ask(stack: Stack, token: str, method: str, path: str, body: object = None) -> httpx.Response:
    headers = {"authorization": f"Bearer {token}", "accept": "application/json"}
    return await stack.client.request(method, stack.url + path, headers=headers, json=body)


async def _invited(stack: Stack) -> str:
    """The guest, who was invited as an admin and has accepted: a user id."""
    token = await mint(stack, ADMIN)
    answer = await _ask(stack, token, "POST", "/api/v1/invitations", {"email": GUEST, "role": "admin"})
    assert answer.status_code == 204, answer.text
    pending = (await _ask(stack, token, "GET", "/api/v1/invitations")).json()["invitations"]
    [invitation] = [one["id"] for one in pending if one["email"] == GUEST]
    site = stack.site
    accepted = await stack.client.post(
        f"{site.sandbox_url}/clerk/_invitations/{invitation}/accept",
        headers={"authorization": f"Bearer {site.keys.admin_token}"},
    )
    assert accepted.status_code == 200, accepted.text
    return str(accepted.json()["user_id"])


async def _eventually(check: Callable[[], Awaitable[bool]]) -> None:
    """Return once `check` holds; messages and webhooks need a moment to travel. Raises AssertionError."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        if await check():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("it did not come to that")


async def _until(stack: Stack, token: str, status: int) -> None:
    """Every service answers so."""
    for path in API.values():
        await _eventually(partial(_answers, stack, token, path, status))


async def _answers(stack: Stack, token: str, path: str, status: int) -> bool:
    return (await _ask(stack, token, "GET", path)).status_code == status


async def test_a_removal_counts_in_every_service_before_the_token_ends(stack: Stack) -> None:
    user = await _invited(stack)
    order = {"user": user, "organization": ADMIN["organization"], "lifetime": 600}
    token = await mint(stack, order)
    await _until(stack, token, 200)
    removed = await _ask(stack, await mint(stack, ADMIN), "DELETE", f"/api/v1/members/{user}")
    assert removed.status_code == 204, removed.text
    here = await _ask(stack, token, "GET", API["ingest"])
    assert (here.status_code, here.json()["title"]) == (403, "You are no longer a member of this workspace")
    await _until(stack, token, 403)
    assert await _invited(stack) == user
    await _until(stack, token, 200)
    await _ask(stack, await mint(stack, ADMIN), "DELETE", f"/api/v1/members/{user}")
    await _until(stack, token, 403)


async def test_the_audit_log_names_the_admin_once(stack: Stack) -> None:
    user = await _invited(stack)
    token = await mint(stack, ADMIN)

    async def removed() -> bool:
        return (await _ask(stack, token, "DELETE", f"/api/v1/members/{user}")).status_code == 204

    async def entries() -> list[Json]:
        told: list[Json] = (await _ask(stack, token, "GET", "/api/v1/audit?type=member.removed")).json()["entries"]
        return [one for one in told if one["target"]["id"] == user]

    async def audited() -> bool:
        return len(await entries()) > before

    await _eventually(partial(_answers, stack, token, API["audit"], 200))
    before = len(await entries())
    await _eventually(removed)
    await _eventually(audited)
    await settled(stack)
    found = await entries()
    assert len(found) == before + 1, "Clerk's webhook came as well"
    assert {(one["actor"]["id"], one["source"]) for one in found} == {(ADMIN["user"], "api")}


async def test_a_member_may_not_remove_anybody(stack: Stack) -> None:
    token = await mint(stack, MEMBER)
    assert (await _ask(stack, token, "DELETE", "/api/v1/members/user_harborline01")).status_code == 403
