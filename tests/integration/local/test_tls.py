"""The throw-away authority: kept over restarts, owner-only, trusted by nobody else."""

import asyncio
import ssl
from pathlib import Path

import pytest
from cryptography import x509

from local.tls import Authority


async def _handshake(server: ssl.SSLContext, client: ssl.SSLContext, host: str = "127.0.0.1") -> None:
    async def greet(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    listening = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=server)
    port = listening.sockets[0].getsockname()[1]
    async with listening, asyncio.timeout(10):
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname=host)
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_client_of_the_authority_trusts_its_servers(tmp_path: Path, host: str) -> None:
    authority = Authority.open(tmp_path)
    await _handshake(authority.server("a").context(), authority.client_context(), host)


async def test_client_trusts_no_other_authority(tmp_path: Path) -> None:
    ours, theirs = Authority.open(tmp_path / "a"), Authority.open(tmp_path / "b")
    with pytest.raises(ssl.SSLCertVerificationError):
        await _handshake(theirs.server("x").context(), ours.client_context())


async def test_certificate_is_for_loopback_only(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path)
    with pytest.raises(ssl.SSLCertVerificationError):
        await _handshake(authority.server("a").context(), authority.client_context(), "callmine.example")


def test_authority_and_certificates_are_kept(tmp_path: Path) -> None:
    first = Authority.open(tmp_path)
    chain = first.server("a").chain.read_bytes()
    again = Authority.open(tmp_path)
    assert again.ca_pem == first.ca_pem
    assert again.server("a").chain.read_bytes() == chain


def test_keys_are_owner_only(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "tls")
    server = authority.server("a")
    for path in (server.key, tmp_path / "tls" / "ca-key.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "tls").stat().st_mode & 0o777 == 0o700


def test_certificate_of_a_former_authority_is_replaced(tmp_path: Path) -> None:
    old = Authority.open(tmp_path)
    old.server("a")
    for name in ("ca.pem", "ca-key.pem"):
        (tmp_path / name).unlink()
    new = Authority.open(tmp_path)
    leaf = x509.load_pem_x509_certificate(new.server("a").chain.read_bytes())
    leaf.verify_directly_issued_by(x509.load_pem_x509_certificate(new.ca_pem))
