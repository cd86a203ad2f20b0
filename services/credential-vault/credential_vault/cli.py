"""`credential-vault serve | migrate | parked | keys`."""

from __future__ import annotations

from credential_vault.cli_keys import app as keys
from credential_vault.main import SERVICE, compose
from credential_vault.settings import Settings
from runtime.commands import service_app

app = service_app(SERVICE, Settings, compose)
app.add_typer(keys, name="keys")
