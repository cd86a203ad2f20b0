"""Named statements, loaded from a package's `queries/*.sql` with aiosql."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from aiosql.adapters.asyncpg import AsyncPGAdapter
from aiosql.query_loader import QueryLoader
from msgspec import Struct

# A block with this line in its description may cross workspaces; the rest of the line says why. It runs only as the sweep role.
CROSS_WORKSPACE = "cross-workspace:"

# A block with this line in its description is a question that somebody of our staff may ask under a grant; the rest says what it reads, in
# words that the workspace's admins are told. It runs as the staff role.
STAFF = "staff:"

# Filled in from the scope, never by a caller.
SCOPE_PARAMETER = "workspace_id"

_NAME = re.compile(r"^[ \t]*--[ \t]*name[ \t]*:[ \t]*(\w+)", re.MULTILINE)


class Statement(Struct, frozen=True):
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


class Block(Struct, frozen=True):
    """One named statement as it stands in its file, not parsed yet; `line` as in `Statement`."""

    name: str
    text: str
    file: str
    line: int


class Queries:
    """The statements of a service and of the libraries it uses, by name. Each is parsed with its first use: a service has hundreds, and
    begins with a handful.
    """

    def __init__(self, statements: Mapping[str, Statement], blocks: Mapping[str, Block] | None = None) -> None:
        self._statements = dict(statements)
        self._blocks = dict(blocks or {})

    @classmethod
    def of(cls, *packages: str) -> Queries:
        """The statements of the named packages' `queries` folders. Raises ValueError when two have the same name."""
        return cls.load(*(Path(str(files(package))) / "queries" for package in packages))

    @classmethod
    def load(cls, *folders: Path) -> Queries:
        """The statements of the given folders' `*.sql` files. Raises ValueError when two have the same name."""
        blocks: dict[str, Block] = {}
        for folder in folders:
            for path in sorted(folder.glob("*.sql")):
                for block in _blocks(path):
                    if block.name in blocks:
                        raise ValueError(f"{path}: statement {block.name} is also in {blocks[block.name].file}")
                    blocks[block.name] = block
        return cls({}, blocks)

    def __getitem__(self, name: str) -> Statement:
        """The statement called `name`; KeyError names it when there is none."""
        statement = self._statements.get(name)
        if statement is None:
            if name not in self._blocks:
                raise KeyError(f"no statement is called {name!r}: add it to queries/*.sql")
            statement = self._statements[name] = _parsed(self._blocks[name])
        return statement

    def __contains__(self, name: object) -> bool:
        """Whether there is a statement of that name."""
        return name in self._blocks or name in self._statements

    def __iter__(self) -> Iterator[Statement]:
        """All statements, in the order they were read."""
        return iter([self[name] for name in dict.fromkeys([*self._blocks, *self._statements])])


def _blocks(path: Path) -> Iterator[Block]:
    """The file from one `-- name:` to the next; what stands before the first is a comment on all of it."""
    text = path.read_text()
    starts = list(_NAME.finditer(text))
    ends = [*(match.start() for match in starts[1:]), len(text)]
    line, counted = 1, 0
    for match, end in zip(starts, ends, strict=True):
        line, counted = line + text.count("\n", counted, match.start()), match.start()
        yield Block(match[1], text[match.start() : end], str(path), line)


@functools.cache
def _parsed(block: Block) -> Statement:
    """The statement of a block, parsed once in a process. Raises aiosql's errors for what it cannot read."""
    adapter = AsyncPGAdapter()  # type: ignore[no-untyped-call]
    loader = QueryLoader(adapter, None, mandatory_parameters=False)
    (datum,) = loader.load_query_data_from_sql(block.text, [], block.file)
    return Statement(
        name=datum.query_name,
        sql=datum.sql.rstrip().rstrip(";"),
        parameters=tuple(adapter.var_sorted[datum.query_name]),
        description=datum.doc_comments,
        file=block.file,
        line=block.line,
    )
