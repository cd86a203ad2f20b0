"""One question to a provider's OAuth server, asked once, and what its failures mean.

NotSpent   nothing was sent, or the server itself says that it did nothing: 429, or 503 with a time to come back
Unknown    it was sent, and what came back does not tell: a time-out, a broken connection, a 5xx, a redirect, a body that is too long
an answer  2xx, or a 4xx that the caller reads
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, TypeVar

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Tokens
from credential_vault.domain.renewals import CALL_SECONDS
from credential_vault.providers.port import Guard, NotSpent, Unknown, Unusable
from egress import (
    DestinationRefused,
    Egress,
    EgressError,
    ProviderRejected,
    ProviderUnavailable,
    TooManyRequests,
)

# Enough for any token reply; a page of HTML beyond it is not read to its end.
LARGEST_REPLY = 64 * 1024

# Well above any provider's tokens: Google's and HubSpot's longest have some 2,000 characters.
LONGEST_TOKEN = 4096

# Ten years, in seconds; a longer life is a mistake, and would not fit the calendar in the end.
LONGEST_LIFE = 315_360_000

_SERVICE_UNAVAILABLE = 503

M = TypeVar("M", bound="Reply")

Token = Annotated[str, Field(min_length=1, max_length=LONGEST_TOKEN, pattern=r"^[\x21-\x7e]+$")]
Life = Annotated[int, Field(ge=1, le=LONGEST_LIFE)]
Scope = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x21-\x7e]+$")]
Name = Annotated[str, Field(max_length=500)]


class Reply(BaseModel):
    """A provider's answer. pydantic keeps short strings it has read unless it is told not to: tokens are no strings to keep."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True, cache_strings="none")

    def __repr__(self) -> str:
        """Nothing of what it holds."""
        return f"{type(self).__name__}()"

    __str__ = __repr__


class ErrorReply(Reply):
    """RFC 6749, 5.2, and what vendors have instead: `status` is HubSpot's."""

    error: Annotated[str, Field(max_length=200)] = ""
    status: Annotated[str, Field(max_length=200)] = ""

    @property
    def words(self) -> frozenset[str]:
        """The codes that it has."""
        return frozenset({self.error, self.status} - {""})


class _Tokens(Reply):
    access_token: Token
    refresh_token: Token | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said; the repr shows none of it."""

    status: int
    body: bytes = field(repr=False)

    @property
    def is_success(self) -> bool:
        """Whether it is a 2xx."""
        return 200 <= self.status < 300

    def read(self, model: type[M]) -> M | None:
        """The body as `model`; None when it is anything else."""
        try:
            return model.model_validate_json(self.body)
        except ValidationError:
            return None


class Line(Struct, frozen=True):
    """The way to one provider: a destination of `egress`."""

    egress: Egress
    provider: Provider
    destination: str

    async def ask(
        self,
        path_or_url: str,
        form: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
        auth: tuple[str, str] | None = None,
        bearer: str = "",
        seconds: float = CALL_SECONDS,
        guard: Guard | None = None,
    ) -> Answer:
        """Ask once, for at most `seconds`. Raises NotSpent, Unknown; neither says more than the provider's name."""
        headers = {"authorization": f"Bearer {bearer}"} if bearer else None
        if guard is not None:
            guard()
        try:
            # A request that never left may be sent again: that is not a second call.
            response = await self.egress.request(
                self.destination,
                method,
                path_or_url,
                data=form,
                auth=auth,
                headers=headers,
                timeout=seconds,
                idempotent=False,
            )
        except ProviderRejected as error:
            return Answer(error.provider_status, error.body)
        except EgressError as error:
            raise self._meaning(error) from None
        return Answer(response.status_code, response.content)

    def unclear(self, answer: Answer | None = None) -> Unknown:
        """The answer is none that tells. Tokens that are in it all the same go along, so that they can be ended."""
        left = answer.read(_Tokens) if answer is not None and answer.is_success else None
        if left is not None:
            return self.unusable(Tokens(left.access_token, left.refresh_token or ""))
        return Unknown(self._unclear)

    def unusable(self, tokens: Tokens) -> Unusable:
        """The answer holds tokens, but something else in it is wrong."""
        return Unusable(self._unclear, tokens)

    @property
    def _unclear(self) -> str:
        return f"{self.provider.title} did not answer as its OAuth server does. Try again in a moment."

    def _meaning(self, error: EgressError) -> NotSpent | Unknown:
        name = self.provider.title
        if isinstance(error, TooManyRequests):
            return NotSpent(f"{name} asks to wait. Try again in a while.", error.retry_after)
        if isinstance(error, DestinationRefused):
            return NotSpent(f"{name}'s address is not one that Callmine may use.")
        if isinstance(error, ProviderUnavailable):
            if error.never_sent:
                return NotSpent(f"{name} cannot be reached. Try again in a moment.")
            # Only with a time to come back: without it, it may as well be a proxy that has lost the server's answer.
            if error.provider_status == _SERVICE_UNAVAILABLE and error.retry_after is not None:
                return NotSpent(f"{name} is not available. Try again in a while.", error.retry_after)
            return Unknown(f"{name} did not answer. Try again in a moment.")
        return self.unclear()
