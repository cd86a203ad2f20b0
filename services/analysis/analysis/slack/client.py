"""Posting to Slack, and what its answers mean. Slack has no idempotency key: only who knows that nothing was posted may post again.

chat.postMessage        chat:write
conversations.list      channels:read
conversations.history   channels:history, which Callmine does not ask for unless it is set up to; without it Slack says missing_scope
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Final, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from analysis.domain.deliveries import LONGEST_CHANNEL_NAME, Channel, DeliveryId
from analysis.slack.credential import Credential
from analysis.slack.messages import ChannelMessage
from core.errors import CallmineError, Permanent, Transient
from egress import (
    Destination,
    DestinationRefused,
    Egress,
    EgressError,
    ProviderRejected,
    ProviderUnavailable,
    TooManyRequests,
)

SLACK: Final = "slack"

_POST: Final = "/api/chat.postMessage"
_LIST: Final = "/api/conversations.list"
_HISTORY: Final = "/api/conversations.history"
_SECONDS: Final = 15.0
# An answer repeats the message: a few KB; a hundred channels with topic and purpose, some hundred.
_LARGEST_RESPONSE: Final = 2 * 1024 * 1024

# Of channels on a page, and of pages: more than that nobody chooses from.
_CHANNELS_A_PAGE: Final = 100
_MOST_PAGES: Final = 20
# Of messages on a page: what Slack gives at most to apps that are not in its directory.
_MESSAGES_A_PAGE: Final = 15

# What is posted carries its delivery's id under this name; so it is found again.
EVENT_TYPE: Final = "callmine_delivery"

_NOT_ACCEPTED: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "user_removed_from_team",
        "team_access_not_granted",
    }
)
_WAIT: Final = frozenset({"ratelimited", "rate_limited"})
_LATER: Final = frozenset({"service_unavailable", "team_added_to_org", "request_timeout"})
# Slack says of these that a part may have been done.
_UNCLEAR: Final = frozenset({"internal_error", "fatal_error"})

_CODE = re.compile(r"[a-z0-9_]{1,60}")


class CredentialRefused(CallmineError):
    """Slack does not accept the token. Nothing was posted."""

    def __init__(self, provider_status: int) -> None:
        super().__init__("Slack does not accept the credential")
        self.provider_status = provider_status


class AskedToWait(Transient):
    """Slack asks for fewer messages. Nothing was posted."""


class NotPosted(Transient):
    """Slack was not reached, or says that it cannot just now. Nothing was posted."""


class Declined(Permanent):
    """Slack will not post it, now or later. `code` is Slack's, a word."""

    def __init__(self, code: str) -> None:
        super().__init__(f"Slack declined: {code}")
        self.code = code


class Unclear(CallmineError):
    """No answer that tells whether the message was posted."""


class _Answer(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True, extra="ignore", cache_strings="none")

    ok: StrictBool
    error: Annotated[str, Field(max_length=200)] = ""


_Ts = Annotated[str, Field(pattern=r"^[0-9]{1,12}\.[0-9]{1,9}$")]


class _Posted(_Answer):
    ts: _Ts


class _Further(BaseModel):
    next_cursor: Annotated[str, Field(max_length=1000)] = ""


class _Conversation(BaseModel):
    id: Annotated[str, Field(min_length=1, max_length=64)]
    name: str = ""
    is_member: bool = False
    is_archived: bool = False


class _Conversations(_Answer):
    channels: list[_Conversation]
    response_metadata: _Further | None = None


class _Said(BaseModel):
    ts: _Ts
    # Other apps' metadata may have any shape.
    metadata: object = None


class _History(_Answer):
    messages: list[_Said]
    response_metadata: _Further | None = None


A = TypeVar("A", bound=_Answer)


def destination(base_url: str) -> Destination:
    """The one host that messages may go to."""
    return Destination(name=SLACK, base_url=base_url, largest_response=_LARGEST_RESPONSE)


