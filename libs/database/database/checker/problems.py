"""What the checker says when a statement or a definition is not in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

# Where definitions stand: views and functions have no line in a file of queries.
THE_DATABASE = "the database"


class Kind(Enum):
    """What is wrong; the value tells how to mend it."""

    UNPARSED = "PostgreSQL's own grammar has to accept it: mend its syntax."
    UNRESOLVED = (
        "Name each relation and column as the catalog has it, with the relation's alias in front of the column."
    )
    NOT_ALLOWED = "Write it as one SELECT, INSERT, UPDATE, DELETE or MERGE over the service's own tables."
    UNTIED = (
        "Tie it with `workspace_id = :workspace_id`, or to a table that is tied; a statement that must span workspaces goes to "
        "queries/sweep.sql with a line `-- cross-workspace: <reason>`."
    )
    NOT_GIVEN = "Give workspace_id the value `:workspace_id`, or that of a relation that is tied."
    ORACLE = "Name a conflict target that contains workspace_id, or widen the unique index."
    UNCLEAR = "Say plainly what is meant, so that it can be followed."
    FUNCTION = "Leave the call out, or move what it does into the statement, where it can be checked."
    SCOPE = "Only a statement called `<…>_enter` enters a scope: `set_config('app.workspace_id', :workspace_id, true)`."
    DEFINITION = "Mend the definition in a migration."


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a statement or a definition fails the build; `str()` is the message."""

    statement: str
    file: str
    line: int
    relation: str
    missing: str
    kind: Kind

    def __str__(self) -> str:
        """File and line, statement, relation, what is missing and how to mend it."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        if self.kind is Kind.DEFINITION and self.file == THE_DATABASE:
            return f"{place}: {self.statement}: {self.missing}. {self.kind.value}"
        return f"{place}: statement {self.statement}: {self.relation}: {self.missing}. {self.kind.value}"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem before it is known in which statement it stands."""

    kind: Kind
    relation: str
    missing: str


class Findings:
    """Collects findings, each once, in the order in which they came."""

    def __init__(self) -> None:
        self._found: dict[Finding, None] = {}

    def __iter__(self) -> Iterator[Finding]:
        """All of them."""
        return iter(self._found)

    def add(self, kind: Kind, relation: str, missing: str) -> None:
        """Notes one."""
        self._found[Finding(kind, relation, missing)] = None


class Unresolved(Exception):
    """A name that means nothing, or more than one thing."""
