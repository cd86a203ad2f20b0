"""Secrets against the stand-in that speaks Google's API, over TLS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cloud import Endpoint
from cloud.secrets import MOUNTED, GoogleSecrets
from core.errors import InvalidInput, NotFound, Permanent, Transient
from integration.cloud.conftest import PROJECT, SECRET, add_version
from local.secrets import SecretServer
from local.tls import Authority


class Hand:
    """A clock moved by hand."""

    seconds = 1000.0

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.seconds, UTC)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
async def secrets(secret_server: SecretServer, authority: Authority, clock: Hand) -> AsyncIterator[GoogleSecrets]:
    endpoint = Endpoint(address=secret_server.address, ca_file=authority.ca_file, token="t-ingest")
    secrets = GoogleSecrets(project=PROJECT, endpoint=endpoint, kept_seconds=60, clock=clock)
    yield secrets
    await secrets.close()


async def test_the_latest_version_is_read_and_kept_for_a_while(
    secrets: GoogleSecrets, secret_server: SecretServer, authority: Authority, clock: Hand
) -> None:
    assert await secrets.read(SECRET) == b"version 1"
    await add_version(secret_server, authority, SECRET, b"version 2")
    clock.seconds += 59
    assert await secrets.read(SECRET) == b"version 1"
    clock.seconds += 1
    assert await secrets.read(SECRET) == b"version 2"


async def test_a_refreshed_secret_is_new_at_once_and_kept_from_then_on(
    secrets: GoogleSecrets, secret_server: SecretServer, authority: Authority, clock: Hand
) -> None:
    assert await secrets.read(SECRET) == b"version 1"
    await add_version(secret_server, authority, SECRET, b"version 2")
    clock.seconds += 59
    await secrets.refresh(SECRET)
    assert await secrets.read(SECRET) == b"version 2"
    await secret_server.stop()
    clock.seconds += 59
    assert await secrets.read(SECRET) == b"version 2"


async def test_a_secret_that_cannot_be_refreshed_stays_as_it_was(
    secrets: GoogleSecrets, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await secrets.read(SECRET) == b"version 1"

    async def away(name: str) -> bytes:
        raise Transient(f"secret {name} cannot be read right now")

    monkeypatch.setattr(secrets, "_fetch", away)
    with pytest.raises(Transient):
        await secrets.refresh(SECRET)
    assert await secrets.read(SECRET) == b"version 1"


async def test_many_readers_cause_one_read(secrets: GoogleSecrets, monkeypatch: pytest.MonkeyPatch) -> None:
    fetches = 0
    fetch = secrets._fetch

    async def counted(name: str) -> bytes:
        nonlocal fetches
        fetches += 1
        return await fetch(name)

    monkeypatch.setattr(secrets, "_fetch", counted)
    values = await asyncio.gather(*(secrets.read(SECRET) for _ in range(20)))
    assert set(values) == {b"version 1"}
    assert fetches == 1


async def test_a_secret_without_a_version_is_not_found(secrets: GoogleSecrets) -> None:
    with pytest.raises(NotFound, match="none-yet does not exist"):
        await secrets.read("none-yet")


async def test_another_services_secret_is_refused_for_good(
    secret_server: SecretServer, authority: Authority, clock: Hand
) -> None:
    for token in ("t-audit", "guess"):
        endpoint = Endpoint(address=secret_server.address, ca_file=authority.ca_file, token=token)
        secrets = GoogleSecrets(project=PROJECT, endpoint=endpoint, clock=clock)
        with pytest.raises(Permanent, match="may not be read"):
            await secrets.read(SECRET)
        await secrets.close()


@pytest.mark.parametrize("name", ["", "a/b", "../x", "a b", "x" * 256, "a/versions/1"])
async def test_a_name_is_a_name(secrets: GoogleSecrets, name: str) -> None:
    with pytest.raises(InvalidInput):
        await secrets.read(name)


async def test_a_server_that_is_away_is_transient(
    authority: Authority, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.secret_manager.RETRY_SECONDS", 0.2)
    monkeypatch.setattr("cloud.secret_manager.READ_SECONDS", 0.2)
    endpoint = Endpoint(address=f"127.0.0.1:{unused_tcp_port}", ca_file=authority.ca_file, token="t")
    secrets = GoogleSecrets(project=PROJECT, endpoint=endpoint)
    with pytest.raises(Transient):
        await secrets.read(SECRET)
    await secrets.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where one secret is mounted."""
    file = tmp_path / "mounted" / "audit-log-key" / MOUNTED
    file.parent.mkdir(parents=True)
    file.write_bytes(b"as it was mounted")
    return tmp_path / "mounted"


async def test_a_mounted_secret_is_read_from_its_file_and_kept_for_a_while(
    folder: Path, clock: Hand, unused_tcp_port: int
) -> None:
    nobody = Endpoint(address=f"127.0.0.1:{unused_tcp_port}", token="t")
    secrets = GoogleSecrets(project=PROJECT, endpoint=nobody, kept_seconds=60, clock=clock, folder=folder)
    assert await secrets.read("audit-log-key") == b"as it was mounted"
    (folder / "audit-log-key" / MOUNTED).write_bytes(b"the next version")
    assert await secrets.read("audit-log-key") == b"as it was mounted"
    clock.seconds += 60
    assert await secrets.read("audit-log-key") == b"the next version"
    (folder / "audit-log-key" / MOUNTED).write_bytes(b"one more")
    await secrets.refresh("audit-log-key")
    assert await secrets.read("audit-log-key") == b"one more"
    await secrets.close()


@pytest.mark.parametrize("in_place", [None, "a folder"])
async def test_a_secret_that_is_not_mounted_or_cannot_be_read_is_asked_for(
    folder: Path, secret_server: SecretServer, authority: Authority, in_place: str | None
) -> None:
    if in_place:
        (folder / SECRET / MOUNTED).mkdir(parents=True)
    endpoint = Endpoint(address=secret_server.address, ca_file=authority.ca_file, token="t-ingest")
    secrets = GoogleSecrets(project=PROJECT, endpoint=endpoint, folder=folder)
    assert await secrets.read(SECRET) == b"version 1"
    with pytest.raises(NotFound, match="none-yet does not exist"):
        await secrets.read("none-yet")
    await secrets.close()


def test_tokens_and_values_are_not_shown() -> None:
    assert "t-ingest" not in repr(Endpoint(address="a:1", token="t-ingest"))
