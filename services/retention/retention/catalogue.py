"""Reads the plans and the register of sub-processors from their files."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from core.errors import MissingSettings
from retention.domain.plans import Catalogue, Entitlements, PlanName
from retention.domain.sub_processors import SubProcessor


class _Plan(BaseModel):
    model_config = ConfigDict(extra="forbid")

    report_window_days: int = Field(ge=0)
    monthly_calls: int = Field(ge=0)
    concurrent_runs: int = Field(ge=1)
    models: tuple[str, ...] = Field(min_length=1)


def read_plans(path: Path | None) -> Catalogue:
    """The plans in `path`, or the ones that come with the service. Raises MissingSettings for a file that is not complete."""
    try:
        text = path.read_text() if path else (files("retention") / "plans.yaml").read_text()
        plans = TypeAdapter(dict[PlanName, _Plan]).validate_python(yaml.safe_load(text))
    except OSError as error:
        problem = f"CALLMINE_PLANS_FILE names a file that cannot be read ({type(error).__name__})"
        raise MissingSettings("retention", [problem]) from error
    except ValidationError as error:
        places = sorted({".".join(map(str, fault["loc"])) or "the file" for fault in error.errors()})
        problem = f"CALLMINE_PLANS_FILE names a file that is not a list of plans: see {', '.join(places)}"
        raise MissingSettings("retention", [problem]) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise MissingSettings("retention", ["CALLMINE_PLANS_FILE names a file that is not YAML"]) from error
    absent = [name.value for name in PlanName if name not in plans]
    if absent:
        raise MissingSettings("retention", [f"the plans file lacks: {', '.join(absent)}"])
    return {name: Entitlements(**plan.model_dump()) for name, plan in plans.items()}


def read_sub_processors() -> list[SubProcessor]:
    """The public register."""
    text = (files("retention") / "subprocessors.yaml").read_text()
    return TypeAdapter(list[SubProcessor]).validate_python(yaml.safe_load(text))
