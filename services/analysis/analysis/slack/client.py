"""Posting to Slack, and what its answers mean. Slack has no idempotency key: only who knows that nothing was posted may post again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError

from analysis.slack.credential import Credential
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

_METHOD: Final = "/api/chat.postMessage"
_SECONDS: Final = 15.0
# An answer repeats the message: a few KB.
_LARGEST_RESPONSE: Final = 256 * 1024

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


def destination(base_url: str) -> Destination:
    """The one host that messages may go to."""
    return Destination(name=SLACK, base_url=base_url, largest_response=_LARGEST_RESPONSE)


@dataclass(frozen=True, slots=True)
class Slack:
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
        headers = {"authorization": f"Bearer {credential.token}"}
        try:
            answer = await self.egress.request(
                SLACK, "POST", _METHOD, data=form, headers=headers, timeout=_SECONDS, idempotent=False
            )
        except EgressError as error:
            raise _meaning(error) from None
        _judge(answer.content, answer.status_code)


def _meaning(error: EgressError) -> CallmineError:
    if isinstance(error, TooManyRequests):
        return AskedToWait("Slack asks to wait", error.retry_after)
    if isinstance(error, DestinationRefused):
        return Declined("address_refused")
    if isinstance(error, ProviderUnavailable) and error.never_sent:
        return NotPosted("Slack cannot be reached")
    if isinstance(error, ProviderRejected):
        return _by_code(_read(error.body), error.provider_status) or Declined(f"http_{error.provider_status}")
    return Unclear("Slack did not answer as it does")


def _judge(body: bytes, status: int) -> None:
    said = _read(body)
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


def _read(body: bytes) -> _Answer | None:
    try:
        return _Answer.model_validate_json(body)
    except ValidationError:
        return None
