"""Every known trick to lead a request elsewhere, tried on both clients: refused, with no byte sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest
import trustme

from egress import Destination, DestinationRefused, Egress, EgressError, RedirectRefused
from integration.egress.internet import PUBLIC, PUBLIC_TOO, PUBLIC_V6, Answers, Internet, listening
from integration.egress.scripted_provider import SettableClock

GONG = Destination(name="gong", base_url="https://api.gong.io", hosts=("*.gong.io",))

Send = Callable[..., Awaitable[int]]

# What a client may raise for an address, a name or a certificate that is not right.
REFUSALS = (EgressError, httpx2.TransportError, httpx2.InvalidURL)


@pytest.fixture
def internet(monkeypatch: pytest.MonkeyPatch) -> Internet:
    made = Internet({"api.gong.io": [[PUBLIC]]})
    made.route(monkeypatch)
    return made


@pytest.fixture
async def gong(authority: trustme.CA, internet: Internet) -> AsyncIterator[Answers]:
    """The provider that `api.gong.io` leads to."""
    answers = Answers()
    async with listening(authority, answers, "api.gong.io", "*.api.gong.io") as internet.port:
        yield answers


@pytest.fixture
async def egress(internet: Internet, ca_file: Path) -> AsyncIterator[Egress]:
    async with Egress([GONG], ca_file=ca_file, clock=SettableClock(), resolve=internet.resolve) as made:
        yield made


@contextlib.asynccontextmanager
async def sending(egress: Egress, client: str) -> AsyncIterator[Send]:
    """One way to send a GET: by Egress itself, or by the client that it gives to a provider's SDK."""
    async with egress.httpx2_client("gong") as sdk:

        async def by_egress(url: str, **more: Any) -> int:
            return (await egress.request("gong", "GET", url, **more)).status_code

        async def by_sdk(url: str, **more: Any) -> int:
            return (await sdk.get(url, **more)).status_code

        yield by_egress if client == "httpx" else by_sdk


@pytest.fixture(params=["httpx", "httpx2"])
async def send(request: pytest.FixtureRequest, egress: Egress) -> AsyncIterator[Send]:
    async with sending(egress, request.param) as send:
        yield send


ADDRESSES = {
    "plain http": "http://api.gong.io/",
    "another scheme": "ftp://api.gong.io/",
    "upper case elsewhere": "https://API.GONG.IO.EVIL.EXAMPLE/",
    "trailing dot": "https://api.gong.io./",
    "two dots": "https://api..gong.io/",
    "suffix without a dot": "https://evilgong.io/",
    "suffix inside": "https://api.gong.io.evil.example/",
    "the suffix alone": "https://gong.io/",
    "user": "https://user@api.gong.io/",
    "user and password": "https://user:pw@api.gong.io/",
    "host as user": "https://api.gong.io@evil.example/",
    "host and port as user": "https://api.gong.io:443@evil.example/",
    "port": "https://api.gong.io:8443/",
    "port of ssh": "https://api.gong.io:22/",
    "brackets": "https://[api.gong.io]/",
    "brackets around IPv4": "https://[127.0.0.1]/",
    "loopback": "https://127.0.0.1/",
    "localhost": "https://localhost/",
    "loopback short": "https://127.1/",
    "decimal": "https://2130706433/",
    "octal": "https://0177.0.0.1/",
    "octal of one number": "https://017700000001/",
    "hexadecimal": "https://0x7f000001/",
    "hexadecimal parts": "https://0x7f.0x0.0x0.0x1/",
    "hexadecimal last part": "https://127.0.0.0x1/",
    "address with a trailing dot": "https://127.0.0.1./",
    "full-width digits": "https://\uff11\uff12\uff17.0.0.1/",
    "unspecified": "https://0.0.0.0/",
    "IPv6 loopback": "https://[::1]/",
    "IPv6 unspecified": "https://[::]/",
    "IPv4 in IPv6": "https://[::ffff:127.0.0.1]/",
    "IPv4 in IPv6, hexadecimal": "https://[::ffff:7f00:1]/",
    "IPv4 compatible": "https://[::127.0.0.1]/",
    "NAT64": "https://[64:ff9b::a9fe:a9fe]/",
    "6to4": "https://[2002:7f00:1::]/",
    "a zone": "https://[fe80::1%25eth0]/",
    "a public address": f"https://{PUBLIC}/",
    "metadata address": "https://169.254.169.254/computeMetadata/v1/",
    "metadata address, decimal": "https://2852039166/",
    "metadata address, IPv6": "https://[fd00:ec2::254]/",
    "metadata name": "https://metadata.google.internal/",
    "look-alike letter": "https://api.\u0261ong.io/",
    "Cyrillic letter": "https://api.g\u043eng.io/",
    "ideographic dot": "https://api.gong.io\u3002evil.example/",
    "punycode": "https://xn--gng-0na.io/",
    "backslash": "https://evil.example\\.gong.io/",
    "escaped dot": "https://api.gong.io%2eevil.example/",
    "escaped slash": "https://evil.example%2f.gong.io/",
    "fragment": "https://evil.example#.gong.io",
    "query": "https://evil.example?.gong.io",
    "line break": "https://api.gong.io\r\nhost: evil.example/",
    "zero byte": "https://api.gong.io\x00.evil.example/",
    "space": "https://api.gong.io evil.example/",
    "no host": "https:///x",
}


