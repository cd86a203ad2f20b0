"""Whatever is kept of a workspace has a rule that says what becomes of it at an erasure; what has none fails here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import asyncpg
import pytest

from architecture.erasure.elsewhere import folders_written, unruled_folders, unruled_providers, unruled_topics
from architecture.erasure.files import files_written, unruled_files
from architecture.erasure.mutants import Mutant, found
from architecture.erasure.rules import Rules, WrongRules, read_rules, rules_of
from architecture.erasure.tables import unruled
from architecture.erasure.trying import QUICK, around, tried
from contracts.registry import SERVICES
from house.projects import libraries, services
from isolation.elsewhere.sources import deployed
from testkit.postgres import NewDatabase
from testkit.tables import same_database


@asynccontextmanager
async def administered(
    url: str, new_database: NewDatabase, service: str
) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A superuser's connection to a fresh database of the service."""
    connection = await asyncpg.connect(same_database(url, await new_database(service)))
    try:
        yield connection
    finally:
        await connection.close()


@pytest.mark.parametrize("service", SERVICES)
async def test_every_table_and_column_has_a_rule(service: str, new_database: NewDatabase, postgres_url: str) -> None:
    async with administered(postgres_url, new_database, service) as connection:
        assert await unruled(connection, rules_of(service)) == []


@pytest.mark.parametrize("service", SERVICES)
def test_every_folder_of_objects_has_a_rule(service: str) -> None:
    assert unruled_folders(folders_written(services()[service].sources), rules_of(service)) == []


TOLD = "say in erasure.yaml beside the migrations what becomes of it (docs/erasure.md)"

# Names of topics, secrets and subscriptions, of types of messages, of a file of ours, and of one in an installed package.
NO_OBJECTS = {"projects", "type.googleapis.com", "deploy", "django_htmx"}


def test_libraries_write_no_objects_of_their_own() -> None:
    sources = [path for library in libraries().values() if library.name != "testkit" for path in library.sources]
    assert folders_written(sources).keys() - NO_OBJECTS == set()


def test_whatever_writes_files_has_a_rule() -> None:
    assert unruled_files(files_written(deployed()), around().shared.files) == []


def test_every_topic_and_provider_has_a_rule() -> None:
    known = around()
    assert unruled_topics(known.topics, known.subscriptions, known.shared.topics) == []
    assert unruled_providers(known.register, known.shared.providers) == []


async def test_what_has_no_rule_is_found(new_database: NewDatabase, postgres_url: str) -> None:
    async with AsyncExitStack() as stack:
        databases = {
            service: await stack.enter_async_context(administered(postgres_url, new_database, service))
            for service in SERVICES
        }
        result = await tried(databases, QUICK, seed=1)
    assert (result.count, result.survived, result.before) == (QUICK, (), ())


async def test_a_finding_names_the_place_and_what_to_do(new_database: NewDatabase, postgres_url: str) -> None:
    rules = rules_of("audit")
    async with administered(postgres_url, new_database, "audit") as connection:
        column = Mutant("audit", "a column", "ALTER TABLE entries ADD COLUMN note text")
        assert await found(connection, rules, column) == [f"entries: column note has no rule; {TOLD}"]
        detached = Mutant("audit", "a partition", "ALTER TABLE entries DETACH PARTITION entries_0001")
        assert await found(connection, rules, detached) == [f"entries_0001: has no rule; {TOLD}"]
        nothing = Mutant("audit", "nothing", "ALTER TABLE entries ALTER COLUMN diff SET STATISTICS 0")
        assert await found(connection, rules, nothing) == []


def test_rules_that_cannot_be_told_apart_are_refused() -> None:
    text = "tables:\n  notes: {end: deleted}\n  notes: {end: kept, because: it is so}\n"
    with pytest.raises(WrongRules, match="line 2: \\['notes'\\] stand there twice"):
        read_rules(text, Rules)
    with pytest.raises(WrongRules, match="Extra inputs are not permitted"):
        read_rules("tables:\n  notes: {end: deleted, contents: [body]}\n", Rules)


def test_names_of_objects_are_told_from_other_texts(tmp_path: Path) -> None:
    path = tmp_path / "names.py"
    path.write_text(
        '"""See docs/api.md."""\n'
        'ROUTE = f"/runs/{1}"\nADDRESS = f"https://example.com/{1}"\nKIND = "application/json"\nWORDS = f"Pub/Sub has {1}"\n'
        'ONE = f"calls/{1}/{2}.json"\nTWO = "exports/latest.pdf"\n'
    )
    assert folders_written([path]) == {"calls": "names.py:6", "exports": "names.py:7"}
