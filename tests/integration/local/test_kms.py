"""The Cloud KMS stand-in, spoken to with Google's client over TLS."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import google_crc32c
import grpc
import pytest
from google.api_core import exceptions
from google.cloud import kms_v1
from google.cloud.kms_v1.services.key_management_service.transports import KeyManagementServiceGrpcAsyncIOTransport

from local.kms import KmsPolicy, KmsServer, KmsSettings
from local.tls import Authority

RING = "projects/callmine-test/locations/europe-west3/keyRings/vault/cryptoKeys"
KEY, OTHER = f"{RING}/keyset", f"{RING}/other"
VAULT = "t-vault"
POLICY = KmsPolicy(
    tokens={"t-vault": "vault@p", "t-audit": "audit@p"},
    users={KEY: frozenset({"vault@p"}), OTHER: frozenset({"vault@p"}), f"{RING}/none": frozenset({"vault@p"})},
)


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.open(tmp_path / "tls")


@pytest.fixture
def settings(tmp_path: Path, authority: Authority) -> KmsSettings:
    return KmsSettings(tmp_path / "k" / "kms.json", authority.server("kms"), (KEY, OTHER), policy=POLICY)


@pytest.fixture
async def server(settings: KmsSettings) -> AsyncIterator[KmsServer]:
    async with await KmsServer.start(settings) as running:
        yield running


@asynccontextmanager
async def client_of(
    server: KmsServer, authority: Authority, token: str = VAULT
) -> AsyncIterator[kms_v1.KeyManagementServiceAsyncClient]:
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(authority.ca_pem), grpc.access_token_call_credentials(token)
    )
    async with grpc.aio.secure_channel(server.address, credentials) as channel:
        yield kms_v1.KeyManagementServiceAsyncClient(
            transport=KeyManagementServiceGrpcAsyncIOTransport(channel=channel)
        )


async def sealed(client: kms_v1.KeyManagementServiceAsyncClient, key: str = KEY, associated: bytes = b"place") -> bytes:
    answer = await client.encrypt(
        request={"name": key, "plaintext": b"keyset", "additional_authenticated_data": associated}
    )
    return bytes(answer.ciphertext)


async def test_what_was_encrypted_opens_and_checksums_are_told(server: KmsServer, authority: Authority) -> None:
    async with client_of(server, authority) as client:
        request = kms_v1.EncryptRequest(
            name=KEY,
            plaintext=b"keyset",
            additional_authenticated_data=b"place",
            plaintext_crc32c=google_crc32c.value(b"keyset"),
            additional_authenticated_data_crc32c=google_crc32c.value(b"place"),
        )
        made = await client.encrypt(request=request)
        assert made.verified_plaintext_crc32c
        assert made.verified_additional_authenticated_data_crc32c
        assert made.ciphertext_crc32c == google_crc32c.value(bytes(made.ciphertext))
        opened = await client.decrypt(
            request={"name": KEY, "ciphertext": made.ciphertext, "additional_authenticated_data": b"place"}
        )
    assert opened.plaintext == b"keyset"
    assert opened.plaintext_crc32c == google_crc32c.value(b"keyset")
    assert b"keyset" not in made.ciphertext


async def test_another_place_another_key_and_an_altered_ciphertext_do_not_open(
    server: KmsServer, authority: Authority
) -> None:
    async with client_of(server, authority) as client:
        ciphertext = await sealed(client)
        altered = bytes([*ciphertext[:-1], ciphertext[-1] ^ 1])
        for key, text, associated in (
            (KEY, ciphertext, b"elsewhere"),
            (OTHER, ciphertext, b"place"),
            (KEY, altered, b"place"),
            (KEY, b"", b"place"),
        ):
            with pytest.raises(exceptions.InvalidArgument):
                await client.decrypt(
                    request={"name": key, "ciphertext": text, "additional_authenticated_data": associated}
                )


async def test_who_may_not_and_what_is_not_there(server: KmsServer, authority: Authority) -> None:
    for token, error in (("t-audit", exceptions.PermissionDenied), ("guess", exceptions.Unauthenticated)):
        async with client_of(server, authority, token) as client:
            with pytest.raises(error):
                await sealed(client)
    async with client_of(server, authority) as client:
        with pytest.raises(exceptions.NotFound):
            await sealed(client, f"{RING}/none")


@pytest.mark.parametrize(
    ("part", "value"),
    [("plaintext_crc32c", 1), ("additional_authenticated_data_crc32c", 1), ("plaintext", b"x" * 70_000)],
)
async def test_damaged_and_oversized_requests_are_refused(
    server: KmsServer, authority: Authority, part: str, value: object
) -> None:
    request = {"name": KEY, "plaintext": b"keyset", "additional_authenticated_data": b"place"} | {part: value}
    async with client_of(server, authority) as client:
        with pytest.raises(exceptions.InvalidArgument):
            await client.encrypt(request=request)


async def test_keys_survive_a_restart_in_an_owner_only_file(
    server: KmsServer, settings: KmsSettings, authority: Authority
) -> None:
    async with client_of(server, authority) as client:
        ciphertext = await sealed(client)
    await server.stop()
    assert settings.file.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(settings.file.read_text())) == {KEY, OTHER}
    async with await KmsServer.start(settings) as again, client_of(again, authority) as client:
        opened = await client.decrypt(
            request={"name": KEY, "ciphertext": ciphertext, "additional_authenticated_data": b"place"}
        )
    assert opened.plaintext == b"keyset"


async def test_a_client_without_the_authority_does_not_connect(server: KmsServer, tmp_path: Path) -> None:
    async with client_of(server, Authority.open(tmp_path / "other")) as client:
        with pytest.raises((exceptions.ServiceUnavailable, exceptions.DeadlineExceeded, exceptions.RetryError)):
            await client.encrypt(request={"name": KEY, "plaintext": b"x"}, timeout=2.0, retry=None)
