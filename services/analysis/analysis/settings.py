"""What analysis is told by its environment."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from analysis.domain.plan import Plan
from analysis.handlers.desk import LIST_SECONDS
from web.settings import CommaList, HttpsUrl, ServiceSettings


class Settings(ServiceSettings):
    """The settings of every service, and analysis' own."""

    openai_base_url: HttpsUrl = Field(default="https://api.openai.com/v1", description="https address of OpenAI's API")
    anthropic_base_url: HttpsUrl = Field(
        default="https://api.anthropic.com", description="https address of Anthropic's API"
    )
    slack_base_url: HttpsUrl = Field(default="https://slack.com", description="https address of Slack")
    models_file: Path | None = Field(
        default=None, description="the models on offer, instead of analysis/models/models.toml"
    )
    # Long transcripts take the large models about a minute.
    model_timeout: float = Field(default=120, gt=0, le=600, description="seconds to wait for one answer of a model")

    analysis_concurrency: int = Field(default=8, ge=1, le=256, description="calls analysed at once in one process")
    lease_seconds: float = Field(
        default=30, ge=0.5, le=600, description="seconds until others take over the work of a process that died"
    )
    poll_seconds: float = Field(default=1, gt=0, le=60, description="seconds between two looks at an idle queue")

    list_seconds: int = Field(
        default=LIST_SECONDS,
        ge=0,
        le=3_600,
        description="seconds for which ingest keeps a preview's list of calls, as set there",
    )

    # Most files are made in a second; a longer wait gets a page that says so.
    export_patience: float = Field(
        default=3, ge=0, le=30, description="seconds for which a browser that asks for a file waits for it"
    )
    fonts_folder: Path | None = Field(
        default=None, description="folder with more fonts for PDF, for scripts that the installed ones do not have"
    )

    # The plan of a workspace of which retention has told nothing yet: PRODUCT's trial.
    default_plan: str = Field(default="trial", description="name of the plan while none is known")
    default_window_days: int = Field(default=30, ge=0, description="its report window in days, 0 for without end")
    default_monthly_calls: int = Field(default=50, ge=0, description="its analysed calls a month")
    default_concurrent_runs: int = Field(default=1, ge=1, description="its runs at a time")
    default_models: CommaList = Field(
        default=("openai/small", "anthropic/small"), description="its models, separated by commas"
    )

    def plan_by_default(self) -> Plan:
        """The plan of a workspace whose own is not known yet."""
        return Plan(
            name=self.default_plan,
            window_days=self.default_window_days,
            monthly_calls=self.default_monthly_calls,
            concurrent_runs=self.default_concurrent_runs,
            models=tuple(self.default_models),
        )
