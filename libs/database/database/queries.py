"""Named statements, loaded from a package's `queries/*.sql` with aiosql."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from aiosql.adapters.asyncpg import AsyncPGAdapter
from aiosql.query_loader import QueryLoader

# A block with this line in its description may cross workspaces; the rest of the line says why. It runs only as the sweep role.
CROSS_WORKSPACE = "cross-workspace:"

# A block with this line in its description is a question that somebody of our staff may ask under a grant; the rest says what it reads, in
# words that the workspace's admins are told. It runs as the staff role.
STAFF = "staff:"

# Filled in from the scope, never by a caller.
SCOPE_PARAMETER = "workspace_id"

_NAME = re.compile(r"\s*--\s*name\s*:\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Statement:
    """One named statement: its text with numbered parameters, the parameters' names in that order, and where it stands.

    `line` is that of the `-- name:` in the file, counted from 1; 0 where it is not known.
    """

    name: str
    sql: str
    parameters: tuple[str, ...]
    description: str
    file: str
    line: int = 0

    @property
    def crosses_workspaces(self) -> bool:
        """Whether the statement declares that it crosses workspaces."""
        return CROSS_WORKSPACE in self.description

    @property
    def told_to_admins(self) -> str:
        """What a question of staff reads, in words; "" where the statement is no such question."""
        lines = (line.strip() for line in self.description.splitlines())
        return next((line.removeprefix(STAFF).strip() for line in lines if line.startswith(STAFF)), "")

    def arguments(self, given: Mapping[str, object], scope: str | None) -> list[object]:
        """The values in the order of the parameters. Raises TypeError when a name is missing, unknown, or the scope's own."""
        if scope is not None and SCOPE_PARAMETER in given:
            raise TypeError(f"{self.name}: workspace_id comes from the scope and cannot be passed")
        values = dict(given) if scope is None else {**given, SCOPE_PARAMETER: scope}
        unknown = set(given) - set(self.parameters)
        missing = set(self.parameters) - set(values)
        if unknown or missing:
            raise TypeError(f"{self.name}: unknown parameters {sorted(unknown)}, missing parameters {sorted(missing)}")
        return [values[name] for name in self.parameters]


class Queries:
    """The statements of a service and of the libraries it uses, by name."""

    def __init__(self, statements: Mapping[str, Statement]) -> None:
        self._statements = dict(statements)

    @classmethod
    def of(cls, *packages: str) -> Queries:
        """The statements of the named packages' `queries` folders. Raises ValueError when two have the same name."""
        return cls.load(*(Path(str(files(package))) / "queries" for package in packages))

    @classmethod
    def load(cls, *folders: Path) -> Queries:
        """The statements of the given folders' `*.sql` files. Raises ValueError when two have the same name."""
        statements: dict[str, Statement] = {}
        for folder in folders:
            for path in sorted(folder.glob("*.sql")):
                state = path.stat()
                for statement in _read(path, state.st_mtime_ns, state.st_size):
                    if statement.name in statements:
                        raise ValueError(
                            f"{path}: statement {statement.name} is also in {statements[statement.name].file}"
                        )
                    statements[statement.name] = statement
        return cls(statements)

    def __getitem__(self, name: str) -> Statement:
        """The statement called `name`; KeyError names it when there is none."""
        try:
            return self._statements[name]
        except KeyError:
            raise KeyError(f"no statement is called {name!r}: add it to queries/*.sql") from None

    def __contains__(self, name: object) -> bool:
        """Whether there is a statement of that name."""
        return name in self._statements

    def __iter__(self) -> Iterator[Statement]:
        """All statements, in the order they were read."""
        return iter(self._statements.values())


@functools.cache
def _read(path: Path, changed_ns: int, size: int) -> tuple[Statement, ...]:
    """The statements of a file, read once as long as it does not change: it takes a tenth of a second for a service's."""
    del changed_ns, size
    return tuple(_parsed(path))


def _parsed(path: Path) -> Iterator[Statement]:
    adapter = AsyncPGAdapter()  # type: ignore[no-untyped-call]
    loader = QueryLoader(adapter, None, mandatory_parameters=False)
    lines = _lines(path)
    for datum in loader.load_query_data_from_file(path):
        name = datum.query_name
        yield Statement(
            name=name,
            sql=datum.sql.rstrip().rstrip(";"),
            parameters=tuple(adapter.var_sorted[name]),
            description=datum.doc_comments,
            file=str(path),
            line=lines.get(name, 0),
        )


def _lines(path: Path) -> dict[str, int]:
    """The line of each `-- name:`; the loader's own count leaves out comments in front of the first one."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        match = _NAME.match(line)
        if match:
            found[match[1]] = number
    return found
