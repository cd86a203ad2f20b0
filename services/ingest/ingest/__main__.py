"""`python -m ingest …`: the service's command line, alone inside its image."""

from ingest.cli import app

app(prog_name="ingest")
