"""The ports to the language models, and what can go wrong behind them.

    ModelError
    ├── BadAnswer         (Permanent)  the model answered, but not usably; asking again may help unless `hopeless`
    │   ├── Refused                    the model or the provider's filter declined: it would again
    │   ├── CutShort                   the answer was longer than it was allowed to be
    │   └── TooLong                    the question is longer than the model can read
    ├── AccountRefused    (Permanent)  the provider refuses Callmine's account or model: no call of the run will get through
    └── ProviderTrouble   (Transient)  the provider is busy, broken or not there
        └── ProviderAway               it is not asked at all for now

Each carries the `outcome` that is recorded of the request, and the tokens that the provider has counted all the same. The texts are fit
for the report and quote neither question nor answer.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Protocol

import msgspec

from analysis.models.tokens import Tokens
from core.errors import CallmineError, Permanent, Transient


class Outcome(enum.StrEnum):
    """What became of one request."""

    ANSWERED = "answered"
    UNREADABLE = "unreadable"
    CUT_SHORT = "cut_short"
    REFUSED = "refused"
    FILTERED = "filtered"
    TOO_LONG = "too_long"
    NOT_ACCEPTED = "not_accepted"
    BUSY = "busy"
    OVERLOADED = "overloaded"
    BROKEN = "broken"
    TIMED_OUT = "timed_out"
    UNREACHABLE = "unreachable"
    ACCOUNT_EMPTY = "account_empty"
    ACCOUNT_REFUSED = "account_refused"


class DataClass(enum.StrEnum):
    """A kind of customer data that a question can hold."""

    BRIEF = "brief"
    TRANSCRIPT = "transcript"
    SPEAKERS = "speakers"
    TITLE = "title"
    DEAL = "deal"
    FINDINGS = "findings"


class ModelError(CallmineError):
    """Root of this tree. `sent` is the size of the request's body in bytes, 0 where none left."""

    outcome: Outcome = Outcome.UNREADABLE
    tokens: Tokens = Tokens()
    sent: int = 0
    status_code: int = 0


class BadAnswer(ModelError, Permanent):
    """The answer is of no use. `hopeless` where the same question cannot be answered any better."""

    def __init__(self, reason: str, *, hopeless: bool = False, outcome: Outcome = Outcome.UNREADABLE) -> None:
        super().__init__(reason)
        self.hopeless = hopeless
        self.outcome = outcome


class Refused(BadAnswer):
    """The model declined, or the provider's content filter stopped it. Asking again would only send the data again."""

    def __init__(self, reason: str, outcome: Outcome = Outcome.REFUSED) -> None:
        super().__init__(reason, hopeless=True, outcome=outcome)


class CutShort(BadAnswer):
    """The answer did not fit into the tokens allowed."""

    def __init__(self, reason: str = "the model's answer was cut short", *, hopeless: bool = False) -> None:
        super().__init__(reason, hopeless=hopeless, outcome=Outcome.CUT_SHORT)


class TooLong(BadAnswer):
    """The question does not fit into the model's window."""

    def __init__(self, reason: str = "the transcript is longer than the model can read") -> None:
        super().__init__(reason, hopeless=True, outcome=Outcome.TOO_LONG)


class AccountRefused(ModelError, Permanent):
    """The provider refuses the account or does not know the model."""

    def __init__(self, reason: str, outcome: Outcome = Outcome.ACCOUNT_REFUSED) -> None:
        super().__init__(reason)
        self.outcome = outcome


class ProviderTrouble(ModelError, Transient):
    """The provider is busy, broken or not there; `retry_after` in seconds where it says so."""

    def __init__(self, reason: str, outcome: Outcome, retry_after: float | None = None) -> None:
        super().__init__(reason, retry_after=retry_after)
        self.outcome = outcome


class ProviderAway(ProviderTrouble):
    """The provider has failed too often: it is not asked for `retry_after` seconds."""


class Prompt(msgspec.Struct, frozen=True):
    """What a model is asked: instructions of ours, one JSON document as data, and the shape of the answer.

    The first `fixed` characters of the document are the same in all questions of a run: providers keep what such questions begin with.
    `data` and `masked` say what kinds of customer data it holds and how many placeholders of each kind.
    """

    task: str
    instructions: str
    document: str
    schema: Mapping[str, object]
    most_output_tokens: int
    data: tuple[DataClass, ...]
    fixed: int = 0
    masked: Mapping[str, int] = msgspec.field(default_factory=dict)
    part: int = 1
    parts: int = 1


class Reply(msgspec.Struct, frozen=True):
    """A provider's answer: its text, the tokens it counted, and the size in bytes of what was sent to get it."""

    text: str
    tokens: Tokens = msgspec.field(default_factory=Tokens)
    sent: int = 0


class ProviderModel(Protocol):
    """One model of one provider."""

    async def answer(self, prompt: Prompt, most_output_tokens: int) -> Reply:
        """One request, whatever comes of it. Raises BadAnswer, AccountRefused, ProviderTrouble."""
        ...


class LanguageModel(Protocol):
    """Whoever answers questions: what workers see."""

    async def ask(self, prompt: Prompt) -> str:
        """The answer's text, which should be JSON. Raises BadAnswer, AccountRefused, Transient."""
        ...
