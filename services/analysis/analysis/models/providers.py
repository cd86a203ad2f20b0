"""The providers of the models, and their clients, which are loaded with the first question."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from msgspec import Struct

from analysis.models.offer import Offer
from analysis.models.port import Prompt, ProviderModel, Reply
from cloud.secrets import Secrets
from core.memory import settle_again
from egress import Destination, Egress

OPENAI, ANTHROPIC = "openai", "anthropic"

Models = Mapping[str, ProviderModel]
Catalog = Callable[["Providers", Offer, Egress, Secrets, AsyncExitStack], Models]


class Providers(Struct, frozen=True):
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


def models_when_asked(
    providers: Providers, offer: Offer, egress: Egress, secrets: Secrets, stack: AsyncExitStack
) -> Models:
    """What `catalog` gives, made when the first of the models is asked something; closed with `stack` all the same."""
    clients = _Clients(lambda catalog: catalog(providers, offer, egress, secrets, stack))
    return {card.id: _WhenAsked(clients, card.id) for card in offer}


class _Clients:
    """All models, made once."""

    def __init__(self, make: Callable[[Catalog], Models]) -> None:
        self._make = make
        self._models: Models | None = None
        self._loading = asyncio.Lock()

    async def models(self) -> Models:
        async with self._loading:
            if self._models is None:
                # In a thread: the loop goes on meanwhile.
                self._models = self._make(await asyncio.to_thread(_loaded))
            return self._models


class _WhenAsked(Struct, frozen=True):
    """One model."""

    clients: _Clients
    id: str

    async def answer(self, prompt: Prompt, most_output_tokens: int) -> Reply:
        return await (await self.clients.models())[self.id].answer(prompt, most_output_tokens)


def _loaded() -> Catalog:
    from analysis.models.catalog import catalog

    settle_again()
    return catalog
