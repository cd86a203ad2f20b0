"""The models on offer: Callmine's ids, the providers' clients behind them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anthropic
import openai

from analysis.models.port import AccountRefused, LanguageModel
from analysis.models.with_anthropic import AnthropicModel
from analysis.models.with_openai import OpenAIModel
from cloud.secrets import Secrets
from core.errors import Permanent
from egress import Destination, Egress

OPENAI, ANTHROPIC = "openai", "anthropic"

# Given to the clients at construction and never sent: each question brings the key of the moment.
_NO_KEY = "read-for-each-question"


@dataclass(frozen=True, slots=True)
class ModelNames:
    """The providers' own names of the models; which ones they are is configuration."""

    openai_small: str
    openai_large: str
    anthropic_small: str
    anthropic_large: str


@dataclass(frozen=True, slots=True)
class Providers:
    """Where the providers are, and how long to wait for an answer, in seconds."""

    openai_url: str
    anthropic_url: str
    timeout: float

    def destinations(self) -> tuple[Destination, ...]:
        """The two hosts that transcripts may go to."""
        return (
            Destination(name=OPENAI, base_url=self.openai_url),
            Destination(name=ANTHROPIC, base_url=self.anthropic_url),
        )


def catalog(providers: Providers, names: ModelNames, egress: Egress, secrets: Secrets) -> Mapping[str, LanguageModel]:
    """The models by Callmine's ids. Retries are the queue's business, so the clients make none."""
    timeout = providers.timeout
    with_openai = openai.AsyncOpenAI(
        api_key=_NO_KEY,
        base_url=providers.openai_url,
        http_client=egress.httpx2_client(OPENAI, timeout),
        max_retries=0,
        timeout=timeout,
    )
    with_anthropic = anthropic.AsyncAnthropic(
        api_key=_NO_KEY,
        base_url=providers.anthropic_url,
        http_client=egress.httpx2_client(ANTHROPIC, timeout),
        max_retries=0,
        timeout=timeout,
    )
    openai_key = _key(secrets, "openai-api-key", "OpenAI")
    anthropic_key = _key(secrets, "anthropic-api-key", "Anthropic")
    return {
        "openai/small": OpenAIModel(with_openai, names.openai_small, openai_key, timeout),
        "openai/large": OpenAIModel(with_openai, names.openai_large, openai_key, timeout),
        "anthropic/small": AnthropicModel(with_anthropic, names.anthropic_small, anthropic_key, timeout),
        "anthropic/large": AnthropicModel(with_anthropic, names.anthropic_large, anthropic_key, timeout),
    }


def _key(secrets: Secrets, name: str, provider: str) -> Callable[[], Awaitable[str]]:
    async def read() -> str:
        try:
            return (await secrets.read(name)).decode().strip()
        except Permanent as error:
            raise AccountRefused(f"{provider} is not set up here; our team has to look at it") from error

    return read
