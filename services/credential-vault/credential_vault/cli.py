"""`credential-vault serve | migrate | parked | keys`."""

from __future__ import annotations

import typer

from contracts.sealing import SealingKey
from credential_vault.encryption.keyring import Keyring
from credential_vault.main import SERVICE, compose
from credential_vault.settings import Settings
from runtime import service_app

app = service_app(SERVICE, Settings, compose)

keys = typer.Typer(help="Make keys", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("new-keyset")
def new_keyset() -> None:
    """Print a new Tink keyset in JSON: pipe it into Secret Manager as `vault-keyset`, never into a file."""
    typer.echo(Keyring.generate())


@keys.command("new-sealing-key")
def new_sealing_key() -> None:
    """Print a new sealing key: the private half for Secret Manager, the public half for the vault's configuration."""
    key = SealingKey.generate()
    typer.echo(f"private: {key.private_text()}\npublic: {key.public_text()}")
