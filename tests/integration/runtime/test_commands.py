"""`serve`, `migrate`, `parked`: what they do, and what they say when they cannot."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import pytest
import typer

import analysis.cli
import audit.cli
import credential_vault.cli
import ingest.cli
import retention.cli
from audit.settings import Settings
from core.errors import MissingSettings, Transient
from local.postgres import ServiceDsns, drop, provision
from local.postgres.connection import connected
from runtime import Assembly
from runtime.commands import migration_folders, reporting_errors
from testkit.commands import run
from testkit.messages import raw
from testkit.outside import Outside
from testkit.postgres import PASSWORDS
from testkit.services import environment_for, settings_for

CLIS = {
    "ingest": ingest.cli.app,
    "analysis": analysis.cli.app,
    "credential-vault": credential_vault.cli.app,
    "audit": audit.cli.app,
    "retention": retention.cli.app,
}
NEEDED = ["PROJECT", "PORT", "APP_DATABASE_URL", "SWEEP_DATABASE_URL", "BUCKET", "CLERK_ISSUER", "PUBLIC_URL"]


@pytest.mark.parametrize("service", list(CLIS))
@pytest.mark.parametrize("command", ["serve", "migrate", "parked list"])
async def test_with_nothing_set_every_command_lists_all_that_is_missing(
    service: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in NEEDED:
        monkeypatch.delenv(f"CALLMINE_{name}", raising=False)
    result = await run(CLIS[service], *command.split())
    assert result.exit_code == 78, result.output
    assert f"{service} does not start" in result.stderr
    assert [name for name in NEEDED if f"CALLMINE_{name} is missing" not in result.stderr] == []
    assert "Traceback" not in result.output


async def test_a_malformed_setting_is_named_and_its_value_is_not(settings: Settings) -> None:
    environment = environment_for(settings)
    environment |= {"CALLMINE_PORT": "very-secret-port", "CALLMINE_CLERK_ISSUER": "http://very-secret.example"}
    del environment["CALLMINE_APP_DATABASE_URL"]
    result = await run(audit.cli.app, "serve", env=environment)
    assert result.exit_code == 78
    lines = [line for line in result.stderr.splitlines() if line.startswith("  - ")]
    assert [line.split()[1] for line in sorted(lines)] == [
        "CALLMINE_APP_DATABASE_URL",
        "CALLMINE_CLERK_ISSUER",
        "CALLMINE_PORT",
    ]
    assert "very-secret" not in result.output


async def test_files_that_cannot_be_read_are_missing_settings(settings: Settings, tmp_path: Path) -> None:
    environment = environment_for(settings)
    environment |= {"CALLMINE_CA_FILE": str(tmp_path / "none"), "CALLMINE_TOPOLOGY_FILE": str(tmp_path / "nor-this")}
    result = await run(audit.cli.app, "serve", env=environment)
    assert result.exit_code == 78
    assert "CALLMINE_CA_FILE cannot be read" in result.stderr
    assert "CALLMINE_TOPOLOGY_FILE cannot be read" in result.stderr


async def test_without_its_database_it_says_so_and_stops(settings: Settings, tmp_path: Path) -> None:
    nowhere = f"postgresql://audit_app:very-secret-password@/audit?host={tmp_path}"
    environment = environment_for(settings) | {"CALLMINE_APP_DATABASE_URL": nowhere}
    result = await run(audit.cli.app, "serve", env=environment)
    assert result.exit_code == 1
    assert "the database is not available" in result.stderr
    assert "very-secret" not in result.output


async def test_a_role_that_could_see_past_the_policies_stops_the_start(settings: Settings, dsns: ServiceDsns) -> None:
    environment = environment_for(settings) | {"CALLMINE_APP_DATABASE_URL": dsns.owner}
    result = await run(audit.cli.app, "serve", env=environment)
    assert result.exit_code == 1
    assert "one workspace could see another" in result.stderr


async def test_migrate_needs_the_owner(settings: Settings) -> None:
    environment = environment_for(settings)
    del environment["CALLMINE_OWNER_DATABASE_URL"]
    result = await run(audit.cli.app, "migrate", env=environment)
    assert result.exit_code == 78
    assert "CALLMINE_OWNER_DATABASE_URL is missing: only `migrate` needs it" in result.stderr


@pytest.mark.parametrize("service", ["credential-vault", "audit", "retention"])
async def test_migrate_makes_the_tables_of_an_empty_database_once(
    service: str, postgres_url: str, outside: Outside
) -> None:
    name = f"empty-m{uuid.uuid4().hex[:8]}"
    dsns = await provision(postgres_url, service, PASSWORDS, name)
    keys = {"ingest_sealing_public_key": "x", "analysis_sealing_public_key": "x", "audit_sealing_public_key": "x"}
    settings = settings_for(_settings_type(service), dsns, outside, **keys if service == "credential-vault" else {})
    environment = environment_for(settings)
    try:
        first = await run(CLIS[service], "migrate", "--json", env=environment)
        assert first.exit_code == 0, first.output
        applied = json.loads(first.stdout)["applied"]
        assert applied[0] == "0001_messaging"
        assert len(applied) == sum(len(list(folder.glob("p*/*.sql"))) for folder in migration_folders(service))
        again = await run(CLIS[service], "migrate", env=environment)
        assert again.stdout == "Nothing to apply: the database is up to date.\n"
        async with connected(dsns.sweep) as connection:
            assert await connection.fetchval("SELECT count(*) FROM inbox") == 0
    finally:
        await drop(postgres_url, name)


def _settings_type(service: str) -> type[Settings]:
    from credential_vault.settings import Settings as VaultSettings
    from retention.settings import Settings as RetentionSettings

    return {"credential-vault": VaultSettings, "audit": Settings, "retention": RetentionSettings}[service]  # type: ignore[return-value] # one base class


async def test_parked_messages_are_listed_shown_and_dropped(settings: Settings, parts: Assembly) -> None:
    environment = environment_for(settings)
    nothing = await run(audit.cli.app, "parked", "list", env=environment)
    assert (nothing.exit_code, nothing.stdout) == (0, "Nothing is parked.\n")

    await parts.consumers["audit.audit"].process([raw(b"\xff\xfe garbage", "audit.audit", ce_id="abc")])
    listed = await run(audit.cli.app, "parked", "list", "--json", env=environment)
    [message] = json.loads(listed.stdout)
    assert (message["source"], message["reason"]) == ("audit.audit", "the body is not an envelope")
    assert message["event_id"].startswith("message:"), "the attributes of what cannot be read are not believed"
    table = await run(audit.cli.app, "parked", "list", env=environment)
    assert table.exit_code == 0
    assert "garbage" not in table.stdout
    replayed = await run(audit.cli.app, "parked", "replay", str(message["id"]), env=environment)
    assert replayed.exit_code == 1
    assert "still cannot be processed: the body is not an envelope" in replayed.stderr
    dropped = await run(audit.cli.app, "parked", "drop", str(message["id"]), "--yes", env=environment)
    assert dropped.exit_code == 0
    assert (await run(audit.cli.app, "parked", "list", env=environment)).stdout == "Nothing is parked.\n"


async def test_audit_counts_a_workspaces_entries(settings: Settings) -> None:
    environment = environment_for(settings)
    counted = await run(audit.cli.app, "entries", "org_harborline01", "--json", env=environment)
    assert json.loads(counted.stdout) == {}
    refused = await run(audit.cli.app, "entries", "harborline", env=environment)
    assert (refused.exit_code, "workspace_id is missing or malformed" in refused.stderr) == (1, True)


def test_errors_are_told_in_words_and_by_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as configuration, reporting_errors():
        raise MissingSettings("audit", ["CALLMINE_X is missing"])
    with pytest.raises(typer.Exit) as other, reporting_errors():
        raise Transient("come back later")
    assert (configuration.value.exit_code, other.value.exit_code) == (78, 1)
    assert "CALLMINE_X is missing" in capsys.readouterr().err
