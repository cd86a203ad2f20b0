"""The memory of a running process, read through /proc: every page that is its own, whether in memory or swapped out.

Pages of files that the process has mapped and not changed are left out: they are what is in the file.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from chaos.vault.canary.search import PAGE

# Pieces of this many bytes, each beginning with the end of the one before: longer than any needle.
PIECE = 4 * 1024 * 1024
OVERLAP = PAGE

# Documentation/admin-guide/mm/pagemap.rst of Linux: bit 63 in memory, 62 swapped, 61 of a file or shared.
_PRESENT, _SHARED = 3 << 62, 1 << 61

# The kernel's own pages, the same for everybody and not readable through /proc.
_KERNELS = ("[vvar]", "[vvar_vclock]", "[vsyscall]", "[vdso]")

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One line of /proc/<pid>/maps; `shared` names what several processes map, empty for memory of one process."""

    start: int
    end: int
    shared: str


@dataclass(slots=True)
class Memory:
    """One process's memory. `seen` holds the shared mappings that were read already, in whichever process."""

    pid: int
    seen: set[str]
    unread: int = 0
    """Pages that the kernel would not give."""

    def pieces(self) -> Iterator[bytes]:
        """All of it. Raises PermissionError for a process that we may not read; ends early for one that ends meanwhile."""
        mem = os.open(PROC / str(self.pid) / "mem", os.O_RDONLY)
        try:
            for start, end in self._runs():
                yield from self._run(mem, start, end)
        except ProcessLookupError:
            return
        finally:
            os.close(mem)

    def _runs(self) -> Iterator[tuple[int, int]]:
        pagemap = os.open(PROC / str(self.pid) / "pagemap", os.O_RDONLY)
        try:
            for mapping in mappings(self.pid):
                if not mapping.shared:
                    yield from _own_pages(pagemap, mapping)
                elif mapping.shared not in self.seen:
                    self.seen.add(mapping.shared)
                    yield mapping.start, mapping.end
        finally:
            os.close(pagemap)

    def _run(self, mem: int, start: int, end: int) -> Iterator[bytes]:
        kept = b""
        for position in range(start, end, PIECE):
            try:
                piece = os.pread(mem, min(PIECE, end - position), position)
            except OSError as error:
                if isinstance(error, ProcessLookupError):
                    raise
                self.unread += (min(position + PIECE, end) - position) // PAGE  # unmapped since, or not memory at all
                kept = b""
                continue
            yield kept + piece
            kept = piece[-OVERLAP:]


def mappings(pid: int) -> list[Mapping]:
    """What a process has mapped, the kernel's own pages left out."""
    lines = (PROC / str(pid) / "maps").read_text().splitlines()
    return [mapping for line in lines if (mapping := _mapping(line))]


def _mapping(line: str) -> Mapping | None:
    addresses, rights, offset, device, inode, *name = line.split(None, 5)
    if name and name[0] in _KERNELS:
        return None
    start, end = (int(part, 16) for part in addresses.split("-"))
    return Mapping(start, end, f"{device} {inode} {offset}" if rights.endswith("s") else "")


def _own_pages(pagemap: int, mapping: Mapping) -> Iterator[tuple[int, int]]:
    """Runs of pages that exist and are not merely a file's."""
    entries = array("Q")
    count = (mapping.end - mapping.start) // PAGE
    entries.frombytes(os.pread(pagemap, count * entries.itemsize, mapping.start // PAGE * entries.itemsize))
    begin: int | None = None
    for number, entry in enumerate(entries):
        own = bool(entry & _PRESENT) and not entry & _SHARED
        if own and begin is None:
            begin = number
        elif not own and begin is not None:
            yield mapping.start + begin * PAGE, mapping.start + number * PAGE
            begin = None
    if begin is not None:
        yield mapping.start + begin * PAGE, mapping.start + len(entries) * PAGE


def family(*pids: int) -> dict[int, int]:
    """These processes and all that descend from them, each with the one of `pids` that it belongs to."""
    parents = {
        int(entry.name): parent for entry in PROC.iterdir() if entry.name.isdecimal() and (parent := _parent(entry))
    }
    belongs = {pid: pid for pid in pids}
    pending = list(pids)
    while pending:
        one = pending.pop()
        for child in [pid for pid, parent in parents.items() if parent == one and pid not in belongs]:
            belongs[child] = belongs[one]
            pending.append(child)
    return belongs


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_text()
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])  # the name before the bracket may hold anything
