"""Credentials: what they are, who may be granted them, and which addresses they may be sent to. Pure."""

from __future__ import annotations

import dataclasses
import enum
import json
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from msgspec import Struct

from core.errors import InvalidInput
from core.ids import WorkspaceId


class Provider(enum.StrEnum):
    """The integrations a workspace can have."""

    GONG = "gong"
    HUBSPOT = "hubspot"
    SLACK = "slack"
    # Not connected by anybody: the secret that signs what goes to the customer's own SIEM is made here.
    SIEM = "siem"

    @property
    def title(self) -> str:  # type: ignore[override]  # str.title makes a text's title case; this is the provider's own spelling
        """The provider's name as it spells it."""
        return {"gong": "Gong", "hubspot": "HubSpot", "slack": "Slack", "siem": "SIEM"}[self.value]


class State(enum.StrEnum):
    """The states of a credential."""

    NEW = "new"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    NEEDS_RECONNECT = "needs_reconnect"


class Denial(enum.StrEnum):
    """Why a grant was refused."""

    NOT_CONNECTED = "not_connected"
    NOT_ALLOWED = "not_allowed"
    NEEDS_RECONNECT = "needs_reconnect"


# Who may be granted what. A service that is not listed is granted nothing.
POLICY: Final = {
    "ingest": frozenset({Provider.GONG, Provider.HUBSPOT}),
    "analysis": frozenset({Provider.SLACK}),
    "audit": frozenset({Provider.SIEM}),
}

# Gong's keys and secrets have well under 200 characters; the bound keeps nonsense out of the ciphertext column.
LONGEST_KEY: Final = 512

# The first part of every slot's associated data: another shape of it gets another number.
_SLOT_SCHEMA: Final = 1
_quoted = json.encoder.encode_basestring_ascii

_PRINTABLE = re.compile(r"[\x21-\x7e]+")
_GONG_ADDRESS = re.compile(r"https://(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+gong\.io")


@dataclass(frozen=True, slots=True)
class BasicPair:
    """An access key and its secret, for HTTP basic authentication; the repr shows neither."""

    access_key: str = field(repr=False)
    secret: str = field(repr=False)

    @classmethod
    def parse(cls, access_key: str, secret: str) -> BasicPair:
        """Check what a person pasted. Raises InvalidInput, which does not quote it."""
        access_key, secret = access_key.strip(), secret.strip()
        _check_key("access key", access_key)
        _check_key("secret", secret)
        if ":" in access_key:  # RFC 7617, 2: a colon would end the user-id early
            raise InvalidInput("The access key holds a colon, which Gong's keys do not: copy it again.")
        return cls(access_key, secret)

    def grant(self, base_url: str) -> bytes:
        """What the requester finds when it opens its grant."""
        content = {"kind": "basic", "access_key": self.access_key, "secret": self.secret, "base_url": base_url}
        return json.dumps(content, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Slot:
    """Where one ciphertext belongs. It opens nowhere else."""

    workspace_id: WorkspaceId
    provider: Provider
    credential_id: uuid.UUID
    version: int
    field: str
    # The slot as bytes. Made once, with the slot: sealing and opening are as quick as Tink itself.
    associated_data: bytes = dataclasses.field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Put the slot into bytes: a JSON array led by the schema's version, unambiguous whatever its parts contain."""
        workspace, provider, name = _quoted(self.workspace_id), _quoted(self.provider.value), _quoted(self.field)
        text = f'[{_SLOT_SCHEMA},{workspace},{provider},"{self.credential_id}",{name},{self.version}]'
        object.__setattr__(self, "associated_data", text.encode())


class Integration(Struct, frozen=True):
    """What people see of a credential: never any part of it."""

    provider: Provider
    state: State
    kind: str = "basic"
    base_url: str = ""
    account: str = ""
    scopes: tuple[str, ...] = ()
    reason: str = ""
    expires_at: datetime | None = None
    renewable: bool = False
    connected_by: str = ""
    connected_at: datetime | None = None
    used_by: str | None = None
    used_for: str | None = None
    used_at: datetime | None = None


class GrantRequest(Struct, frozen=True):
    """A service asks for a credential. `requester` is known from the topic, not from what the message says."""

    grant_id: uuid.UUID
    provider: Provider
    requester: str
    purpose: str
    subject_id: str


class Grant(Struct, frozen=True):
    """A sealed credential on its way to the requester."""

    request: GrantRequest
    sealed: bytes
    sealing_key_id: str
    expires_at: datetime
    credential_version: int


class Rejection(Struct, frozen=True):
    """A service says that the provider did not accept what it was granted. `requester` is known from the topic."""

    grant_id: uuid.UUID
    provider: Provider
    requester: str
    version: int


def _check_key(name: str, text: str) -> None:
    if not text:
        raise InvalidInput(f"The {name} is empty: copy it from Gong, Company Settings > API.")
    if len(text) > LONGEST_KEY or not _PRINTABLE.fullmatch(text):
        raise InvalidInput(f"The {name} is not one that Gong makes: copy it again, without spaces in it.")


def is_allowed(requester: str, provider: Provider) -> bool:
    """Whether the policy lets `requester` have credentials of `provider`."""
    return provider in POLICY.get(requester, frozenset())


def gong_base_url(text: str, default: str) -> str:
    """The address of Gong's API that a person gave; empty for none and for `default`, which then holds whatever it becomes.

    Raises InvalidInput for anything but `https://<host>.gong.io`: the credential is sent there.
    """
    text = text.strip().rstrip("/")
    if not text or text == default.rstrip("/"):
        return ""
    # Matched as a whole, not taken apart: a parser drops what it does not like (line ends, an empty query), and what is sent differs.
    if not _GONG_ADDRESS.fullmatch(text):
        raise InvalidInput(
            "The base URL must be Gong's own, for example https://us-12345.api.gong.io, with nothing after the host."
        )
    return text
