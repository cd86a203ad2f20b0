"""The models on offer, read from `models.toml` and checked when the service starts.

id                Callmine's name, `provider/…`; plans and runs carry it
title             how pages write it
provider, name    whose it is, and what the provider calls it
tier              who stands in for whom: a model of the other provider with the same tier comes first
context_tokens    what question and answer may have together
input_tokens      what the question may have
output_tokens     what the answer may have
price             micro-dollars for a million tokens: input, cached, cache_write, output
cache_retention   OpenAI only: how long its prompt cache may hold on, as the API's switch of that name has it; left out, nothing is sent
plans             the plans that include it. Which models a workspace has is told by retention (`PlanChanged`); this is for the words of a
                  message, and a start fails where the default plan disagrees
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Literal

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from analysis.domain.plan import PLANS, Plan
from analysis.models.tokens import Prices
from core.errors import InvalidInput, MissingSettings

PROVIDERS = {"openai": "OpenAI", "anthropic": "Anthropic"}

# The dearest known model costs a hundredth of it; a slip of three zeros is noticed.
_DEAREST = 10_000_000_000

# Windows begin where instructions, a brief and a few minutes of talk fit.
_SMALLEST_WINDOW = 16_000
_SMALLEST_OUTPUT = 1_000


class ModelCard(Struct, frozen=True):
    """One model; the fields are those of the file."""

    id: str
    title: str
    provider: str
    name: str
    tier: str
    context_tokens: int
    input_tokens: int
    output_tokens: int
    prices: Prices
    cache_retention: Literal["in_memory", "24h"] | None
    plans: tuple[str, ...]

    @property
    def storage(self) -> str:
        """What is done about the provider's own storage: its switch is `off`, or there is `none`."""
        return "off" if self.provider == "openai" else "none"

    def room(self, output_tokens: int) -> int:
        """The most tokens of a question whose answer may have `output_tokens`."""
        return min(self.input_tokens, self.context_tokens - min(output_tokens, self.output_tokens))


class Offer:
    """The models on offer, in the file's order."""

    def __init__(self, cards: Sequence[ModelCard]) -> None:
        self._cards = {card.id: card for card in cards}

    def __iter__(self) -> Iterator[ModelCard]:
        return iter(self._cards.values())

    def get(self, model: str) -> ModelCard | None:
        """The model with this id; None where there is none."""
        return self._cards.get(model)

    @property
    def titles(self) -> Mapping[str, str]:
        """How pages write each model."""
        return {card.id: card.title for card in self}

    def title(self, model: str) -> str:
        """How pages write `model`; its id where it is not offered any more."""
        card = self.get(model)
        return card.title if card else model

    def stand_ins(self, card: ModelCard, allowed: Sequence[str]) -> list[ModelCard]:
        """The models of other providers among `allowed` that may answer for `card`, its own tier first."""
        others = [other for model in allowed if (other := self.get(model)) and other.provider != card.provider]
        return sorted(others, key=lambda other: other.tier != card.tier)

    def includes(self, plan: Plan, model: str) -> bool:
        """Whether `model` is on offer, and among the plan's."""
        return model in plan.models and model in self._cards

    def require(self, plan: Plan, model: str) -> None:
        """Raise InvalidInput, in words for the page, where `model` is not among the plan's."""
        usable = [card.title for one in plan.models if (card := self.get(one))]
        card = self.get(model)
        if self.includes(plan, model):
            return
        if not usable:
            raise InvalidInput(f"the {plan.title} plan includes no model that is on offer; write to hello@callmine.ai")
        choose = f"choose {' or '.join(usable)}"
        if card is None:
            raise InvalidInput(f"there is no such model; {choose}")
        better = [name.capitalize() for name in plan.upgrades if name in card.plans]
        more = f", or upgrade to {' or '.join(better)}" if better else ""
        raise InvalidInput(f"the {plan.title} plan does not include the model {card.title}; {choose}{more}")

    def check_plan(self, plan: Plan) -> None:
        """Raise MissingSettings where the default plan names models that are not on offer, or not its own."""
        unknown = [model for model in plan.models if self.get(model) is None]
        foreign = [card.id for card in self if card.id in plan.models and plan.name not in card.plans]
        problems = [f"CALLMINE_DEFAULT_MODELS names a model that is not on offer: {model}" for model in unknown]
        problems += [f"the models file does not give {model} to the plan {plan.name}" for model in foreign]
        if problems:
            raise MissingSettings("analysis", problems)


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    input: int = Field(ge=0, le=_DEAREST)
    cached: int = Field(ge=0, le=_DEAREST)
    cache_write: int = Field(ge=0, le=_DEAREST)
    output: int = Field(ge=0, le=_DEAREST)


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str = Field(pattern=r"^[a-z]+/[a-z0-9._-]+$")
    title: str = Field(min_length=1, max_length=60)
    provider: Literal["openai", "anthropic"]
    name: str = Field(min_length=1, max_length=100)
    tier: str = Field(min_length=1, max_length=20)
    context_tokens: int = Field(ge=_SMALLEST_WINDOW)
    input_tokens: int = Field(ge=_SMALLEST_WINDOW)
    output_tokens: int = Field(ge=_SMALLEST_OUTPUT)
    price: _Price
    cache_retention: Literal["in_memory", "24h"] | None = None
    plans: list[str] = Field(min_length=1)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    model: list[_Model] = Field(min_length=1)


def read_offer(path: Path | None = None) -> Offer:
    """The models in `path`, or those that come with the service. Raises MissingSettings, which names every fault."""
    try:
        text = path.read_text("utf-8") if path else (files("analysis.models") / "models.toml").read_text("utf-8")
        found = _File.model_validate(tomllib.loads(text)).model
    except OSError as error:
        problem = f"CALLMINE_MODELS_FILE names a file that cannot be read ({type(error).__name__})"
        raise MissingSettings("analysis", [problem]) from error
    except ValidationError as error:
        places = sorted({".".join(map(str, fault["loc"])) or "the file" for fault in error.errors()})
        problem = f"CALLMINE_MODELS_FILE names a file that is not a list of models: see {', '.join(places)}"
        raise MissingSettings("analysis", [problem]) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MissingSettings("analysis", ["CALLMINE_MODELS_FILE names a file that is not TOML"]) from error
    if problems := [*_contradictions(found)]:
        raise MissingSettings("analysis", problems)
    return Offer([_card(model) for model in found])


def _contradictions(models: Sequence[_Model]) -> Iterator[str]:
    """What no single field shows."""
    seen: set[str] = set()
    for model in models:
        if model.id in seen:
            yield f"the models file has {model.id} twice"
        seen.add(model.id)
        if model.input_tokens > model.context_tokens or model.output_tokens >= model.context_tokens:
            yield f"the models file gives {model.id} more input or output than context"
        if not model.id.startswith(f"{model.provider}/"):
            yield f"the models file has {model.id} under {model.provider}: ids begin with the provider"
        if model.cache_retention and model.provider != "openai":
            yield f"the models file sets cache_retention of {model.id}: only OpenAI has that switch"
        yield from (
            f"the models file gives {model.id} to {plan}, which is no plan" for plan in model.plans if plan not in PLANS
        )


def _card(model: _Model) -> ModelCard:
    return ModelCard(
        id=model.id,
        title=model.title,
        provider=model.provider,
        name=model.name,
        tier=model.tier,
        context_tokens=model.context_tokens,
        input_tokens=model.input_tokens,
        output_tokens=model.output_tokens,
        prices=Prices(**model.price.model_dump()),
        cache_retention=model.cache_retention,
        plans=tuple(model.plans),
    )
