"""API keys: what they look like, and how one that is presented is checked.

    callmine_live_<organisation>_<id><secret><checksum>

`organisation` is the workspace's id without its prefix, so that a key is looked up within its own workspace and nowhere else. `id` is the
key's id, `secret` 256 random bits, `checksum` the CRC-32 of all that stands before it: base 62, of 22, 43 and 6 digits. Prefix and checksum
let secret scanners tell a key from other text (as github.blog/2021-04-05-behind-githubs-new-authentication-token-formats explains);
neither protects anything.

What is stored is the SHA-256 of the whole text. A slow hash slows down guessing, which is hopeless at 256 random bits: see
docs/decisions/0011.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
import string
import uuid
import zlib
from collections.abc import Mapping
from typing import ClassVar, Protocol

from msgspec import Struct

from core.errors import Forbidden, Unauthenticated
from core.ids import UserId, WorkspaceId, parse_workspace_id
from web.scopes import Scope
from web.session import KeyInUse, Role, Session

PREFIX = "callmine_live_"

# What a scanner may look for.
PATTERN = r"callmine_live_[0-9A-Za-z]{1,60}_[0-9A-Za-z]{71}"

SECRET_BYTES = 32

_ORGANISATION = "org_"
_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_ID_DIGITS, _SECRET_DIGITS, _CHECKSUM_DIGITS = 22, 43, 6  # what 128, 256 and 32 bits need in base 62
_PARTS = re.compile(
    rf"({PREFIX}([0-9A-Za-z]{{1,60}})_([0-9A-Za-z]{{{_ID_DIGITS}}})[0-9A-Za-z]{{{_SECRET_DIGITS}}})([0-9A-Za-z]{{{_CHECKSUM_DIGITS}}})"
)

# What a presented key is compared with where there is none, so that both cases do the same.
_NOBODYS = bytes(32)

_UNKNOWN = (
    "This API key is not known. Check that it was copied whole; one that was made a moment ago works within seconds. "
    "Admins see all keys on /settings/api-keys."
)


class MissingScope(Forbidden):
    """The key is good, but was not given this right."""

    problem = "missing-scope"
    title = "This API key may not do that"

    def __init__(self, scope: Scope) -> None:
        super().__init__(f"This needs the scope {scope.value}. Make a key that has it on /settings/api-keys.")
        self.members: Mapping[str, object] = {"scope": scope.value}


class NotForKeys(Forbidden):
    """No key may do this, whatever its scopes."""

    problem: ClassVar[str] = "not-for-api-keys"
    title = "This needs a person who is signed in"


class Presented(Struct, frozen=True):
    """A key as somebody sent it; nothing is known of it yet but that it is well-formed."""

    workspace_id: WorkspaceId
    key_id: uuid.UUID
    digest: bytes


class KnownKey(Struct, frozen=True):
    """A key as a service knows it. `use_is_due`: that it is in use has not been noted for some minutes."""

    key_id: uuid.UUID
    digest: bytes
    scopes: frozenset[Scope]
    role: Role
    user_id: UserId
    email: str
    revoked: bool
    expired: bool
    use_is_due: bool


class KeyDirectory(Protocol):
    """Knows the keys of workspaces."""

    async def find(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> KnownKey | None:
        """The key as it is right now; None for one that nobody has. Raises Transient where nobody can tell."""
        ...

    async def note_use(self, workspace_id: WorkspaceId, key_id: uuid.UUID) -> None:
        """Note that the key is in use. Raises Transient."""
        ...


def is_key(text: str) -> bool:
    """Whether `text` claims to be an API key."""
    return text.startswith(PREFIX)


def mint(workspace_id: WorkspaceId, key_id: uuid.UUID) -> str:
    """A new key for `workspace_id`, to be shown once."""
    secret = _base62(int.from_bytes(os.urandom(SECRET_BYTES)), _SECRET_DIGITS)
    body = f"{PREFIX}{workspace_id.removeprefix(_ORGANISATION)}_{_base62(key_id.int, _ID_DIGITS)}{secret}"
    return body + _checksum(body)


def digest_of(text: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(text.encode()).digest()


def parse(text: str) -> Presented:
    """A key that was sent. Raises Unauthenticated for one that is malformed or mistyped; the text is never quoted."""
    parts = _PARTS.fullmatch(text)
    number = _number(parts[3]) if parts else 0
    if parts is None or parts[4] != _checksum(parts[1]) or number >= 1 << 128:
        raise Unauthenticated(
            "This is not a whole API key: its check digits are wrong. Copy it again, or make a new one."
        )
    return Presented(parse_workspace_id(_ORGANISATION + parts[2]), uuid.UUID(int=number), digest_of(text))


def judged(presented: Presented, known: KnownKey | None) -> Session:
    """The session of whoever holds the key: that of the person who made it, as far as the key's scopes go.

    Raises Unauthenticated. That a key is revoked or over is told only to who has it.
    """
    same = hmac.compare_digest(known.digest if known else _NOBODYS, presented.digest)
    if known is None or not same:
        raise Unauthenticated(_UNKNOWN)
    if known.revoked:
        raise Unauthenticated("This API key has been revoked. Make a new one on /settings/api-keys.")
    if known.expired:
        raise Unauthenticated("This API key has expired. Make a new one on /settings/api-keys.")
    return Session(
        user_id=known.user_id,
        workspace_id=presented.workspace_id,
        workspace_slug="",
        role=known.role,
        email=known.email,
        session_id="",
        from_cookie=False,
        key=KeyInUse(known.key_id, known.scopes),
    )


def require(session: Session, scope: Scope) -> None:
    """Raise MissingScope for a key that was not given `scope`; a person has all of them, within the role."""
    if session.key is not None and scope not in session.key.scopes:
        raise MissingScope(scope)


def _checksum(body: str) -> str:
    return _base62(zlib.crc32(body.encode()), _CHECKSUM_DIGITS)


def _base62(number: int, digits: int) -> str:
    text = ""
    while number:
        number, last = divmod(number, len(_DIGITS))
        text = _DIGITS[last] + text
    return text.rjust(digits, _DIGITS[0])


def _number(text: str) -> int:
    number = 0
    for digit in text:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    return number
