"""`python -m analysis …`: the service's command line, alone inside its image."""

from core.memory import load

load()

from analysis.cli import app  # noqa: E402 - nothing is collected while it is imported

app(prog_name="analysis")
