"""Reads the plans, the promises and the register of sub-processors from their files."""

from __future__ import annotations

from datetime import date, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from core.errors import MissingSettings
from core.twins import content_of
from egress import Register
from retention.domain.billing import AddonPack, Price, Tariff
from retention.domain.plans import Catalogue, Entitlements, PlanName
from retention.domain.promises import Named, Promise
from retention.domain.sub_processors import SubProcessor, Why


class _Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    report_window_days: int = Field(ge=0)
    monthly_calls: int = Field(ge=0)
    concurrent_runs: int = Field(ge=1)
    models: tuple[str, ...] = Field(min_length=1)


class _Price(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^price_[A-Za-z0-9_]{1,250}$")
    amount: int = Field(ge=0)


class _Addon(_Price):
    calls: int = Field(ge=1)


class _Billing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    trial_days: int = Field(ge=1)
    grace_days: int = Field(ge=0)
    currency: str = Field(pattern=r"^[a-z]{3}$")
    prices: dict[PlanName, _Price] = Field(min_length=1)
    addon: _Addon

    @model_validator(mode="after")
    def _each_price_is_for_one_thing(self) -> Self:
        if self.prices.keys() & {PlanName.TRIAL, PlanName.FREE}:
            raise ValueError("trial and free have no price")
        ids = [price.id for price in (*self.prices.values(), self.addon)]
        if len(ids) != len(set(ids)):
            raise ValueError("two things have the same price")
        return self


_PLANS = TypeAdapter(dict[PlanName, _Plan])


class _Named(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    what: str = Field(min_length=10)


class _Promise(BaseModel):
    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[A-Z][0-9]{1,2}$")
    title: str = Field(min_length=3)
    sentence: str = Field(min_length=20)
    said_in: tuple[str, ...] = Field(min_length=1)
    owner: str = Field(min_length=3)
    hours_to_live: int = Field(ge=1, le=24 * 90)
    limits: str = ""
    checks: tuple[_Named, ...] = ()
    mutants: tuple[_Named, ...] = ()

    def promise(self) -> Promise:
        return Promise(
            id=self.id,
            title=self.title,
            sentence=" ".join(self.sentence.split()),
            owner=self.owner,
            time_to_live=timedelta(hours=self.hours_to_live),
            limits=" ".join(self.limits.split()),
            checks=tuple(Named(one.id, one.what) for one in self.checks),
            mutants=tuple(Named(one.id, one.what) for one in self.mutants),
        )


def read_plans(path: Path | None) -> Catalogue:
    """The plans in `path`, or the ones that come with the service. Raises MissingSettings for a file that is not complete."""
    content = _content(path)
    plans = (
        {name: plan for name, plan in content.items() if name != "billing"} if isinstance(content, dict) else content
    )
    try:
        found = _PLANS.validate_python(plans)
    except ValidationError as error:
        raise _faulty(error, "") from error
    absent = [name.value for name in PlanName if name not in found]
    if absent:
        raise MissingSettings("retention", [f"the plans file lacks: {', '.join(absent)}"])
    return {name: Entitlements(**plan.model_dump()) for name, plan in found.items()}


def read_tariff(path: Path | None) -> Tariff | None:
    """What is charged for, from the same file; None where it has no `billing`. Raises MissingSettings for one that is not complete."""
    content = _content(path)
    if not isinstance(content, dict) or "billing" not in content:
        return None
    try:
        told = _Billing.model_validate(content["billing"])
    except ValidationError as error:
        raise _faulty(error, "billing") from error
    prices = {name: Price(price.id, price.amount) for name, price in told.prices.items()}
    addon = AddonPack(Price(told.addon.id, told.addon.amount), told.addon.calls)
    return Tariff(prices, addon, told.currency, told.trial_days, told.grace_days)


def _content(path: Path | None) -> object:
    try:
        return _from_yaml(path.read_text()) if path else _ours("plans")
    except OSError as error:
        problem = f"CALLMINE_PLANS_FILE names a file that cannot be read ({type(error).__name__})"
        raise MissingSettings("retention", [problem]) from error
    except ValueError as error:
        raise MissingSettings("retention", ["CALLMINE_PLANS_FILE names a file that is not YAML"]) from error


def _ours(name: str) -> object:
    """What stands in a file of this package."""
    text, twin = ((files("retention") / f"{name}.{ending}").read_text(encoding="utf-8") for ending in ("yaml", "json"))
    return content_of(text, twin, _from_yaml)


def _from_yaml(text: str) -> object:
    """What stands in `text`. Raises ValueError for what is no YAML."""
    import yaml

    try:
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except yaml.YAMLError as error:
        raise ValueError(str(error)) from error


def _faulty(error: ValidationError, below: str) -> MissingSettings:
    """Names the places of the faults, and quotes nothing."""
    places = sorted({".".join([*filter(None, [below]), *map(str, one["loc"])]) or "the file" for one in error.errors()})
    problem = f"CALLMINE_PLANS_FILE names a file that is not a list of plans: see {', '.join(places)}"
    return MissingSettings("retention", [problem])


def sub_processors(register: Register, today: date) -> list[SubProcessor]:
    """The public register as it is `today`: what the guard of everything that goes out goes by, in words."""
    return [
        SubProcessor(
            name=one.name,
            company=one.company,
            why=Why(one.kind.value),
            purpose=one.purpose,
            data=tuple(register.data_classes[each] for each in one.data),
            hosts=one.hosts,
            listed_on=one.listed_on,
            in_effect_from=one.in_effect_from,
            in_effect=one.in_effect(today),
            founding=one.founding,
        )
        for one in register
    ]


def read_promises() -> tuple[Promise, ...]:
    """What the trust page promises, in its order."""
    found = TypeAdapter(list[_Promise]).validate_python(_ours("promises"))
    return tuple(one.promise() for one in found)
