"""google.cloud.kms.v1.KeyManagementService: the calls the project uses."""

import re
import secrets
from collections.abc import Callable
from typing import Any

import google_crc32c
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from google.cloud.kms_v1 import types

from local.kms.keyfile import KeyFile
from local.rpc import Call, Refused, unary_method
from local.rpc.methods import Answer, Methods

MAX_BYTES = 65_536
"""Largest plaintext, and largest associated data, of a software key (cloud.google.com/kms/docs/reference/rpc)."""

Check = Callable[[Call, str, str], None]
"""(call, permission, key name): raises `Refused` when the caller lacks the permission."""

_KEY = re.compile(r"projects/[^/]+/locations/[^/]+/keyRings/[A-Za-z0-9_-]{1,63}/cryptoKeys/[A-Za-z0-9_-]{1,63}")
_NONCE_BYTES = 12

# proto-plus leaves `pb()` untyped; annotations name the proto-plus classes with the same fields.
_Encrypt: Any = types.EncryptRequest.pb()
_EncryptAnswer: Any = types.EncryptResponse.pb()
_Decrypt: Any = types.DecryptRequest.pb()
_DecryptAnswer: Any = types.DecryptResponse.pb()


class KmsService:
    """Answers as Google's server does."""

    service = "google.cloud.kms.v1.KeyManagementService"

    def __init__(self, file: KeyFile, check: Check) -> None:
        self._file = file
        self._check = check

    def methods(self) -> Methods:
        return {"Encrypt": unary_method(self.encrypt, _Encrypt), "Decrypt": unary_method(self.decrypt, _Decrypt)}

    async def encrypt(self, request: types.EncryptRequest, call: Call) -> Answer:
        self._check(call, "useToEncrypt", request.name)
        key = self._key(request.name)
        _refuse_large(request.plaintext, "plaintext")
        associated = request.additional_authenticated_data
        told = _checked(request, plaintext=request.plaintext, additional_authenticated_data=associated)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        ciphertext = nonce + AESGCM(key).encrypt(nonce, request.plaintext, associated)
        answer = _EncryptAnswer(name=f"{request.name}/cryptoKeyVersions/1", ciphertext=ciphertext)
        answer.ciphertext_crc32c.value = google_crc32c.value(ciphertext)
        answer.verified_plaintext_crc32c = told["plaintext"]
        answer.verified_additional_authenticated_data_crc32c = told["additional_authenticated_data"]
        return bytes(answer.SerializeToString())

    async def decrypt(self, request: types.DecryptRequest, call: Call) -> Answer:
        self._check(call, "useToDecrypt", request.name)
        key = self._key(request.name)
        associated = request.additional_authenticated_data
        _checked(request, ciphertext=request.ciphertext, additional_authenticated_data=associated)
        nonce, sealed = request.ciphertext[:_NONCE_BYTES], request.ciphertext[_NONCE_BYTES:]
        try:
            plaintext = AESGCM(key).decrypt(nonce, sealed, associated)
        except (InvalidTag, ValueError):
            raise Refused.invalid("Decryption failed: the ciphertext is invalid.") from None
        answer = _DecryptAnswer(plaintext=plaintext, used_primary=True)
        answer.plaintext_crc32c.value = google_crc32c.value(plaintext)
        return bytes(answer.SerializeToString())

    def _key(self, name: str) -> bytes:
        if not _KEY.fullmatch(name):
            raise Refused.invalid("Write projects/<project>/locations/<place>/keyRings/<ring>/cryptoKeys/<key>.")
        key = self._file.find(name)
        if key is None:
            raise Refused.missing(name)
        return key


def _checked(request: Any, **parts: bytes) -> dict[str, bool]:
    """Which of the named parts came with a checksum. Raises Refused when one does not match its part."""
    told: dict[str, bool] = {}
    for name, value in parts.items():
        _refuse_large(value, name)
        told[name] = request.HasField(f"{name}_crc32c")
        if told[name] and getattr(request, f"{name}_crc32c").value != google_crc32c.value(value):
            raise Refused.invalid(f"{name}_crc32c does not match the data. Send it again.")
    return told


def _refuse_large(value: bytes, name: str) -> None:
    if len(value) > MAX_BYTES + 1024:  # a ciphertext is a little longer than its plaintext
        raise Refused.invalid(f"{name} may have {MAX_BYTES} bytes.")
