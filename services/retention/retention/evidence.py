"""Evidence: in-toto statements in signed envelopes, read from a file that `make trust` writes. This service can check one and make none.

Each line of the file is an envelope (https://github.com/secure-systems-lab/dsse) around a statement (https://in-toto.io/Statement/v1) on
one promise. A line that is not signed by one of the keys in the settings counts for nothing.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from msgspec import Struct, field
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

import core.log
from core.errors import MissingSettings
from retention.domain.promises import Evidence, Figure

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://callmine.ai/trust/promise/v1"

# An envelope is some 4 KB, and there is one for each promise; room for the proofs of months.
LARGEST_FILE = 8 * 1024 * 1024

# The type byte of an Ed25519 key as Go's sumdb/note writes keys; the audit log's are written so too.
_ED25519 = b"\x01"

_log = core.log.logger("retention.evidence")


def signed_bytes(payload_type: str, payload: bytes) -> bytes:
    """What a signature of an envelope is over: DSSE's pre-authentication encoding."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)


class EvidenceKey(Struct, frozen=True):
    """A public key: `name+id+base64`."""

    name: str
    key: bytes

    @property
    def id(self) -> str:
        """The first four bytes of the hash over name, type and key, in hex."""
        return sha256(self.name.encode() + b"\n" + _ED25519 + self.key).digest()[:4].hex()

    @property
    def text(self) -> str:
        """As it is published."""
        return f"{self.name}+{self.id}+{base64.b64encode(_ED25519 + self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a published key. Raises MissingSettings."""
        problem = ["CALLMINE_EVIDENCE_KEYS holds no key of evidence: expected name+id+base64, separated by commas"]
        try:
            name, key_id, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
        except (ValueError, binascii.Error):
            raise MissingSettings("retention", problem) from None
        key = cls(name, raw[1:])
        if raw[:1] != _ED25519 or len(raw) != 33 or key.id != key_id:
            raise MissingSettings("retention", problem)
        return key

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made `signature` over `message`."""
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class _Signature(BaseModel):
    keyid: str
    sig: str


class _Envelope(BaseModel):
    payload_type: Literal["application/vnd.in-toto+json"] = Field(alias="payloadType")
    payload: str
    signatures: list[_Signature] = Field(min_length=1, max_length=10)


class _Check(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str
    passed: bool
    figures: dict[str, Figure]


class _Mutant(BaseModel):
    model_config = ConfigDict(strict=True)

    id: str
    red: bool


class _Predicate(BaseModel):
    promise: str
    sentence: str
    proved_at: AwareDatetime
    uncommitted: bool = False
    checks: list[_Check]
    mutants: list[_Mutant]


class _Subject(BaseModel):
    name: str
    digest: dict[str, str]


class _Statement(BaseModel):
    type: Literal["https://in-toto.io/Statement/v1"] = Field(alias="_type")
    subject: list[_Subject] = Field(min_length=1)
    predicate_type: Literal["https://callmine.ai/trust/promise/v1"] = Field(alias="predicateType")
    predicate: _Predicate


def read_evidence(line: str, keys: Sequence[EvidenceKey]) -> Evidence | None:
    """The evidence in one line; None for what is no envelope, or is signed by none of `keys`."""
    try:
        envelope = _Envelope.model_validate_json(line)
        payload = base64.b64decode(envelope.payload, validate=True)
        signatures = [(one.keyid, base64.b64decode(one.sig, validate=True)) for one in envelope.signatures]
        message = signed_bytes(envelope.payload_type, payload)
        if not any(
            key.id == key_id and key.verifies(message, signature) for key_id, signature in signatures for key in keys
        ):
            return None
        statement = _Statement.model_validate_json(payload)
    except (ValidationError, binascii.Error, ValueError):
        return None
    told = statement.predicate
    return Evidence(
        promise=told.promise,
        sentence=told.sentence,
        proved_at=told.proved_at,
        commit=next((one.digest["gitCommit"] for one in statement.subject if "gitCommit" in one.digest), ""),
        uncommitted=told.uncommitted,
        checks={one.id: one.passed for one in told.checks},
        mutants={one.id: one.red for one in told.mutants},
        figures={one.id: one.figures for one in told.checks},
    )


class Kept(Struct, frozen=True):
    """What the file held when it was last read: its evidence, and the lines that count, for those who check them themselves."""

    stamp: tuple[int, int]
    found: tuple[Evidence, ...] = ()
    lines: str = ""


class Shelf(Struct):
    """The file with the evidence, read anew when it has changed. Without a file nothing is proven."""

    path: Path | None
    keys: tuple[EvidenceKey, ...]
    _kept: Kept = field(default_factory=lambda: Kept((0, 0)))

    async def read(self) -> Kept:
        """What is there now. A file that cannot be read, or is too large, is as good as none."""
        if self.path is not None:
            self._kept = await asyncio.to_thread(self._read, self.path, self._kept)
        return self._kept

    def _read(self, path: Path, kept: Kept) -> Kept:
        try:
            state = path.stat()
            stamp = (state.st_mtime_ns, state.st_size)
            if stamp == kept.stamp:
                return kept
            if state.st_size > LARGEST_FILE:
                _log.warning("the file of evidence is too large", bytes=state.st_size)
                return Kept(stamp)
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError):
            return Kept((0, 0))
        read = [(line, read_evidence(line, self.keys)) for line in lines if line.strip()]
        good = [(line, one) for line, one in read if one is not None]
        if len(good) < len(read):
            _log.warning("lines of evidence do not verify", lines=len(read) - len(good))
        return Kept(stamp, tuple(one for _, one in good), "".join(f"{line}\n" for line, _ in good))


def statement(evidence: Evidence, images: dict[str, str]) -> bytes:
    """The statement that tells `evidence`, as it is signed; `images` are SHA-256 digests by service."""
    subjects: list[dict[str, object]] = [{"name": "callmine", "digest": {"gitCommit": evidence.commit}}]
    subjects += [{"name": f"image:{name}", "digest": {"sha256": digest}} for name, digest in sorted(images.items())]
    checks = [
        {"id": name, "passed": passed, "figures": dict(evidence.figures.get(name, {}))}
        for name, passed in evidence.checks.items()
    ]
    content = {
        "_type": STATEMENT_TYPE,
        "subject": subjects,
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "promise": evidence.promise,
            "sentence": evidence.sentence,
            "proved_at": evidence.proved_at.isoformat(),
            "uncommitted": evidence.uncommitted,
            "checks": checks,
            "mutants": [{"id": name, "red": red} for name, red in evidence.mutants.items()],
        },
    }
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
