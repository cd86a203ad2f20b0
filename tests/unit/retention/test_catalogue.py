"""The plans file: what comes with the service, and what of another file is refused."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
import yaml

from core.errors import InvalidInput, MissingSettings
from egress import REGISTER
from retention.catalogue import read_plans, read_tariff, sub_processors
from retention.domain.billing import Price
from retention.domain.plans import Entitlements, PlanName
from retention.domain.sub_processors import Why

WINDOWS = {"trial": 30, "free": 30, "starter": 90, "growth": 365, "scale": 0}
CALLS = {"trial": 50, "free": 10, "starter": 250, "growth": 1000, "scale": 5000}
RUNS = {"trial": 1, "free": 1, "starter": 2, "growth": 4, "scale": 10}


def test_the_plans_that_come_with_the_service() -> None:
    plans = read_plans(None)
    assert {name.value: plan.report_window_days for name, plan in plans.items()} == WINDOWS
    assert {name.value: plan.monthly_calls for name, plan in plans.items()} == CALLS
    assert {name.value: plan.concurrent_runs for name, plan in plans.items()} == RUNS
    assert plans[PlanName.FREE].models == ("openai/small",)


def written(path: Path, changes: dict[str, object]) -> Path:
    plan = {"report_window_days": 7, "monthly_calls": 1, "concurrent_runs": 1, "models": ["openai/small"]}
    path.write_text(yaml.safe_dump({name.value: plan for name in PlanName} | changes))
    return path


def test_another_file_takes_their_place(tmp_path: Path) -> None:
    plans = read_plans(written(tmp_path / "plans.yaml", {}))
    assert plans[PlanName.SCALE] == Entitlements(7, 1, 1, ("openai/small",))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"gold": {}}, "not a list of plans"),
        ({"trial": None}, "not a list of plans: see trial"),
        ({"trial": {"report_window_days": 7}}, "trial.concurrent_runs, trial.models, trial.monthly_calls"),
        (
            {"free": {"report_window_days": -1, "monthly_calls": 1, "concurrent_runs": 0, "models": [], "price": 5}},
            "free.concurrent_runs, free.models, free.price, free.report_window_days",
        ),
    ],
)
def test_a_file_that_is_not_complete_says_where(tmp_path: Path, changes: dict[str, object], words: str) -> None:
    with pytest.raises(MissingSettings, match=words):
        read_plans(written(tmp_path / "plans.yaml", changes))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: [", "not YAML"),
        ("", "not a list of plans: see the file"),
        ("- trial", "not a list"),
        ("{}", "lacks: trial, free"),
    ],
)
def test_a_file_that_is_no_list_of_plans_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "plans.yaml"
    path.write_text(text)
    with pytest.raises(MissingSettings, match=words):
        read_plans(path)


def test_a_file_that_is_not_there_is_a_missing_setting(tmp_path: Path) -> None:
    with pytest.raises(MissingSettings, match="CALLMINE_PLANS_FILE names a file that cannot be read"):
        read_plans(tmp_path / "none.yaml")


BILLING: dict[str, object] = {
    "trial_days": 14,
    "grace_days": 0,
    "currency": "eur",
    "prices": {"growth": {"id": "price_1", "amount": 1}},
    "addon": {"id": "price_2", "amount": 0, "calls": 5},
}


def test_what_is_charged_comes_from_the_same_file(tmp_path: Path) -> None:
    tariff = read_tariff(written(tmp_path / "plans.yaml", {"billing": BILLING}))
    assert tariff is not None
    assert (tariff.plan_of("price_1"), tariff.plan_of("price_2"), tariff.addon.calls) == (PlanName.GROWTH, None, 5)
    assert tariff.prices == {PlanName.GROWTH: Price("price_1", 1)}
    shipped = read_tariff(None)
    assert shipped is not None
    assert set(shipped.prices) == {PlanName.STARTER, PlanName.GROWTH, PlanName.SCALE}


def test_without_prices_nothing_is_sold(tmp_path: Path) -> None:
    assert read_tariff(written(tmp_path / "plans.yaml", {})) is None


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"trial_days": 0}, "billing.trial_days"),
        ({"currency": "EUR"}, "billing.currency"),
        ({"prices": {}}, "billing.prices"),
        ({"prices": {"gold": {"id": "price_1", "amount": 1}}}, "billing.prices.gold"),
        ({"prices": {"free": {"id": "price_1", "amount": 1}}}, "billing"),
        ({"prices": {"growth": {"id": "price_2", "amount": 1}}}, "billing"),
        ({"prices": {"growth": {"id": "prod_1", "amount": -1}}}, "billing.prices.growth.amount"),
        ({"addon": {"id": "price_2", "amount": 1}}, "billing.addon.calls"),
    ],
)
def test_prices_that_are_not_complete_say_where(tmp_path: Path, changes: dict[str, object], place: str) -> None:
    with pytest.raises(MissingSettings, match=place):
        read_tariff(written(tmp_path / "plans.yaml", {"billing": BILLING | changes}))


def test_the_register_names_everybody_once_and_says_data_in_words() -> None:
    everybody = sub_processors(REGISTER, date(2026, 12, 1))
    chosen = [each.company for each in everybody if each.why is Why.SUB_PROCESSOR]
    assert chosen == ["Google Cloud", "Clerk", "Stripe", "OpenAI", "Anthropic"]
    assert {each.company for each in everybody} - set(chosen) == {"Gong", "HubSpot", "Slack", "The customer's own SIEM"}
    assert all(" " in words for each in everybody for words in each.data)


def test_an_unknown_plan_is_told_which_there_are() -> None:
    with pytest.raises(InvalidInput, match="choose one of trial, free, starter, growth, scale"):
        PlanName.parse("gold")
