"""Notices that an integration needs reconnecting: their states, and what they say. Pure."""

from __future__ import annotations

import enum
import re
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, NewType

from msgspec import Struct

from core.errors import InvalidInput

GrantId = NewType("GrantId", uuid.UUID)

# What stops while it is not connected. Slack's own loss cannot be told by Slack.
_STOPPED: Final[Mapping[str, tuple[str, str]]] = {
    "gong": ("Gong", "no calls are fetched, and new runs fail"),
    "hubspot": ("HubSpot", "nothing is read from HubSpot"),
}
TOLD_OF: Final = frozenset(_STOPPED)

# A workspace's name is its people's own: enough of it to know which one is meant.
_LONGEST_NAME: Final = 80


# What a notice of a new sub-processor has for a provider: this, and its name in the register.
ANNOUNCED: Final = "subprocessor:"

# Of the company and of its purpose: a line each.
_LONGEST_LINE: Final = 300
_NAME: Final = re.compile(r"[a-z0-9-]{1,40}")


class NoticeState(enum.StrEnum):
    """waiting_grant -> ready -> sending -> sent | unknown | failed; skipped or failed before that where there is nothing to be sent.

    From sending back to ready only where Slack certainly has posted nothing; from ready back to waiting_grant when the grant is over.
    """

    WAITING_GRANT = "waiting_grant"
    READY = "ready"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    SKIPPED = "skipped"
    FAILED = "failed"


class Denial(enum.StrEnum):
    """Why the vault gave no credential."""

    NOT_CONNECTED = "slack_not_connected"
    NEEDS_RECONNECT = "slack_needs_reconnect"
    NOT_ALLOWED = "not_allowed"
    UNKNOWN = "denied"

    @property
    def state(self) -> NoticeState:
        """How a notice ends by it: where nobody has a working Slack there is nothing to be done, and no failure."""
        usual = self in (Denial.NOT_CONNECTED, Denial.NEEDS_RECONNECT)
        return NoticeState.SKIPPED if usual else NoticeState.FAILED


class Loss(Struct, frozen=True):
    """A credential that was lost: which version, and the sequence of the message that told it."""

    provider: str
    version: int
    sequence: int

    @property
    def subject(self) -> str:
        """A word for it, as the vault's journal has it."""
        return f"{self.provider}-{self.version}".replace(":", "-")


class Announcement(Struct, frozen=True):
    """A sub-processor that is going to be added: data may go there from `in_effect_from` on, a day in UTC."""

    name: str
    company: str
    purpose: str
    listed_on: date
    in_effect_from: date

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name) or not self.company or not self.purpose:
            raise InvalidInput("a sub-processor is announced without name, company or purpose")

    @property
    def loss(self) -> Loss:
        """What its notice is known by: one for each listing."""
        return Loss(f"{ANNOUNCED}{self.name}", int(f"{self.listed_on:%Y%m%d}"), 0)


class Told(Struct, frozen=True):
    """What became of the notice of a sub-processor: for the admins."""

    company: str
    in_effect_from: date
    state: NoticeState
    reason: str
    created_at: datetime
    ended_at: datetime | None


class SealedGrant(Struct, frozen=True):
    """Slack's credential, which only analysis' sealing key opens; the bytes are not shown in a repr."""

    grant_id: GrantId
    sealed: bytes
    key_id: str
    expires_at: datetime
    credential_version: int

    def __repr__(self) -> str:
        """Never the bytes."""
        return f"SealedGrant({self.grant_id})"


class Notice(Struct, frozen=True):
    """A notice as the worker sees it that has claimed it. `is_due` while nothing later is known of the integration."""

    state: NoticeState
    grant: SealedGrant
    grant_expired: bool
    refused_version: int | None
    is_due: bool
    is_old: bool
    workspace_name: str
    announced: Announcement | None = None


def words(provider: str, workspace_name: str, address: str) -> str:
    """What the notice says, in Slack's own escaping; `address` is the page to reconnect at. Holds no credential and nobody's data."""
    title, stopped = _STOPPED[provider]
    name = workspace_name.strip()[:_LONGEST_NAME]
    where = f"Callmine's workspace {_escaped(name)}" if name else "Callmine"
    return (
        f"{title} needs reconnecting in {where}: it can no longer be used with the credential that was given."
        f" Until then {stopped}. An admin of the workspace can reconnect it: {address}"
    )


def announcing_words(one: Announcement, workspace_name: str, address: str) -> str:
    """What the notice of a new sub-processor says; `address` is the page that lists all."""
    name = workspace_name.strip()[:_LONGEST_NAME]
    where = f" for the workspace {_escaped(name)}" if name else ""
    return (
        f"Callmine is going to use a new sub-processor{where}: {_escaped(one.company[:_LONGEST_LINE])}."
        f" {_escaped(one.purpose[:_LONGEST_LINE])}. No data goes there before {one.in_effect_from:%-d %B %Y}."
        f" Which data, and all others: {address}. You are told because you connected Slack; admins see it above every page as well."
    )


def _escaped(text: str) -> str:
    """Slack reads &, < and > as its own: a name could mention everybody with them. Line ends become spaces."""
    plain = " ".join(text.split())
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