@pytest.mark.parametrize("url", ADDRESSES.values(), ids=ADDRESSES)
async def test_an_address_that_is_not_the_providers_is_refused(
    send: Send, internet: Internet, gong: Answers, url: str
) -> None:
    with pytest.raises((DestinationRefused, httpx2.InvalidURL)):
        await send(url)
    assert (internet.asked, internet.dialled, gong.connections) == ([], [], 0)


LEADS_TO = {
    "loopback": ["127.0.0.1"],
    "loopback elsewhere": ["127.8.8.8"],
    "this network": ["0.0.0.0"],  # noqa: S104 - an answer of the resolver, nothing listens
    "private 10": ["10.1.2.3"],
    "private 172": ["172.31.255.254"],
    "private 192": ["192.168.1.1"],
    "link-local": ["169.254.1.1"],
    "metadata": ["169.254.169.254"],
    "carrier": ["100.64.0.1"],
    "documentation": ["203.0.113.9"],
    "benchmark": ["198.19.0.1"],
    "multicast": ["224.0.0.1"],
    "broadcast": ["255.255.255.255"],
    "IPv6 loopback": ["::1"],
    "IPv6 unspecified": ["::"],
    "IPv6 link-local": ["fe80::1"],
    "IPv6 link-local with zone": ["fe80::1%eth0"],
    "IPv6 with zone": [f"{PUBLIC_V6}%eth0"],
    "unique local": ["fd00:ec2::254"],
    "site-local": ["fec0::1"],
    "mapped": ["::ffff:10.0.0.1"],
    "mapped public": [f"::ffff:{PUBLIC}"],
    "NAT64": ["64:ff9b::a9fe:a9fe"],
    "local NAT64": ["64:ff9b:1::a00:1"],
    "6to4": ["2002:a9fe:a9fe::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "IPv6 documentation": ["2001:db8::1"],
    "IPv6 multicast": ["ff02::1"],
    "one private among public": [PUBLIC, "10.0.0.1"],
    "one private after many": [PUBLIC, PUBLIC_TOO, "9.9.9.9", "149.112.112.112", "8.8.4.4", "192.168.0.1"],
    "not an address": ["internal"],
    "octal": ["0177.0.0.1"],
}


@pytest.mark.parametrize("addresses", LEADS_TO.values(), ids=LEADS_TO)
async def test_a_name_that_leads_to_an_address_that_is_not_public_is_refused(
    send: Send, egress: Egress, internet: Internet, gong: Answers, addresses: list[str]
) -> None:
    internet.names["api.gong.io"] = [addresses]
    with pytest.raises(DestinationRefused, match="not public"):
        await send("https://api.gong.io/v2/users")
    assert (internet.dialled, gong.connections) == ([], 0)
    assert egress.metrics()["gong"].refused == 1
    assert egress.metrics()["gong"].requests == 0


async def test_a_name_is_looked_up_once_and_that_address_is_connected_to(
    send: Send, internet: Internet, gong: Answers
) -> None:
    internet.names["api.gong.io"] = [[PUBLIC], ["127.0.0.1"]]
    gong.answer = gong.answer.replace(b"X\r\n", b"X\r\nconnection: close\r\n")
    gong.closing = True
    assert await send("https://api.gong.io/v2/users") == 200
    assert (internet.asked, internet.dialled) == (["api.gong.io"], [(PUBLIC, 443)])
    with pytest.raises(DestinationRefused):
        await send("https://api.gong.io/v2/users")
    assert internet.asked == ["api.gong.io"] * 2, "the next connection looks it up again, and meets the other answer"
    assert internet.dialled == [(PUBLIC, 443)]


async def test_the_certificate_is_asked_for_and_compared_by_name(send: Send, internet: Internet, gong: Answers) -> None:
    internet.names["us-11.api.gong.io"] = [[PUBLIC]]
    assert await send("https://US-11.API.GONG.IO/v2/users") == 200
    assert gong.names == ["us-11.api.gong.io"]
    assert b"host: us-11.api.gong.io\r\n" in gong.requests[0].lower()


@pytest.mark.parametrize("name", ["gong.io", "other.gong.io", "evil.example", PUBLIC], ids=str)
async def test_a_certificate_for_another_name_is_refused(
    send: Send, internet: Internet, authority: trustme.CA, name: str
) -> None:
    other = Answers()
    async with listening(authority, other, name) as internet.port:
        with pytest.raises(REFUSALS):
            await send("https://api.gong.io/v2/users")
    assert other.names == ["api.gong.io"]
    assert other.requests == []


async def test_a_host_of_the_provider_does_not_share_another_ones_connection(
    send: Send, internet: Internet, gong: Answers
) -> None:
    internet.names["us-11.api.gong.io"] = [[PUBLIC]]
    await send("https://api.gong.io/")
    await send("https://us-11.api.gong.io/")
    assert gong.names == ["api.gong.io", "us-11.api.gong.io"]


@pytest.mark.parametrize("host", ["evil.example", "us-11.api.gong.io", "api.gong.io:8443", ""])
async def test_a_host_header_for_another_host_is_refused(
    send: Send, internet: Internet, gong: Answers, host: str
) -> None:
    with pytest.raises(DestinationRefused):
        await send("https://api.gong.io/", headers={"host": host})
    assert (internet.dialled, gong.requests) == ([], [])


@pytest.mark.parametrize("extension", [{"sni_hostname": "evil.example"}, {"target": b"https://evil.example/"}], ids=str)
async def test_an_sdk_cannot_ask_for_another_name_or_target(
    egress: Egress, internet: Internet, gong: Answers, extension: dict[str, Any]
) -> None:
    async with sending(egress, "httpx2") as send:
        with pytest.raises(DestinationRefused):
            await send("https://api.gong.io/", extensions=extension)
    assert (internet.dialled, gong.requests) == ([], [])


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/",
        "http://api.gong.io/",
        "https://169.254.169.254/",
        "https://api.gong.io/other",
        "//evil.example",
    ],
)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_wherever_it_leads(
    send: Send, internet: Internet, gong: Answers, status: int, location: str
) -> None:
    gong.answer = f"HTTP/1.1 {status} X\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n".encode()
    with pytest.raises(RedirectRefused):
        await send("https://api.gong.io/")
    assert len(gong.requests) == 1
    assert internet.asked == ["api.gong.io"]


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
async def test_the_environment_changes_nothing(
    client: str,
    internet: Internet,
    gong: Answers,
    authority: trustme.CA,
    ca_file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.read(100))
        writer.close()

    rogue = trustme.CA()
    rogue.cert_pem.write_to_path(str(tmp_path / "rogue.pem"))
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, url)
            monkeypatch.setenv(name.lower(), url)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "rogue.pem"))
        monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path))
        monkeypatch.setenv("SSLKEYLOGFILE", str(tmp_path / "keys.log"))
        async with (
            Egress([GONG], ca_file=ca_file, clock=SettableClock(), resolve=internet.resolve) as egress,
            sending(egress, client) as send,
        ):
            assert await send("https://api.gong.io/") == 200
            other = Answers()
            async with listening(rogue, other, "us-11.api.gong.io") as internet.port:
                internet.names["us-11.api.gong.io"] = [[PUBLIC_TOO]]
                with pytest.raises(REFUSALS):
                    await send("https://us-11.api.gong.io/")
    assert seen == []
    assert other.requests == []
    assert internet.dialled[0] == (PUBLIC, 443)
    assert not (tmp_path / "keys.log").exists()


