"""Changes that somebody might make without saying what becomes of it at an erasure; each has to fail the build.

Those of databases are run as the administrator on a migrated database and undone; the others change the rules, a registry or a source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import partial
from itertools import product
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeVar

import asyncpg
from msgspec.structs import replace

from architecture.erasure.elsewhere import folders_written, unruled_folders, unruled_providers, unruled_topics
from architecture.erasure.files import files_written, unruled_files
from architecture.erasure.rules import Rules, Shared, Table, Topic
from architecture.erasure.tables import unruled
from egress.register import NOTICE, Kind, Recipient
from messaging.topology import Subscription

if TYPE_CHECKING:
    from architecture.erasure.tables import Connection

Change = Callable[[Rules], Rules]


@dataclass(frozen=True, slots=True)
class Mutant:
    """`sql` changes the service's database, `rules` the service's rules; one of them at least."""

    service: str
    name: str
    sql: str = ""
    rules: Change | None = None


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A change outside of databases; `found` tells what the rules find of it."""

    name: str
    found: Callable[[], list[str]]


_TYPES = ("text", "jsonb", "bytea", "text[]", "xml", "tsvector", "text GENERATED ALWAYS AS ('x') STORED")

_SCOPED = "CREATE TABLE {0} (workspace_id text NOT NULL, id uuid, body text, PRIMARY KEY (workspace_id, id))"

# {0} is the new relation's name, {1} a table that is there.
_NEW: Mapping[str, str] = {
    "a table of workspaces": _SCOPED,
    "a table without workspace_id": "CREATE TABLE {0} (id uuid PRIMARY KEY, body text)",
    "a table in another schema": "CREATE SCHEMA more; CREATE TABLE more.{0} (workspace_id text PRIMARY KEY, body text)",
    "an unlogged table": "CREATE UNLOGGED TABLE {0} (workspace_id text PRIMARY KEY, body bytea)",
    "a table without columns": "CREATE TABLE {0} ()",
    "a copy": "CREATE TABLE {0} AS TABLE {1}",
    "a copy without rows": "CREATE TABLE {0} (LIKE {1} INCLUDING ALL)",
    "a copy by SELECT INTO": "SELECT * INTO {0} FROM {1}",
    "a table that inherits": "CREATE TABLE {0} (more text) INHERITS ({1})",
    "a table made by code": "DO $$ BEGIN EXECUTE 'CREATE TABLE ' || 'public.' || '{0}' || ' (note jsonb)'; END $$",
    "a table with a partition": _SCOPED
    + " PARTITION BY HASH (workspace_id); CREATE TABLE {0}_0 PARTITION OF {0} FOR VALUES WITH (MODULUS 1, REMAINDER 0)",
    "a materialized view": "CREATE MATERIALIZED VIEW {0} AS SELECT * FROM {1}",
    "a materialized view elsewhere": "CREATE SCHEMA more; CREATE MATERIALIZED VIEW more.{0} AS SELECT 1 FROM {1}",
    "a foreign table": "CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w; "
    "CREATE FOREIGN TABLE {0} (body text) SERVER s",
    "a renamed table": "ALTER TABLE {1} RENAME TO {0}",
    "a table that has moved": "CREATE SCHEMA more; ALTER TABLE {1} SET SCHEMA more",
}

_AUDIT = (
    Mutant("audit", "a detached partition", "ALTER TABLE entries DETACH PARTITION entries_0001"),
    Mutant("audit", "a column of a partitioned table", "ALTER TABLE entries ADD COLUMN note text"),
)


