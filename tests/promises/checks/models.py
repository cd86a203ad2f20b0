"""P8 and R3: what is asked of others: nothing stored at the models' providers, reading scopes of the customer's systems."""

from __future__ import annotations

import sys
import types
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from unittest import mock

import openai

from analysis.models.keyed import KeyedClient
from analysis.models.offer import read_offer
from analysis.models.port import ModelError, Prompt, ProviderModel
from e2e.sandbox import Sandbox
from egress import Destination, Egress
from promises.system import Checks, Mutant, Mutants, System, Verdict

_ASKING = "analysis.models.with_openai"
_GONG, _HUBSPOT = "credential_vault.providers.gong", "credential_vault.providers.hubspot"

_NOTHING = {"type": "object", "properties": {}, "required": [], "additionalProperties": False}

# What HubSpot calls the right to know which account it is.
_HARMLESS = frozenset({"oauth"})


def loaded(system: System, name: str) -> types.ModuleType:
    """A module, made from the copy of the sources that the system holds."""
    module = types.ModuleType(f"{name}_copied")
    # Where its data classes look for the names in their annotations.
    with mock.patch.dict(sys.modules, {module.__name__: module}):
        exec(compile(system.sources[name], f"{name} (copy)", "exec"), vars(module))  # noqa: S102 - our own, or a mutant of it
    return module


async def storage_is_off(system: System) -> Verdict:
    """The stand-in's own journal of what it was asked; one more request is made first, by the module as it is in the sources."""
    await _ask(system)
    asked = await Sandbox(system.stack).model_requests()
    to_openai = [one for one in asked if one["provider"] == "openai"]
    kept = [one for one in to_openai if one["store"] is not False]
    problems = [f"{len(kept)} of {len(to_openai)} requests to OpenAI left its storage on"] if kept else []
    if not to_openai:
        problems.append("nothing was asked of OpenAI")
    figures = {
        "requests to OpenAI": len(to_openai),
        "with storage off": len(to_openai) - len(kept),
        "requests to Anthropic": len(asked) - len(to_openai),
    }
    return Verdict(figures, tuple(problems))


async def _ask(system: System) -> None:
    site, model = system.stack.site, loaded(system, _ASKING)
    url = f"{site.sandbox_url}/openai/v1"
    async with Egress([Destination(name="openai", base_url=url)], ca_file=site.authority.ca_file) as egress:
        client = openai.AsyncOpenAI(
            api_key=site.keys.openai_api_key, base_url=url, http_client=egress.httpx2_client("openai"), max_retries=0
        )

        async def key() -> str:
            return site.keys.openai_api_key

        make: Callable[[str], openai.AsyncOpenAI] = lambda _: client  # noqa: E731
        card = next(card for card in read_offer() if card.provider == "openai")
        asking: ProviderModel = model.OpenAIModel(KeyedClient(key, make), card)
        try:
            await asking.answer(Prompt("promise", "Answer.", "{}", _NOTHING, 100, ()), 100)
        except ModelError:
            # Whatever it makes of such a question: it has been asked.
            return


async def scopes_only_read(system: System) -> Verdict:
    """The scopes in the vault's modules."""
    asked = [*loaded(system, _GONG).SCOPES, *loaded(system, _HUBSPOT).SCOPES]
    writing = [one for one in asked if not _reads(one)]
    return Verdict({"scopes": len(asked)}, tuple(f"{one} is asked for, which is no reading scope" for one in writing))


def _reads(scope: str) -> bool:
    return scope in _HARMLESS or "read" in scope.replace(".", ":").split(":")


@asynccontextmanager
async def storage_left_on(system: System) -> AsyncIterator[None]:
    text = system.sources[_ASKING]
    assert text.count("store=False,") == 1
    async with system.changed_source(_ASKING, text.replace("store=False,", "")):
        yield
    # What the mutant left in the journal was not asked by the system.
    await Sandbox(system.stack).clear_journal()


@asynccontextmanager
async def writing_scope_asked(system: System) -> AsyncIterator[None]:
    text = system.sources[_GONG]
    wrong = text.replace('"api:users:read",', '"api:users:read",\n    "api:calls:create",')
    assert wrong != text
    async with system.changed_source(_GONG, wrong):
        yield


CHECKS: Checks = {"storage-is-off": storage_is_off, "scopes-only-read": scopes_only_read}
MUTANTS: Mutants = {
    "storage-left-on": Mutant("storage-is-off", storage_left_on),
    "writing-scope-asked": Mutant("scopes-only-read", writing_scope_asked),
}