class Slack(Struct, frozen=True):
    """Slack's API."""

    egress: Egress

    async def post(self, credential: Credential, text: str) -> None:
        """Post `text` to the person of the credential, as a direct message, with at most one request that reaches Slack.

        Raises CredentialRefused, AskedToWait, NotPosted, Declined, all of which say that nothing was posted; and Unclear.
        """
        form = {
            "channel": credential.person,
            "text": text,
            # A name is a name, however many asterisks it has; and nothing is fetched for a preview of the link.
            "mrkdwn": "false",
            "unfurl_links": "false",
            "unfurl_media": "false",
        }
        await self._posted(credential, form)

    async def deliver(
        self, credential: Credential, channel_id: str, message: ChannelMessage, delivery_id: DeliveryId
    ) -> str:
        """Post to a channel, with at most one request that reaches Slack; Slack's id of the message.

        `delivery_id` goes with it, unseen. Raises what `post` raises.
        """
        form = {
            "channel": channel_id,
            "text": message.text,
            "blocks": json.dumps(message.blocks, ensure_ascii=False),
            "metadata": json.dumps({"event_type": EVENT_TYPE, "event_payload": {"delivery_id": str(delivery_id)}}),
            "mrkdwn": "false",
            "parse": "none",
            "link_names": "false",
            "unfurl_links": "false",
            "unfurl_media": "false",
        }
        posted = _read(await self._posted(credential, form), _Posted)
        if posted is None:
            raise Unclear("Slack does not say which message it is")
        return posted.ts

    async def channels(self, credential: Credential) -> tuple[list[Channel], bool]:
        """The public channels that are not archived, and whether there are more than can be shown.

        Raises CredentialRefused, AskedToWait, NotPosted (Slack was not reached, or did not answer as it does) and Declined.
        """
        found: dict[str, Channel] = {}
        cursor = ""
        for _ in range(_MOST_PAGES):
            query = {"types": "public_channel", "exclude_archived": "true", "limit": str(_CHANNELS_A_PAGE)}
            page = await self._asked(credential, _LIST, query | ({"cursor": cursor} if cursor else {}), _Conversations)
            for one in page.channels:
                if not one.is_archived and one.name:
                    found[one.id] = Channel(one.id, one.name[:LONGEST_CHANNEL_NAME], one.is_member)
            cursor = page.response_metadata.next_cursor if page.response_metadata else ""
            if not cursor:
                return list(found.values()), False
        return list(found.values()), True

    async def find(
        self, credential: Credential, channel_id: str, delivery_id: DeliveryId, since: datetime
    ) -> str | None:
        """Slack's id of the message that carries `delivery_id`, posted at `since` or later; None where there is none.

        Raises what `channels` raises, and Unclear where the channel has more messages than can be looked through.
        """
        cursor = ""
        for _ in range(_MOST_PAGES):
            query = {
                "channel": channel_id,
                "oldest": f"{since.timestamp():.6f}",
                "inclusive": "true",
                "include_all_metadata": "true",
                "limit": str(_MESSAGES_A_PAGE),
            }
            page = await self._asked(credential, _HISTORY, query | ({"cursor": cursor} if cursor else {}), _History)
            for said in page.messages:
                if _carries(said.metadata, delivery_id):
                    return said.ts
            cursor = page.response_metadata.next_cursor if page.response_metadata else ""
            if not cursor:
                return None
        raise Unclear("the channel has too many messages to look through")

    async def _posted(self, credential: Credential, form: Mapping[str, str]) -> bytes:
        """Slack's answer to a message that it has posted."""
        headers = {"authorization": f"Bearer {credential.token}"}
        try:
            answer = await self.egress.request(
                SLACK, "POST", _POST, data=form, headers=headers, timeout=_SECONDS, idempotent=False
            )
        except EgressError as error:
            raise _meaning(error) from None
        _judge(answer.content, answer.status_code)
        return answer.content

    async def _asked(self, credential: Credential, method: str, query: Mapping[str, str], kind: type[A]) -> A:
        """The answer of a method that only reads: whatever does not tell is asked again later."""
        headers = {"authorization": f"Bearer {credential.token}"}
        try:
            answer = await self.egress.request(SLACK, "GET", method, params=query, headers=headers, timeout=_SECONDS)
            _judge(answer.content, answer.status_code)
        except EgressError as error:
            meaning = _meaning(error)
            raise (NotPosted("Slack cannot be asked") if isinstance(meaning, Unclear) else meaning) from None
        except Unclear as error:
            raise NotPosted("Slack did not answer as it does") from error
        found = _read(answer.content, kind)
        if found is None:
            raise NotPosted("Slack did not answer as it does")
        return found


def _carries(metadata: object, delivery_id: DeliveryId) -> bool:
    if not isinstance(metadata, dict) or metadata.get("event_type") != EVENT_TYPE:
        return False
    payload = metadata.get("event_payload")
    return isinstance(payload, dict) and payload.get("delivery_id") == str(delivery_id)


def _meaning(error: EgressError) -> CallmineError:
    if isinstance(error, TooManyRequests):
        return AskedToWait("Slack asks to wait", error.retry_after)
    if isinstance(error, DestinationRefused):
        return Declined("address_refused")
    if isinstance(error, ProviderUnavailable) and error.never_sent:
        return NotPosted("Slack cannot be reached")
    if isinstance(error, ProviderRejected):
        return _by_code(_read(error.body, _Answer), error.provider_status) or Declined(f"http_{error.provider_status}")
    return Unclear("Slack did not answer as it does")


def _judge(body: bytes, status: int) -> None:
    said = _read(body, _Answer)
    if said is None:
        raise Unclear("Slack did not answer as it does")
    if not said.ok:
        raise _by_code(said, status) or Declined("no_code")


def _by_code(said: _Answer | None, status: int) -> CallmineError | None:
    """What an error code means; None where there is none that could be one."""
    if said is None or said.ok or not _CODE.fullmatch(said.error):
        return None
    if said.error in _NOT_ACCEPTED:
        return CredentialRefused(status)
    if said.error in _WAIT:
        return AskedToWait("Slack asks to wait")
    if said.error in _LATER:
        return NotPosted("Slack cannot just now")
    if said.error in _UNCLEAR:
        return Unclear("Slack does not know what it has done")
    return Declined(said.error)


def _read(body: bytes, kind: type[A]) -> A | None:
    try:
        return kind.model_validate_json(body)
    except ValidationError:
        return None