@pytest.mark.parametrize("client", ["httpx", "httpx2"])
async def test_the_machines_own_authorities_are_not_those_of_the_environment(
    client: str,
    internet: Internet,
    authority: trustme.CA,
    ca_file: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ca_file))
    other = Answers()
    async with (
        listening(authority, other, "api.gong.io") as internet.port,
        Egress([GONG], clock=SettableClock(), resolve=internet.resolve) as egress,
        sending(egress, client) as send,
    ):
        with pytest.raises(REFUSALS):
            await send("https://api.gong.io/")
    assert other.names == ["api.gong.io"]
    assert other.requests == []


async def test_when_one_address_is_away_the_next_is_tried(send: Send, internet: Internet, gong: Answers) -> None:
    internet.names["api.gong.io"] = [[PUBLIC_V6, "2606:4700:4700::1001", PUBLIC_TOO, PUBLIC]]
    internet.away = {PUBLIC_V6, "2606:4700:4700::1001"}
    assert await send("https://api.gong.io/") == 200
    assert [address for address, _ in internet.dialled] == [PUBLIC_V6, PUBLIC_TOO], "families in turns"


async def test_when_all_addresses_are_away_so_is_the_provider(send: Send, internet: Internet, gong: Answers) -> None:
    internet.names["api.gong.io"] = [[PUBLIC, PUBLIC_TOO]]
    internet.away = {PUBLIC, PUBLIC_TOO}
    with pytest.raises(REFUSALS) as caught:
        await send("https://api.gong.io/")
    assert not isinstance(caught.value, DestinationRefused)
    assert gong.connections == 0


