"""Finished reports that are posted to Slack: where to, what can become of it, and in which words people are told. Pure."""

from __future__ import annotations

import enum
import re
import uuid
from datetime import datetime
from typing import Final, NewType

from msgspec import Struct

from analysis.domain.notices import GrantId, SealedGrant
from analysis.domain.request import ReportId, RunId
from core.errors import InvalidInput

DeliveryId = NewType("DeliveryId", uuid.UUID)

# Slack's ids of public and private channels. A person's or a direct conversation's is none: a report goes to a team.
_CHANNEL_ID: Final = re.compile(r"[CG][A-Z0-9]{2,63}")

# Slack's own limit of a channel's name.
LONGEST_CHANNEL_NAME: Final = 80

# Above a page; more are only counted.
MOST_NOTICES: Final = 3


class Where(enum.StrEnum):
    """What a schedule says of its reports: as the workspace does, to a channel of its own, or nowhere."""

    WORKSPACE = "workspace"
    CHANNEL = "channel"
    NONE = "none"


class Covers(enum.StrEnum):
    """Which reports go to the workspace's channel."""

    ALL = "all"
    SCHEDULES = "schedules"


class Kind(enum.StrEnum):
    """What is told of a run."""

    REPORT = "report"
    FAILURE = "failure"


class DeliveryState(enum.StrEnum):
    """waiting (for Slack's credential) -> ready -> posted | unclear | failed | skipped.

    A ready one that Slack was asked to post, without it being known what came of that, has `asked_at`: it is looked for, never just
    repeated.
    """

    WAITING = "waiting"
    READY = "ready"
    POSTED = "posted"
    UNCLEAR = "unclear"
    SKIPPED = "skipped"
    FAILED = "failed"


class Channel(Struct, frozen=True):
    """A channel of the workspace's Slack; `name` is empty where only its id was given. `joined`: Callmine's app is in it, None: unknown."""

    id: str
    name: str = ""
    joined: bool | None = None

    @property
    def title(self) -> str:
        """`#sales`; the id where no name is known."""
        return f"#{self.name}" if self.name else self.id

    @property
    def told(self) -> str:
        """`#sales (C0123456789)`, as the audit log has it: the id stays when the channel is renamed."""
        return f"#{self.name} ({self.id})" if self.name else self.id


class Delivery(Struct, frozen=True):
    """Where a schedule's reports go; `channel` is there with CHANNEL only."""

    where: Where = Where.WORKSPACE
    channel: Channel | None = None


class DeliverySettings(Struct, frozen=True):
    """Where a workspace's finished reports go; `version` 0 while nobody has chosen."""

    channel: Channel | None = None
    covers: Covers = Covers.ALL
    version: int = 0


class Posting(Struct, frozen=True):
    """A delivery as the pages show it."""

    id: DeliveryId
    run_id: RunId
    report_id: ReportId | None
    kind: Kind
    channel: Channel
    state: DeliveryState
    reason: str
    created_at: datetime
    ended_at: datetime | None

    @property
    def may_be_repeated(self) -> bool:
        """Whether a person may have it posted (again): it has ended, and is not known to be there."""
        return self.state in {DeliveryState.UNCLEAR, DeliveryState.SKIPPED, DeliveryState.FAILED}


class PageNotice(Struct, frozen=True):
    """What stands above a person's pages: `kind` report, failure or delivery; the last comes with what became of it."""

    id: uuid.UUID
    kind: str
    run_id: RunId
    title: str
    report_id: ReportId | None
    created_at: datetime
    channel: Channel | None = None
    state: DeliveryState | None = None
    reason: str = ""


class Granted(Struct, frozen=True):
    """What the vault has answered: a grant, or why there is none. `expired`: it ends too soon to be used."""

    id: GrantId
    sealed: SealedGrant | None
    denial: str
    expired: bool


class Due(Struct, frozen=True):
    """A delivery as the worker sees it that has claimed it. `asked_at`: Slack was asked to post it, and what came of that is not known."""

    id: DeliveryId
    run_id: RunId
    report_id: ReportId | None
    kind: Kind
    channel: Channel
    granted: Granted
    refused_version: int | None
    asked_at: datetime | None
    asked_seconds_ago: float
    is_old: bool


def channel_id_of(text: str) -> str:
    """A channel's id as a person gives it. Raises InvalidInput."""
    found = text.strip()
    if not _CHANNEL_ID.fullmatch(found):
        raise InvalidInput(
            "a channel's id is a C or G followed by capital letters and digits, such as C0123456789: in Slack it stands at the end of "
            "the channel's details"
        )
    return found


def where_to(settings: DeliverySettings, own: Delivery | None) -> Channel | None:
    """The channel that a run's result is posted to; `own` is its schedule's choice, None for a run that a person asked for."""
    if own is not None and own.where is not Where.WORKSPACE:
        return own.channel
    if own is None and settings.covers is Covers.SCHEDULES:
        return None
    return settings.channel


_REASONS: Final = {
    # Slack's own words.
    "channel_not_found": "Slack does not know the channel, or it is private and Callmine's app is not in it",
    "not_in_channel": "Callmine's app is not in the channel: type /invite @Callmine there",
    "is_archived": "the channel is archived",
    "restricted_action": "a rule of your Slack lets only some people post there",
    "restricted_action_read_only_channel": "a rule of your Slack lets only some people post there",
    "restricted_action_thread_only_channel": "the channel allows answers in threads only",
    "missing_scope": "the access that was given to Callmine does not include posting: connect Slack again",
    "ekm_access_denied": "an administrator of your Slack has suspended posting",
    "invalid_blocks": "Slack did not accept the form of the message",
    "msg_too_long": "Slack found the message too long",
    # Callmine's own.
    "list_missing_scope": "the access that was given to Callmine does not include reading channels: connect Slack again",
    "slack_not_connected": "Slack is not connected",
    "slack_needs_reconnect": "Slack needs reconnecting",
    "not_allowed": "Callmine may not use Slack just now",
    "denied": "Callmine may not use Slack just now",
    "credential_refused": "Slack does not accept Callmine's access: connect it again",
    "credential_closed": "the access to Slack could not be read",
    "given_up": "Slack could not be reached for a while",
    "too_late": "it could not be posted in time",
    "nobody_known": "it is not known who connected Slack: connect it again",
    "hidden": "the plan no longer shows the report",
    "switched_off": "posting was switched off in the meantime",
    "history_not_readable": "Slack gave no clear answer, and Callmine may not read the channel to see",
}


def reason_words(reason: str) -> str:
    """A reason in words for the pages; a code of Slack's that is not known here is named."""
    return _REASONS.get(reason) or f"Slack declined it ({reason})"
