"""Nothing of a request, which carries a credential, outlives its answer: not even as garbage that waits to be collected."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import suppress

import httpcore
import httpx
import pytest

from egress import Egress, EgressError
from integration.egress.scripted_provider import Provider, answer

CUT_SHORT = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\nconnection: close\r\n\r\nhalf"


@pytest.fixture
def uncollected() -> Iterator[None]:
    """No garbage is collected in the meantime."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def requests_in_memory() -> int:
    """Requests that are still there, of both layers that hold their headers."""
    return sum(type(found) in {httpx.Request, httpcore.Request} for found in gc.get_objects())


@pytest.mark.usefixtures("uncollected")
@pytest.mark.parametrize(
    "answers",
    [
        [answer(200, b"{}")],
        [answer(404)],
        [answer(302, b"", "location: https://elsewhere.example")],
        [answer(503), answer(200, b"{}")],
        [answer(500)],
        [answer(200, b"x" * 20_000)],
        [CUT_SHORT],
    ],
    ids=["answered", "rejected", "redirected", "repeated", "failed", "too long", "cut short"],
)
async def test_no_request_is_left_in_memory(egress: Egress, provider: Provider, answers: list[bytes]) -> None:
    provider.answers = answers
    before = requests_in_memory()
    for _ in range(3):
        with suppress(EgressError):
            await egress.request("gong", "GET", "/x", headers={"Authorization": "Bearer a-token"})
    assert provider.requests
    # An answer that is not read to its end is closed by the loop, at its next turns.
    for _ in range(10):
        await asyncio.sleep(0)
    assert requests_in_memory() == before
