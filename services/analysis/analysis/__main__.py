"""`python -m analysis …`: the service's command line, alone inside its image."""

from analysis.cli import app

app(prog_name="analysis")
