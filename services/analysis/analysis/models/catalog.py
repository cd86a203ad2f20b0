"""The models on offer as the providers' clients ask them.

Loading their libraries takes seconds and 90 MB: `analysis.models.providers` does it with the first question.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

import anthropic
import openai

from analysis.models.keyed import KeyedClient
from analysis.models.offer import PROVIDERS, Offer
from analysis.models.port import AccountRefused, ProviderModel
from analysis.models.providers import ANTHROPIC, OPENAI, Providers
from analysis.models.with_anthropic import AnthropicModel
from analysis.models.with_openai import OpenAIModel
from cloud.secrets import Secrets
from core.errors import Permanent
from egress import Egress

# Of the clients that those with a key are copied from; it is never sent.
_NO_KEY = "read-when-asked"


def catalog(
    providers: Providers, offer: Offer, egress: Egress, secrets: Secrets, stack: AsyncExitStack
) -> Mapping[str, ProviderModel]:
    """The models by Callmine's ids, their connections closed with `stack`. Retries are not the clients' business, so they make none."""
    timeout = providers.timeout
    to_openai = openai.AsyncOpenAI(
        api_key=_NO_KEY,
        base_url=providers.openai_url,
        http_client=egress.httpx2_client(OPENAI, timeout),
        max_retries=0,
        timeout=timeout,
    )
    to_anthropic = anthropic.AsyncAnthropic(
        api_key=_NO_KEY,
        base_url=providers.anthropic_url,
        http_client=egress.httpx2_client(ANTHROPIC, timeout),
        max_retries=0,
        timeout=timeout,
    )
    stack.push_async_callback(to_openai.close)
    stack.push_async_callback(to_anthropic.close)
    openai_client = KeyedClient(_key(secrets, OPENAI), lambda key: to_openai.with_options(api_key=key))
    anthropic_client = KeyedClient(_key(secrets, ANTHROPIC), lambda key: to_anthropic.with_options(api_key=key))
    return {
        card.id: OpenAIModel(openai_client, card) if card.provider == OPENAI else AnthropicModel(anthropic_client, card)
        for card in offer
    }


def _key(secrets: Secrets, provider: str) -> Callable[[], Awaitable[str]]:
    """Reads the key of the moment, so that a rotated one is in use at once."""

    async def read() -> str:
        try:
            return (await secrets.read(f"{provider}-api-key")).decode().strip()
        except Permanent as error:
            raise AccountRefused(f"{PROVIDERS[provider]} is not set up here; our team has to look at it") from error

    return read
