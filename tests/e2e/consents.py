"""A consent at one of the sandbox's providers, given as the workspace's admin gives it."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx

from local.journey import Person


async def connect_by_oauth(person: Person, provider: str, workspace: str) -> None:
    """Press Connect, allow all that is asked for, and come back."""
    left = await person.call("POST", f"/oauth/{provider}/connect")
    address = _header(left, "refresh").partition("; url=")[2]
    scopes = parse_qs(urlsplit(address).query)["scope"][0].replace(",", " ").split()
    form = {"decision": "allow", "account": workspace, "scope": scopes}
    back = urlsplit(_header(await person.stack.client.post(address, data=form), "location"))
    _header(await person.call("GET", f"{back.path}?{back.query}"), "location")


def _header(answer: httpx.Response, name: str) -> str:
    assert not answer.is_error, answer.status_code
    return str(answer.headers[name])
