"""A record of the statements that run: for tests and the demo, the text of each distinct statement, never a value.

A process appends one JSON line to `<folder>/<service>-<pid>.jsonl` for each distinct statement of each role:

    {"service": "audit", "role": "app", "text": "SELECT … $1 …", "statement": {"name": "entries_page", "parameters": …, "file": …}}

`statement` is the named statement with exactly that text, null where there is none. asyncpg reports what `execute`, `executemany`,
`fetch`, `fetchrow`, `fetchval` and `fetchmany` run, its own queries included; it reports neither prepared statements nor cursors nor
COPY, which is why house.sources lets nobody use those.
"""

from __future__ import annotations

import json
import os
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from msgspec.structs import asdict

from database.queries import Queries, Statement

if TYPE_CHECKING:
    from collections.abc import Callable

Role = Literal["app", "sweep"]

# All named statements of all services are some 150 texts: a process with more distinct ones than this builds them as it goes.
LARGEST = 2000

# What stands for the workspace where a text has it inlined.
SCOPE_MARK = "$1"

# A workspace id between quotes; `core.ids` says what one looks like.
_INLINED = r"'org_[A-Za-z0-9]+'"


class Executed(Protocol):
    """What asyncpg tells about a statement, as far as it is looked at."""

    @property
    def query(self) -> str:
        """Its text, with numbered parameters."""
        ...


class Capture:
    """Writes down what one `Database` executes."""

    def __init__(self, folder: Path, service: str, queries: Queries, entering: str) -> None:
        """`entering` is the text that enters a workspace, with SCOPE_MARK where the workspace is inlined."""
        self._ledger = _ledger(folder, service)
        self._service = service
        self._named = {statement.sql: statement for statement in queries}
        self._inlined = re.compile(r"(BEGIN; )?" + re.escape(entering).replace(re.escape(SCOPE_MARK), _INLINED))
        self._entering = entering

    def logger(self, role: Role) -> Callable[[Executed], None]:
        """What to give to `add_query_logger` of the connections of `role`."""
        seen: set[str] = set()

        def log(executed: Executed) -> None:
            text = executed.query
            if text in seen:
                return
            if entered := self._inlined.fullmatch(text):
                text = (entered.group(1) or "") + self._entering
                if text in seen:
                    return
            if len(seen) <= LARGEST:
                seen.add(text)
                self._ledger.write(self._line(role, text))

        return log

    def _line(self, role: Role, text: str) -> str:
        named = self._named.get(text)
        record = {"service": self._service, "role": role, "text": text, "statement": named and _described(named)}
        return json.dumps(record, ensure_ascii=False, separators=(",", ":"))


def _described(statement: Statement) -> dict[str, object]:
    """The statement without its text, which the record has already."""
    return {name: value for name, value in asdict(statement).items() if name != "sql"}


class _Ledger:
    """One process's file: each line once, however many databases are opened, and no more than LARGEST."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lines: set[str] = set()

    def write(self, line: str) -> None:
        if line in self._lines or len(self._lines) > LARGEST:
            return
        self._lines.add(line)
        if len(self._lines) > LARGEST:
            line = json.dumps({"service": "", "role": "app", "text": f"more than {LARGEST} texts", "statement": None})
        # One write at the end of the file: a process that is killed leaves whole lines.
        with self._file.open("ab", buffering=0) as file:
            file.write(f"{line}\n".encode())


@cache
def _ledger(folder: Path, service: str) -> _Ledger:
    folder.mkdir(parents=True, exist_ok=True)
    return _Ledger(folder / f"{service}-{os.getpid()}.jsonl")