async def test_a_name_that_is_not_known_makes_the_provider_unavailable(
    send: Send, internet: Internet, gong: Answers
) -> None:
    internet.names.clear()
    with pytest.raises(REFUSALS) as caught:
        await send("https://api.gong.io/")
    assert not isinstance(caught.value, DestinationRefused)
    assert internet.dialled == []


async def test_a_connection_is_kept_and_used_again(send: Send, internet: Internet, gong: Answers) -> None:
    for _ in range(5):
        assert await send("https://api.gong.io/") == 200
    assert (gong.connections, len(gong.requests)) == (1, 5)
    assert internet.asked == ["api.gong.io"]


async def test_a_packed_answer_is_not_unpacked_for_an_sdk(egress: Egress, gong: Answers) -> None:
    async with sending(egress, "httpx2") as send:
        await send("https://api.gong.io/", headers={"accept-encoding": "gzip"})
        assert b"accept-encoding: identity" in gong.requests[0].lower()
        gong.answer = b"HTTP/1.1 200 X\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}"
        with pytest.raises(httpx2.DecodingError, match="not asked for"):
            await send("https://api.gong.io/")


async def test_loopback_is_reached_only_where_it_is_configured(
    authority: trustme.CA, ca_file: Path, internet: Internet, gong: Answers
) -> None:
    sandbox = Destination(name="openai", base_url=f"https://localhost:{internet.port}/openai")
    internet.names["localhost"] = [["127.0.0.1"], ["127.0.0.1", PUBLIC]]
    internet.names["us-11.api.gong.io"] = [["127.0.0.1"]]
    places = [GONG, sandbox]
    local = Answers(closing=True, answer=b"HTTP/1.1 200 X\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    async with (
        listening(authority, local, "localhost") as internet.port,
        Egress(places, ca_file=ca_file, clock=SettableClock(), resolve=internet.resolve) as egress,
    ):
        assert (await egress.request("openai", "GET", "/x")).status_code == 200
        with pytest.raises(DestinationRefused):
            await egress.request("openai", "GET", "/x")
        with pytest.raises(DestinationRefused):
            await egress.request("gong", "GET", "https://us-11.api.gong.io/")
    assert len(local.requests) == 1