async def found(connection: Connection, rules: Rules, mutant: Mutant) -> list[str] | None:
    """What is found of `mutant`; None where the database does not let anybody make that change. All is undone."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        await connection.execute(mutant.sql or "SELECT 1")
        return await unruled(connection, mutant.rules(rules) if mutant.rules else rules)
    except (asyncpg.InvalidTableDefinitionError, asyncpg.WrongObjectTypeError, asyncpg.FeatureNotSupportedError):
        return None
    finally:
        await transaction.rollback()


def of_database(service: str, rules: Rules) -> Iterator[Mutant]:
    """Every mutant of one service: new things in its database, and rules that leave something out."""
    ours = [name for name in rules.tables if not name.startswith(("_yoyo", "yoyo"))]
    for table, kind in product(ours, _TYPES):
        yield Mutant(service, f"{table}: a column of {kind}", f"ALTER TABLE {table} ADD COLUMN note {kind}")
    for table, (what, sql) in product(ours, _NEW.items()):
        yield Mutant(service, f"{table}: {what}", sql.format("notes", table))
    for table in ours:
        yield Mutant(service, f"{table}: gone", f"DROP TABLE {table} CASCADE")
        for column in rules.tables[table].columns:
            yield Mutant(service, f"{table}.{column}: renamed", f"ALTER TABLE {table} RENAME COLUMN {column} TO note")
        for what, change in _wrong_rules(table, rules.tables[table]):
            yield Mutant(service, f"{table}: {what}", rules=change)
        for what, change in _wrong_of_people(table, rules):
            yield Mutant(service, f"{table}: {what}", rules=change)
    yield from (mutant for mutant in _AUDIT if mutant.service == service)


def _wrong_rules(table: str, rule: Table) -> Iterator[tuple[str, Change]]:
    yield "no rule", partial(_without, table)
    yield "kept without a reason", partial(_changed, table, {"end": "kept", "because": " "})
    if rule.end == "deleted":
        yield "nobody's", partial(_changed, table, {"end": "nobodys", "because": "it is so"})
    if rule.telling:
        yield "kept with what it tells", partial(_changed, table, {"end": "kept", "because": "it is wanted"})
    for column in rule.columns:
        yield "a column without a rule", partial(_forgetting, table, column)


def _wrong_of_people(table: str, rules: Rules) -> Iterator[tuple[str, Change]]:
    """Rules for the data of one person that leave something of them where it is."""
    scope, rule = rules.person, rules.tables[table]
    if rule.plain and table not in {*scope.erased, *scope.stays}:
        people = (*rule.people, rule.plain[0])
        yield (
            "more of people than its rule for one person",
            partial(_changed, table, {"people": people, "plain": rule.plain[1:]}),
        )
    if table not in scope.names:
        return
    yield "no rule for one person", partial(_without_person, table)
    for column in scope.emptied.get(table, ()):
        if table not in scope.erased:
            left = tuple(name for name in scope.emptied[table] if name != column)
            yield (
                "a column that is not emptied of a person",
                partial(_scoped, {"emptied": {**scope.emptied, table: left}}),
            )
    if table in scope.erased:
        stays = {**scope.stays, table: "it is wanted"}
        yield "stays with a person as well", partial(_scoped, {"stays": stays})
    for name in scope.stays:
        if name.partition(".")[0] == table:
            yield "stays with a person without a reason", partial(_scoped, {"stays": {**scope.stays, name: " "}})
    gone = {**scope.emptied, table: (*scope.emptied.get(table, ()), "notes")}
    yield "empties of a person what is not there", partial(_scoped, {"emptied": gone})


def out_of_order(service: str, rules: Rules, points: Iterable[tuple[str, str]]) -> Iterator[Mutant]:
    """Rules by which a row would be deleted while others point to it."""
    for name, target in points:
        if rules.tables[name].end == rules.tables[target].end == "deleted":
            yield Mutant(service, f"{name}: deleted after what it points to", rules=partial(_last, name))


M = TypeVar("M", Mutant, Elsewhere)


def drawn(mutants: list[M], seed: int) -> list[M]:
    """The mutants in an order drawn from the seed, one of each kind before the second of any."""
    by_kind: dict[str, list[M]] = {}
    for mutant in Random(seed).sample(mutants, len(mutants)):
        by_kind.setdefault(mutant.name.partition(": ")[2], []).append(mutant)
    order: list[M] = []
    while len(order) < len(mutants):
        order += [kind.pop() for kind in by_kind.values() if kind]
    return order


def _without(table: str, rules: Rules) -> Rules:
    return rules.model_copy(update={"tables": {name: rule for name, rule in rules.tables.items() if name != table}})


def _scoped(update: Mapping[str, object], rules: Rules) -> Rules:
    return rules.model_copy(update={"person": rules.person.model_copy(update=dict(update))})


def _without_person(table: str, rules: Rules) -> Rules:
    def left(named: Mapping[str, object]) -> dict[str, object]:
        return {name: one for name, one in named.items() if name.partition(".")[0] != table}

    scope = rules.person
    return _scoped({"erased": left(scope.erased), "emptied": left(scope.emptied), "stays": left(scope.stays)}, rules)


def _last(table: str, rules: Rules) -> Rules:
    return rules.model_copy(update={"tables": {**_without(table, rules).tables, table: rules.tables[table]}})


def _changed(table: str, update: Mapping[str, object], rules: Rules) -> Rules:
    rule = rules.tables[table].model_copy(update=dict(update))
    return rules.model_copy(update={"tables": {**rules.tables, table: rule}})


def _forgetting(table: str, column: str, rules: Rules) -> Rules:
    lists = {kind: getattr(rules.tables[table], kind) for kind in ("content", "people", "secrets", "plain")}
    return _changed(table, {kind: tuple(set(names) - {column}) for kind, names in lists.items()}, rules)


_FOLDERS: Mapping[str, str] = {
    "a folder": "def name(run_id):\n    return f'{folder}/{{run_id}}.json.gz'\n",
    "a folder in a folder": "NAME = f'{folder}/drafts/{{1}}'\n",
    "a folder with its file": "NAME = '{folder}/index/latest.json'\n",
    "a folder in a call": "async def keep(objects, body):\n    await objects.put(f'{folder}/{{len(body)}}', body)\n",
}


_FILES = (
    "from pathlib import Path\nPath('/var/drafts').write_text('words')\n",
    "with open('drafts.txt', 'w') as file:\n    file.write('words')\n",
    "with open('drafts.txt', mode='ab') as file:\n    file.write(b'words')\n",
    "import tempfile\nfile = tempfile.NamedTemporaryFile()\n",
    "import shutil\nshutil.copyfile('drafts.txt', 'more.txt')\n",
)


@dataclass(frozen=True, slots=True)
class Around:
    """What there is outside of databases, with the rules for it."""

    shared: Shared
    rules: Rules
    topics: tuple[str, ...]
    subscriptions: tuple[Subscription, ...]
    register: tuple[Recipient, ...]


def elsewhere(around: Around) -> Iterator[Elsewhere]:
    """New folders, files, topics and providers, and ones that a rule forgets."""
    for (what, text), folder in product(_FOLDERS.items(), ("drafts", "audio", "prompts_2", "Attachments")):
        yield Elsewhere(f"{folder}: {what}", partial(_of_folder, text.format(folder=folder), around.rules))
    for number, text in enumerate(_FILES):
        yield Elsewhere(f"{number}: a file", partial(_of_file, text, around.shared))
    yield from _topics(around)
    yield from _providers(around)


def _topics(around: Around) -> Iterator[Elsewhere]:
    known, subscriptions, names = around.shared.topics, around.subscriptions, around.topics
    for name in names:
        left = {topic: rule for topic, rule in known.items() if topic != name}
        yield Elsewhere(f"{name}: topic without a rule", partial(unruled_topics, names, subscriptions, left))
        long = {**known, name: Topic(days=31, carries="much")}
        yield Elsewhere(f"{name}: topic kept for a month", partial(unruled_topics, names, subscriptions, long))
    for name in ("drafts", "credential-requests-retention"):
        yield Elsewhere(f"{name}: a new topic", partial(unruled_topics, (*names, name), subscriptions, known))
    for one in subscriptions:
        slow = [replace(other, retention_days=31) if other is one else other for other in subscriptions]
        yield Elsewhere(f"{one.name}: subscription kept for a month", partial(unruled_topics, names, slow, known))


def _providers(around: Around) -> Iterator[Elsewhere]:
    known, register = around.shared.providers, around.register
    for recipient in register:
        left = {name: one for name, one in known.items() if name != recipient.name}
        yield Elsewhere(f"{recipient.name}: provider without a rule", partial(unruled_providers, register, left))
    hosts = ("api.mail.example",)
    listed = date(2026, 12, 1)
    new = Recipient(
        name="mailer",
        company="M",
        kind=Kind.SUB_PROCESSOR,
        purpose="sends mail",
        hosts=hosts,
        listed_on=listed,
        in_effect_from=listed + NOTICE,
    )
    yield Elsewhere("mailer: a new provider", partial(unruled_providers, (*register, new), known))


def _of_folder(text: str, rules: Rules) -> list[str]:
    with _source(text) as path:
        return [one for one in unruled_folders(folders_written([path]), rules) if "which has no rule" in one]


def _of_file(text: str, shared: Shared) -> list[str]:
    with _source(text) as path:
        return [one for one in unruled_files(files_written([path]), shared.files) if "writes a file" in one]


@contextmanager
def _source(text: str) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "drafts.py"
        path.write_text(text)
        yield path
