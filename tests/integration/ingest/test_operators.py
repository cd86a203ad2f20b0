"""Operators' commands show ids, states and counts: nothing that somebody of a workspace has written, or is called."""

from __future__ import annotations

import json

import asyncpg
import pytest

import ingest.cli
from ingest.settings import Settings
from local.postgres.connection import connected
from testkit.commands import run
from testkit.outside import Outside
from testkit.postgres import NewDatabase
from testkit.services import environment_for, settings_for
from testkit.tables import same_database

NAME, SLUG = "Canary Holdings", "canary-holdings"


async def test_workspaces_and_jobs_are_listed_without_names(
    new_database: NewDatabase, outside: Outside, postgres_url: str
) -> None:
    dsns = await new_database("ingest")
    environment = environment_for(settings_for(Settings, dsns, outside))
    async with connected(same_database(postgres_url, dsns)) as connection:
        await connection.execute(
            "INSERT INTO workspaces (workspace_id, name, slug, source_updated_at) VALUES ('org_1', $1, $2, now())",
            NAME,
            SLUG,
        )
    listed = [await run(ingest.cli.app, "workspaces", "list", *way, env=environment) for way in ((), ("--json",))]
    jobs = await run(ingest.cli.app, "jobs", "list", "--json", env=environment)
    assert [one.exit_code for one in (*listed, jobs)] == [0, 0, 0], [one.output for one in (*listed, jobs)]
    for one in (*listed, jobs):
        assert "anary" not in one.output
    assert [list(line) for line in json.loads(listed[1].output)] == [["workspace_id", "timezone", "created_at"]]
    async with connected(dsns.sweep) as sweep:
        for column in ("name", "slug", "*"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await sweep.fetch(f"SELECT {column} FROM workspaces")
