"""The models on offer: a complete file or no start, and words for whoever asks for a model that the plan does not have."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path

import pytest
import yaml

from analysis.domain.plan import Plan
from analysis.models.offer import PROVIDERS, read_offer
from analysis.models.tokens import Prices, Tokens
from analysis.settings import Settings
from core.errors import InvalidInput, MissingSettings

OURS = (files("analysis.models") / "models.toml").read_text("utf-8")
TRIAL = Plan("trial", 30, 50, 1, ("openai/small", "anthropic/small"))


def changed(path: Path, pattern: str, by: str, count: int = 1) -> Path:
    text, made = re.subn(pattern, by, OURS, count=count)
    assert made
    path.write_text(text)
    return path


def test_the_file_that_comes_with_the_service_is_complete_and_agrees_with_the_default_plan() -> None:
    offer = read_offer()
    offer.check_plan(Plan("trial", 30, 50, 1, Settings.model_fields["default_models"].default))
    assert {card.provider for card in offer} == set(PROVIDERS)
    assert all(card.output_tokens < card.context_tokens for card in offer)
    assert list(offer.titles) == ["openai/small", "openai/large", "anthropic/small", "anthropic/large"]


def test_it_gives_each_plan_the_models_that_retention_gives_it() -> None:
    plans = yaml.safe_load((files("retention") / "plans.yaml").read_text())
    # What is charged stands beside the plans.
    del plans["billing"]
    offered = {name: [card.id for card in read_offer() if name in card.plans] for name in plans}
    assert offered == {name: plan["models"] for name, plan in plans.items()}


@pytest.mark.parametrize(
    ("pattern", "by", "problem"),
    [
        ('id = "openai/large"', 'id = "openai/small"', "openai/small twice"),
        ('id = "openai/large"', 'id = "anthropic/huge"', "ids begin with the provider"),
        ('id = "openai/large"', 'id = "OPENAI"', "model.1.id"),
        ('provider = "openai"', 'provider = "cohere"', "model.0.provider"),
        ('name = "gpt-5-mini"', 'name = ""', "model.0.name"),
        ("context_tokens = 400_000", "context_tokens = 100_000", "more input or output than context"),
        ("output_tokens = 128_000", "output_tokens = 0", "model.0.output_tokens"),
        ("input = 250_000", "input = -1", "model.0.price.input"),
        ("input = 250_000", "input = 0.25", "model.0.price.input"),
        ("cached = 25_000, ", "", "model.0.price.cached"),
        ('"trial", "free"', '"trial", "gold"', "gold, which is no plan"),
        ('tier = "small"', 'tier = "small"\nsize = 3', "model.0.size"),
        ("plans = .*", "plans = []", "model.0.plans"),
        ('name = "claude-haiku-4-5"', 'name = "x"\ncache_retention = "24h"', "only OpenAI has that switch"),
        (r"\[\[model\]\]", "[[model", "not TOML"),
    ],
)
def test_a_file_that_is_not_right_keeps_the_service_from_starting(
    pattern: str, by: str, problem: str, tmp_path: Path
) -> None:
    with pytest.raises(MissingSettings, match=re.escape(problem)):
        read_offer(changed(tmp_path / "models.toml", pattern, by))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingSettings, match="CALLMINE_MODELS_FILE names a file that cannot be read"):
        read_offer(tmp_path / "none.toml")


def test_a_default_plan_with_other_models_keeps_the_service_from_starting() -> None:
    with pytest.raises(MissingSettings, match="not on offer: openai/tiny"):
        read_offer().check_plan(Plan("trial", 30, 50, 1, ("openai/tiny",)))
    with pytest.raises(MissingSettings, match="does not give openai/large to the plan trial"):
        read_offer().check_plan(Plan("trial", 30, 50, 1, ("openai/large",)))


def test_a_model_of_the_plan_may_be_asked_for() -> None:
    for model in TRIAL.models:
        read_offer().require(TRIAL, model)


@pytest.mark.parametrize(
    ("plan", "model", "words"),
    [
        (
            TRIAL,
            "openai/large",
            (
                "the Trial plan does not include the model OpenAI, large; choose OpenAI, small or Anthropic, small, "
                "or upgrade to Growth or Scale"
            ),
        ),
        (
            Plan("scale", 0, 5_000, 10, ("openai/small",)),
            "openai/large",
            "the Scale plan does not include the model OpenAI, large; choose OpenAI, small",
        ),
        (TRIAL, "gpt-17", "there is no such model; choose OpenAI, small or Anthropic, small"),
        (TRIAL, "", "there is no such model; choose OpenAI, small or Anthropic, small"),
        (
            Plan("growth", 365, 1_000, 4, ("openai/retired",)),
            "openai/retired",
            "the Growth plan includes no model that is on offer; write to hello@callmine.ai",
        ),
    ],
)
def test_another_model_is_refused_in_words(plan: Plan, model: str, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_offer().require(plan, model)
    assert str(caught.value) == words


def test_costs_are_whole_micro_dollars() -> None:
    prices = Prices(input=250_000, cached=25_000, cache_write=312_500, output=2_000_000)
    assert Tokens().cost(prices) == 0
    assert Tokens(input=1_000_000).cost(prices) == 250_000
    assert Tokens(input=1_000_000, cached=1_000_000).cost(prices) == 25_000
    assert Tokens(input=1_000_000, cache_written=1_000_000).cost(prices) == 312_500
    assert Tokens(output=1_000_000).cost(prices) == 2_000_000
    assert (
        Tokens(input=10_000, cached=6_000, cache_written=1_000, output=500).cost(prices) == 750 + 150 + 312 + 1_000 + 1
    )
    # Details that contradict the sum never make a request cheaper than nothing.
    assert Tokens(input=1, cached=10, output=0).cost(prices) == 0
