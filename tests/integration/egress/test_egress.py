"""The client against a real TLS server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import logging
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from core.errors import Permanent, Transient
from egress import (
    Destination,
    DestinationRefused,
    Egress,
    ProviderRejected,
    ProviderUnavailable,
    RedirectRefused,
    ResponseTooLarge,
    TooManyRequests,
)
from integration.egress.scripted_provider import Provider, SettableClock

Answering = Callable[..., bytes]


async def test_a_request_reaches_the_provider_with_its_credentials_and_body(egress: Egress, provider: Provider) -> None:
    response = await egress.request("gong", "POST", "/v2/calls", json={"a": 1}, auth=("key", "secret"))
    assert response.json() == {"ok": True}
    head, _, body = provider.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /gong/v2/calls HTTP/1.1")
    assert b"authorization: basic a2v5onnly3jlda==" in head.lower()
    assert body == b'{"a":1}'


async def test_gzip_answers_are_unpacked(egress: Egress, provider: Provider, answering: Answering) -> None:
    provider.answers = [answering(200, gzip.compress(b"long " * 100), "content-encoding: gzip")]
    response = await egress.request("gong", "GET", "/x")
    assert response.text == "long " * 100


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_failing_provider_is_asked_again_after_a_pause(
    egress: Egress, provider: Provider, clock: SettableClock, answering: Answering, status: int
) -> None:
    provider.answers = [answering(status), answering(status), answering(200, b"done")]
    assert (await egress.request("gong", "GET", "/x")).text == "done"
    assert len(clock.slept) == 2
    assert egress.metrics()["gong"].retries == 2
    assert egress.metrics()["gong"].failed == 2


async def test_what_must_not_happen_twice_is_not_repeated(
    egress: Egress, provider: Provider, clock: SettableClock, answering: Answering
) -> None:
    provider.answers = [answering(503)]
    with pytest.raises(ProviderUnavailable) as caught:
        await egress.request("gong", "POST", "/x")
    assert caught.value.provider_status == 503
    assert isinstance(caught.value, Transient)
    assert len(provider.requests) == 1
    assert clock.slept == []


async def test_an_idempotent_post_is_repeated(egress: Egress, provider: Provider, answering: Answering) -> None:
    provider.answers = [answering(503), answering(200)]
    await egress.request("gong", "POST", "/x", idempotent=True)
    assert len(provider.requests) == 2


async def test_a_failure_that_repeating_does_not_mend_is_not_repeated(
    egress: Egress, provider: Provider, answering: Answering
) -> None:
    provider.answers = [answering(500)]
    with pytest.raises(ProviderUnavailable):
        await egress.request("gong", "GET", "/x")
    assert len(provider.requests) == 1


async def test_attempts_end(egress: Egress, provider: Provider, answering: Answering) -> None:
    provider.answers = [answering(503)]
    with pytest.raises(ProviderUnavailable):
        await egress.request("gong", "GET", "/x")
    assert len(provider.requests) == 4


async def test_the_retry_budget_of_a_destination_runs_out(
    egress: Egress, provider: Provider, answering: Answering
) -> None:
    provider.answers = [answering(503)]
    for _ in range(10):
        with pytest.raises(ProviderUnavailable):
            await egress.request("gong", "GET", "/x")
    assert len(provider.requests) == 10 + 10, "ten requests, and ten retries between all of them"


async def test_a_short_wait_is_obeyed(
    egress: Egress, provider: Provider, clock: SettableClock, answering: Answering
) -> None:
    provider.answers = [answering(429, b"", "retry-after: 2"), answering(200, b"done")]
    assert (await egress.request("gong", "GET", "/x")).text == "done"
    assert clock.slept[0] >= 2


@pytest.mark.parametrize(("header", "expected"), [("retry-after: 7200", 7200.0), ("x-other: 1", None)])
async def test_a_long_or_unknown_wait_is_handed_to_the_caller(
    egress: Egress, provider: Provider, clock: SettableClock, answering: Answering, header: str, expected: float | None
) -> None:
    provider.answers = [answering(429, b"", header)]
    with pytest.raises(TooManyRequests) as caught:
        await egress.request("gong", "GET", "/x")
    assert caught.value.retry_after == expected
    assert clock.slept == []
    assert egress.metrics()["gong"].throttled == 1


async def test_a_wait_beyond_the_time_out_is_not_started(
    egress: Egress, provider: Provider, clock: SettableClock, answering: Answering
) -> None:
    provider.answers = [answering(429, b"", "retry-after: 4")]
    with pytest.raises(TooManyRequests):
        await egress.request("gong", "GET", "/x", timeout=3)
    assert clock.slept == []


async def test_the_providers_own_words_reach_the_caller_and_nobody_else(
    egress: Egress, provider: Provider, answering: Answering, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    provider.answers = [answering(401, b'{"errors": ["Invalid access key AKIA"]}')]
    with pytest.raises(ProviderRejected) as caught:
        await egress.request("gong", "GET", "/v2/users/u-77?cursor=c-88", auth=("key-11", "secret-22"))
    assert isinstance(caught.value, Permanent)
    assert caught.value.json() == {"errors": ["Invalid access key AKIA"]}
    assert str(caught.value) == "gong answered 401 Unauthorized"
    ours = [record for record in caplog.records if record.name == "egress"]
    shown = str([(record.getMessage(), getattr(record, "fields", {})) for record in ours])
    assert "'status': 401" in shown
    for content in ("AKIA", "u-77", "c-88", "key-11", "secret-22"):
        assert content not in shown


async def test_an_accepted_status_is_returned(egress: Egress, provider: Provider, answering: Answering) -> None:
    provider.answers = [answering(404, b"no calls")]
    response = await egress.request("gong", "GET", "/x", accept=(404,))
    assert response.status_code == 404


async def test_redirects_are_not_followed(egress: Egress, provider: Provider, answering: Answering) -> None:
    provider.answers = [answering(302, b"", "location: https://api.gong.io/")]
    with pytest.raises(RedirectRefused):
        await egress.request("gong", "GET", "/x")
    assert len(provider.requests) == 1


@pytest.mark.parametrize("headers", [(), ("content-encoding: gzip",)])
async def test_long_answers_are_cut_off(
    egress: Egress, provider: Provider, answering: Answering, headers: tuple[str, ...]
) -> None:
    body = b"a" * 10_001
    provider.answers = [answering(200, gzip.compress(body) if headers else body, *headers)]
    with pytest.raises(ResponseTooLarge):
        await egress.request("gong", "GET", "/x")


async def test_a_provider_that_does_not_answer_in_time_is_unavailable(ca_file: Path, authority: trustme.CA) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    over = asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await over.wait()
        writer.close()

    async with await asyncio.start_server(silent, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        place = Destination(name="gong", base_url=f"https://127.0.0.1:{port}")
        async with Egress([place], ca_file=ca_file) as egress:
            with pytest.raises(ProviderUnavailable, match=r"time-out|ReadTimeout"):
                await egress.request("gong", "POST", "/x", timeout=0.2)
        over.set()


async def test_a_certificate_of_another_authority_is_not_trusted(
    provider: Provider, tmp_path: Path, clock: SettableClock
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    place = Destination(name="gong", base_url=f"https://127.0.0.1:{provider.port}")
    async with Egress([place], ca_file=other, clock=clock) as egress:
        with pytest.raises(ProviderUnavailable, match="not trusted"):
            await egress.request("gong", "GET", "/x")
    assert provider.requests == []
    assert clock.slept == [], "an untrusted certificate is not tried again"


async def test_a_certificate_for_another_name_is_not_trusted(
    authority: trustme.CA, ca_file: Path, clock: SettableClock
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("api.gong.example").configure_cert(context)
    provider = Provider(answers=[b""])
    async with await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        place = Destination(name="gong", base_url=f"https://127.0.0.1:{port}")
        async with Egress([place], ca_file=ca_file, clock=clock) as egress:
            with pytest.raises(ProviderUnavailable, match="not trusted"):
                await egress.request("gong", "GET", "/x")
    assert provider.requests == []


async def test_old_tls_is_not_spoken(authority: trustme.CA, ca_file: Path, clock: SettableClock) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.minimum_version = ssl.TLSVersion.TLSv1
    with pytest.warns(DeprecationWarning, match="TLSv1"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    authority.issue_cert("127.0.0.1").configure_cert(context)
    provider = Provider(answers=[b""])
    async with await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=context) as server:
        port = server.sockets[0].getsockname()[1]
        place = Destination(name="gong", base_url=f"https://127.0.0.1:{port}")
        async with Egress([place], ca_file=ca_file, clock=clock) as egress:
            with pytest.raises(ProviderUnavailable):
                await egress.request("gong", "GET", "/x")
    assert provider.requests == []


async def test_a_connection_that_cannot_be_made_is_tried_again_even_for_a_post(
    ca_file: Path, clock: SettableClock, unused_tcp_port: int
) -> None:
    place = Destination(name="gong", base_url=f"https://127.0.0.1:{unused_tcp_port}")
    async with Egress([place], ca_file=ca_file, clock=clock) as egress:
        with pytest.raises(ProviderUnavailable):
            await egress.request("gong", "POST", "/x")
    assert len(clock.slept) == 3


async def test_proxies_of_the_environment_are_ignored(
    egress: Egress, provider: Provider, monkeypatch: pytest.MonkeyPatch, ca_file: Path
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    place = Destination(name="gong", base_url=f"https://127.0.0.1:{provider.port}")
    async with Egress([place], ca_file=ca_file) as fresh:
        assert (await fresh.request("gong", "GET", "/x")).json() == {"ok": True}


async def test_nothing_is_sent_to_an_address_that_is_not_listed(egress: Egress, provider: Provider) -> None:
    for address in ("https://gong.io.evil.example/", f"https://localhost:{provider.port}/", "http://127.0.0.1/", "v2"):
        with pytest.raises(DestinationRefused):
            await egress.request("gong", "GET", address)
    with pytest.raises(DestinationRefused):
        await egress.request("elsewhere", "GET", "/")
    assert provider.requests == []
    assert egress.metrics()["gong"].refused == 4


async def test_a_callers_own_limit_is_asked_before_each_attempt_and_its_waits_cost_no_time(
    egress: Egress, provider: Provider, clock: SettableClock, answering: Answering
) -> None:
    turns: list[float] = []

    async def turn() -> None:
        await clock.sleep(100.0)
        turns.append(clock.monotonic())

    provider.answers = [answering(503), answering(200, b"done")]
    response = await egress.request("gong", "GET", "/x", turn=turn, timeout=20.0)
    assert response.text == "done"
    assert len(turns) == 2


async def test_a_429_is_the_callers_own_where_it_has_a_limit(
    egress: Egress, provider: Provider, answering: Answering
) -> None:
    async def turn() -> None:
        return None

    provider.answers = [answering(429, b"", "retry-after: 1"), answering(200)]
    with pytest.raises(TooManyRequests) as asked:
        await egress.request("gong", "GET", "/x", turn=turn)
    assert asked.value.retry_after == 1.0
    assert len(provider.requests) == 1
