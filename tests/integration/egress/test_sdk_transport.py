"""The same rules for the client library the providers' SDKs bring."""

from __future__ import annotations

import logging
from collections.abc import Callable

import httpx2
import pytest
from openai import AsyncOpenAI, PermissionDeniedError

from egress import DestinationRefused, Egress, RedirectRefused, ResponseTooLarge
from integration.egress.scripted_provider import Provider

Answering = Callable[..., bytes]


def _base(provider: Provider) -> str:
    return f"https://127.0.0.1:{provider.port}"


async def test_requests_reach_the_destination_and_are_counted(egress: Egress, provider: Provider) -> None:
    async with egress.httpx2_client("gong") as client:
        response = await client.get(_base(provider) + "/v1/models")
        assert response.json() == {"ok": True}
    counters = egress.metrics()["gong"]
    assert (counters.requests, counters.bytes_received) == (1, len(b'{"ok": true}'))


async def test_other_hosts_are_refused(egress: Egress, provider: Provider) -> None:
    async with egress.httpx2_client("gong") as client:
        for address in ("https://api.openai.com/", f"http://127.0.0.1:{provider.port}/", "https://127.0.0.1:1/"):
            with pytest.raises(DestinationRefused):
                await client.get(address)
    assert egress.metrics()["gong"].refused == 3


async def test_redirects_are_refused_even_when_asked_for(
    egress: Egress, provider: Provider, answering: Answering
) -> None:
    provider.answers = [answering(307, b"", f"location: {_base(provider)}/other")]
    async with egress.httpx2_client("gong") as client:
        with pytest.raises(RedirectRefused):
            await client.get(_base(provider) + "/x", follow_redirects=True)
    assert len(provider.requests) == 1


async def test_long_answers_are_cut_off(egress: Egress, provider: Provider, answering: Answering) -> None:
    provider.answers = [answering(200, b"a" * 20_000)]
    async with egress.httpx2_client("gong") as client:
        with pytest.raises(ResponseTooLarge):
            await client.get(_base(provider) + "/x")


async def test_a_broken_connection_counts_as_failed(egress: Egress, provider: Provider) -> None:
    provider.answers = [b""]
    async with egress.httpx2_client("gong") as client:
        with pytest.raises(httpx2.TransportError):
            await client.get(_base(provider) + "/x")
    assert egress.metrics()["gong"].failed == 1


async def test_openais_own_client_works_through_it(
    egress: Egress, provider: Provider, answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    provider.answers = [answering(403, b'{"error": {"message": "no", "type": "x", "param": null, "code": null}}')]
    async with egress.httpx2_client("gong") as client:
        openai = AsyncOpenAI(api_key="sk-1122", base_url=_base(provider) + "/v1", http_client=client)
        with pytest.raises(PermissionDeniedError):
            await openai.models.list()
    assert egress.metrics()["gong"].requests == 1
    assert "sk-1122" not in caplog.text
