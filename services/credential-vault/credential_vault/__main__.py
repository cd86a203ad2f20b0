"""`python -m credential_vault …`: the service's command line, alone inside its image."""

from core.memory import load

load()

from runtime.starting import start  # noqa: E402 - nothing is collected while it is imported

start("credential_vault")
