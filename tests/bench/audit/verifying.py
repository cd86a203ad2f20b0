"""Checking an export, alone in a process of its own."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from audit.log import export
from audit.log.leaf import Part, Recorded, commitment, entry_leaf, subject
from audit.log.note import Checkpoint
from audit.log.sealing import origin_of
from audit.log.tree import Range
from audit.verify import callmine_verify
from chaos.audit.books import KEYRING, ORIGIN, WORKSPACE, Book

_CHUNK = 2048

# Between two looks at the verifier's memory.
_LOOK_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Verified:
    """Seconds, and the most memory in MiB."""

    seconds: float
    mebibytes: float


async def verified(folder: Path, entries: int) -> Verified:
    """Write an export of so many entries and let the verifier check it."""
    file = await asyncio.to_thread(_written, folder, entries)
    return await asyncio.to_thread(_checked, file)


def _written(folder: Path, entries: int) -> Path:
    """The export: its body first, for the header holds the root over it."""
    book, range_, key = Book(7), Range(), bytes(32)
    body = folder / "body"
    with body.open("wb") as out:
        for first in range(0, entries, _CHUNK):
            members = [Recorded(book.entry(), book.now) for _ in range(min(_CHUNK, entries - first))]
            leaves = [
                entry_leaf(WORKSPACE, one, *(commitment(key, one.entry, part) for part in (Part.ACTOR, Part.TARGET)))
                for one in members
            ]
            range_ = range_.extended(leaves)[0]
            keys = {subject(one.entry, part): key for one in members for part in Part}
            ids = [(first + place, one.entry.id) for place, one in enumerate(members)]
            known = {one.entry.id: one for one in members}
            placed = {first + place: leaf for place, leaf in enumerate(leaves)}
            chunk = export.Chunk(ids, placed, known, {}, (), keys)
            out.write(b"".join(chunk.lines()))
        out.write(export.last_line(entries, []))
    note = KEYRING.sign(Checkpoint(origin_of(ORIGIN, WORKSPACE), range_.size, range_.root).body)
    file = folder / "export.jsonl"
    with file.open("wb") as whole, body.open("rb") as rest:
        whole.write(export.first_line(WORKSPACE, note, None))
        shutil.copyfileobj(rest, whole)
    return file


def _checked(file: Path) -> Verified:
    command = [sys.executable, "-I", "-S", callmine_verify.__file__, str(file), "--key", KEYRING.verifiers[0].text]
    began, most = time.perf_counter(), 0.0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        while child.poll() is None:
            most = max(most, _mebibytes(child.pid))
            time.sleep(_LOOK_SECONDS)
    took = time.perf_counter() - began
    if child.returncode != 0:
        raise RuntimeError("the export did not verify")
    return Verified(took, most)


def _mebibytes(pid: int) -> float:
    """The most that the process has held since it began: what the kernel tells of children includes what they were forked from."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0.0)
