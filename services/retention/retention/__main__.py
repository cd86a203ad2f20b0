"""`python -m retention …`: the service's command line, alone inside its image."""

from retention.cli import app

app(prog_name="retention")
