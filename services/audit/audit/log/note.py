"""Signed notes (https://c2sp.org/signed-note) and checkpoints in them (https://c2sp.org/tlog-checkpoint), with Ed25519 keys."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from audit.log.tree import HASH_BYTES
from core.errors import InvalidInput, MissingSettings

# The signature types of signed-note; a witness' cosignature has a time in it (https://c2sp.org/tlog-cosignature).
ED25519, COSIGNATURE = b"\x01", b"\x04"

_SECRET = "PRIVATE+KEY"  # noqa: S105 - the words a private key's text begins with


class Verifier(Struct, frozen=True):
    """A public key: `name+id+base64`."""

    name: str
    key: bytes
    kind: bytes = ED25519

    @property
    def id(self) -> bytes:
        """The first four bytes of the hash over name, type and key."""
        return sha256(self.name.encode() + b"\n" + self.kind + self.key).digest()[:4]

    @property
    def text(self) -> str:
        """As it is published and pinned."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(self.kind + self.key).decode()}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a published key. Raises InvalidInput."""
        try:
            name, key_id, data = text.strip().split("+", 2)
            raw = base64.b64decode(data, validate=True)
        except (ValueError, binascii.Error):
            raise InvalidInput("the key is none of a signed note's: expected name+id+base64") from None
        verifier = cls(name, raw[1:], raw[:1])
        if raw[:1] not in (ED25519, COSIGNATURE) or len(raw) != 33 or verifier.id.hex() != key_id or not name:
            raise InvalidInput("the key is none of a signed note's: type, length or id do not fit")
        return verifier

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made `signature` (without its id) over `message`."""
        if self.kind == COSIGNATURE:
            if len(signature) != 8 + 64:
                return False
            seconds = int.from_bytes(signature[:8])
            message, signature = b"cosignature/v1\ntime %d\n" % seconds + message, signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


class Signer:
    """A private key, `PRIVATE+KEY+name+id+base64`, as Go's sumdb/note writes it."""

    def __init__(self, name: str, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw())

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a private key. Raises MissingSettings, which quotes nothing of it."""
        problem = ["the secret audit-log-key holds no signing key: expected PRIVATE+KEY+name+id+base64, one on a line"]
        prefix, _, rest = text.strip().partition(f"{_SECRET}+")
        try:
            name, key_id, data = rest.split("+", 2)
            raw = base64.b64decode(data, validate=True)
        except (ValueError, binascii.Error):
            raise MissingSettings("audit", problem) from None
        if prefix or raw[:1] != ED25519 or len(raw) != 33 or not name:
            raise MissingSettings("audit", problem)
        signer = cls(name, raw[1:])
        if signer.verifier.id.hex() != key_id:
            raise MissingSettings("audit", problem)
        return signer

    @staticmethod
    def text(name: str, seed: bytes) -> str:
        """What `parse` reads, for a seed of 32 random bytes."""
        verifier = Signer(name, seed).verifier
        return f"{_SECRET}+{name}+{verifier.id.hex()}+{base64.b64encode(ED25519 + seed).decode()}"

    def line(self, body: str) -> str:
        """The signature line over a note's text."""
        signature = base64.b64encode(self.verifier.id + self._key.sign(body.encode())).decode()
        return f"— {self.verifier.name} {signature}\n"


class Keyring:
    """The keys that sign: all of them do, so that who pinned the one before goes on verifying while keys change."""

    def __init__(self, signers: Sequence[Signer]) -> None:
        self._signers = tuple(signers)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Keys, one on a line, the newest first. Raises MissingSettings where there is none."""
        lines = [line for line in text.splitlines() if line.strip()]
        return cls([Signer.parse(line) for line in lines or [""]])

    @property
    def verifiers(self) -> tuple[Verifier, ...]:
        """The public keys, newest first."""
        return tuple(signer.verifier for signer in self._signers)

    def sign(self, body: str) -> str:
        """The signed note of a text that ends with a line feed."""
        return f"{body}\n{''.join(signer.line(body) for signer in self._signers)}"


class Checkpoint(Struct, frozen=True):
    """A log's state: which log, how many leaves, under which root."""

    origin: str
    size: int
    root: bytes

    @property
    def body(self) -> str:
        """The text that is signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, body: str) -> Self:
        """Read a note's text; extension lines are passed over. Raises InvalidInput."""
        origin, *lines = body.split("\n")
        try:
            size, root = int(lines[0]), base64.b64decode(lines[1], validate=True)
        except (ValueError, IndexError, binascii.Error):
            raise InvalidInput("the note holds no checkpoint: expected origin, size and root") from None
        if not origin or lines[0] != str(size) or size < 0 or len(root) != HASH_BYTES or lines[-1]:
            raise InvalidInput("the note holds no checkpoint: expected origin, size and root")
        return cls(origin, size, root)


def opened(note: str, verifiers: Iterable[Verifier]) -> str:
    """The text of a note that one of `verifiers` at least has signed. Raises InvalidInput.

    Signatures by unknown keys are passed over; a wrong one by a known key spoils the note.
    """
    body, separator, tail = note.rpartition("\n\n")
    lines = tail.split("\n")
    if not separator or lines[-1] or len(lines) < 2:
        raise InvalidInput("this is no signed note: it has no signature lines")
    body += "\n"
    known: Mapping[tuple[str, bytes], Verifier] = {(one.name, one.id): one for one in verifiers}
    found = [_signed_by(line, body, known) for line in lines[:-1]]
    if not any(found):
        raise InvalidInput("the note is signed by none of the keys that are trusted")
    return body


def _signed_by(line: str, body: str, known: Mapping[tuple[str, bytes], Verifier]) -> bool:
    dash, _, rest = line.partition(" ")
    name, _, data = rest.partition(" ")
    try:
        raw = base64.b64decode(data, validate=True)
    except (ValueError, binascii.Error):
        raise InvalidInput("this is no signed note: a signature line cannot be read") from None
    if dash != "—" or not name or len(raw) < 5:
        raise InvalidInput("this is no signed note: a signature line cannot be read")
    verifier = known.get((name, raw[:4]))
    if verifier is None:
        return False
    if not verifier.verifies(body.encode(), raw[4:]):
        raise InvalidInput("the note's signature is wrong")
    return True
