"""What was searched, and what was found where."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from chaos.vault.canary.memory import Memory, family
from chaos.vault.canary.search import Search, Trace


class Kind(enum.StrEnum):
    """The kinds of place that are searched."""

    MEMORY = "memory"
    DATABASE = "database files"
    LOG_OF_CHANGES = "write-ahead log"
    DUMP = "dump"
    BROKER = "broker files"
    OBJECTS = "object store"
    LOGS = "logs"
    STATEMENTS = "captured statements"
    TEMPORARY = "temporary files"
    OPEN_FILES = "open files"
    COMMAND_LINES = "command lines"
    ENVIRONMENTS = "environments"
    CONFIGURATION = "configuration"
    PAGES = "pages and API"


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where was looked; `process` is the part of the stack that a place in memory belongs to."""

    kind: Kind
    name: str
    process: str = ""

    def __str__(self) -> str:
        """Kind and name."""
        return f"{self.kind}: {self.name}"


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """A trace of a canary somewhere."""

    place: Place
    trace: Trace

    def __str__(self) -> str:
        """Place, canary and form; never the canary itself."""
        return f"{self.place} holds {self.trace.canary} ({self.trace.form})"


@dataclass(slots=True)
class Sweep:
    """One look at many places."""

    search: Search
    hits: set[Hit] = field(default_factory=set)
    places: set[Place] = field(default_factory=set)
    processes: set[int] = field(default_factory=set)
    unread: dict[str, dict[str, int]] = field(default_factory=dict)
    """What could not be searched, by place: pages that the kernel does not give, or a whole process that we may not read."""
    _shared: set[str] = field(default_factory=set)

    def look(self, place: Place, pieces: Iterable[bytes]) -> None:
        """Search one place; what is found there is kept as hits."""
        self.places.add(place)
        self.hits |= {Hit(place, trace) for piece in pieces for trace in self.search.traces(piece)}

    def memories(self, names: Mapping[int, str]) -> None:
        """Search the memory of these processes, by name, and of all that descend from them."""
        for pid, ancestor in sorted(family(*names).items()):
            suffix = "" if pid == ancestor else f", process {pid}"
            self._memory(Place(Kind.MEMORY, names[ancestor] + suffix, names[ancestor]), pid)

    def _memory(self, place: Place, pid: int) -> None:
        memory = Memory(pid, self._shared)
        try:
            self.look(place, memory.pieces())
        except PermissionError:
            self.places.discard(place)
            self.unread[str(place)] = {"not permitted (run as root, or with kernel.yama.ptrace_scope = 0)": 1}
            return
        except FileNotFoundError:  # it has ended
            return
        self.processes.add(pid)
        if memory.unread:
            self.unread[str(place)] = {"pages that the kernel does not give": memory.unread}
