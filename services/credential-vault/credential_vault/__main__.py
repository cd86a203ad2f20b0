"""`python -m credential_vault …`: the service's command line, alone inside its image."""

from credential_vault.cli import app

app(prog_name="credential-vault")
