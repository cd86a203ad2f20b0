"""`python -m audit …`: the service's command line, alone inside its image."""

from audit.cli import app

app(prog_name="audit")
