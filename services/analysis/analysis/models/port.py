"""The port to a language model, and what can go wrong behind it.

    ModelError
    ├── BadAnswer        (Permanent)  the model answered, but not usably; asking again may help unless `hopeless`
    └── AccountRefused   (Permanent)  the provider refuses Callmine's account or model: no call of the run will get through

A provider that is busy or away raises core.errors.Transient.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.errors import CallmineError, Permanent


class ModelError(CallmineError):
    """Root of this tree. The text is fit for the report and quotes neither question nor answer."""


class BadAnswer(ModelError, Permanent):
    """The answer is of no use. `hopeless` where the same question cannot be answered any better."""

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason)
        self.hopeless = hopeless


class AccountRefused(ModelError, Permanent):
    """The provider refuses the account or does not know the model."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a model is asked: instructions of ours, one JSON document as data, and the shape of the answer."""

    task: str
    instructions: str
    document: str
    schema: Mapping[str, object]
    most_output_tokens: int


class LanguageModel(Protocol):
    """One model of one provider."""

    async def ask(self, prompt: Prompt) -> str:
        """The answer's text, which should be JSON. Raises BadAnswer, AccountRefused, Transient."""
        ...
