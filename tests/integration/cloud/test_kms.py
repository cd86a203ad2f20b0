"""Cloud KMS against the stand-in that speaks Google's API, over TLS."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from google.api_core import exceptions
from google.cloud import kms_v1

from cloud import Endpoint
from cloud.kms import GoogleKms
from core.errors import NotFound, Permanent, Transient
from local.kms import KmsPolicy, KmsServer, KmsSettings
from local.tls import Authority

RING = "projects/callmine-test/locations/europe-west3/keyRings/vault/cryptoKeys"
KEY, OTHER, MISSING = f"{RING}/keyset", f"{RING}/other", f"{RING}/missing"
VAULT = "t-vault"
TEXT = b"not to be seen in an error"


@pytest.fixture
async def server(tmp_path: Path, authority: Authority) -> AsyncIterator[KmsServer]:
    users = {name: frozenset({"vault@p"}) for name in (KEY, OTHER, MISSING)}
    policy = KmsPolicy({"t-vault": "vault@p", "t-audit": "audit@p"}, users)
    settings = KmsSettings(tmp_path / "kms.json", authority.server("kms"), (KEY, OTHER), policy=policy)
    async with await KmsServer.start(settings) as running:
        yield running


def opened(server: KmsServer, authority: Authority, token: str = VAULT) -> GoogleKms:
    return GoogleKms(Endpoint(address=server.address, ca_file=authority.ca_file, token=token))


@pytest.fixture
async def kms(server: KmsServer, authority: Authority) -> AsyncIterator[GoogleKms]:
    kms = opened(server, authority)
    yield kms
    await kms.close()


async def test_what_was_encrypted_opens(kms: GoogleKms) -> None:
    ciphertext = await kms.encrypt(KEY, TEXT, b"place")
    assert TEXT not in ciphertext
    assert await kms.decrypt(KEY, ciphertext, b"place") == TEXT


async def test_nothing_is_checked_too(kms: GoogleKms) -> None:
    """A checksum of nothing is 0, which is not the same as none."""
    assert await kms.decrypt(KEY, await kms.encrypt(KEY, b"", b""), b"") == b""


@pytest.mark.parametrize(("key", "associated"), [(KEY, b"elsewhere"), (OTHER, b"place")])
async def test_another_place_and_another_key_do_not_open(kms: GoogleKms, key: str, associated: bytes) -> None:
    ciphertext = await kms.encrypt(KEY, TEXT, b"place")
    with pytest.raises(Permanent, match="made by another key, or for another use"):
        await kms.decrypt(key, ciphertext, associated)


@pytest.mark.parametrize("token", ["t-audit", "guess"])
async def test_who_may_not_is_told_what_to_grant(server: KmsServer, authority: Authority, token: str) -> None:
    kms = opened(server, authority, token)
    with pytest.raises(Permanent, match="encrypter/decrypter role") as caught:
        await kms.encrypt(KEY, TEXT, b"place")
    await kms.close()
    assert TEXT.decode() not in str(caught.value)


async def test_a_missing_key_is_named(kms: GoogleKms) -> None:
    with pytest.raises(NotFound, match="cryptoKeys/missing does not exist"):
        await kms.decrypt(MISSING, b"x" * 40, b"place")


A = TypeVar("A")


class Damaging:
    """Google's client, whose answers arrive altered."""

    def __init__(self, real: kms_v1.KeyManagementServiceAsyncClient, **altered: object) -> None:
        self._real = real
        self._altered = altered
        self.transport = real.transport

    async def encrypt(self, **request: Any) -> kms_v1.EncryptResponse:
        return self._after(kms_v1.EncryptResponse(await self._real.encrypt(**request)))

    async def decrypt(self, **request: Any) -> kms_v1.DecryptResponse:
        return self._after(kms_v1.DecryptResponse(await self._real.decrypt(**request)))

    def _after(self, answer: A) -> A:
        for name, value in self._altered.items():
            setattr(answer, name, value)
        return answer


@pytest.mark.parametrize(
    "altered",
    [
        {"ciphertext": b"something else"},
        {"ciphertext_crc32c": 1},
        {"verified_plaintext_crc32c": False},
        {"verified_additional_authenticated_data_crc32c": False},
    ],
)
async def test_damage_on_the_way_is_noticed_when_encrypting(kms: GoogleKms, altered: dict[str, object]) -> None:
    kms._client = Damaging(kms._connected(), **altered)  # type: ignore[assignment] # stands between
    with pytest.raises(Transient, match="CRC32C"):
        await kms.encrypt(KEY, TEXT, b"place")


@pytest.mark.parametrize("altered", [{"plaintext": b"something else"}, {"plaintext_crc32c": None}])
async def test_damage_on_the_way_is_noticed_when_decrypting(kms: GoogleKms, altered: dict[str, object]) -> None:
    ciphertext = await kms.encrypt(KEY, TEXT, b"place")
    kms._client = Damaging(kms._connected(), **altered)  # type: ignore[assignment] # stands between
    with pytest.raises(Transient, match="CRC32C"):
        await kms.decrypt(KEY, ciphertext, b"place")


class Failing:
    """A client whose calls fail."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def decrypt(self, **_: Any) -> kms_v1.DecryptResponse:
        raise self._error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        ("FailedPrecondition", Permanent, "disabled or destroyed"),
        ("ServiceUnavailable", Transient, "does not answer right now"),
        ("DeadlineExceeded", Transient, "does not answer right now"),
        ("ResourceExhausted", Transient, "does not answer right now"),
    ],
)
async def test_other_failures_say_what_to_do(error: str, kind: type[Exception], words: str) -> None:
    kms = GoogleKms(Endpoint(address="localhost:1"))
    kms._client = Failing(getattr(exceptions, error)("as Google says it"))  # type: ignore[assignment] # fails as Google's does
    with pytest.raises(kind, match=words):
        await kms.decrypt(KEY, b"x", b"place")
