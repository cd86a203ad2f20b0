"""Everything but memory: files (and what they hold compressed), open files, command lines, environments, a dump, pages."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chaos.vault.canary.memory import OVERLAP, PIECE, PROC

_GZIP = b"\x1f\x8b\x08"
_DUMP_SECONDS = 60

# No object is larger unpacked (cloud.objects).
_UNPACKED = 64 * 1024 * 1024


def files(directory: Path, left_out: Iterable[Path]) -> Iterator[Path]:
    """Every regular file below `directory`, but for those left out and what is below them."""
    skipped = set(left_out)
    for folder, folders, names in os.walk(directory):
        here = Path(folder)
        folders[:] = [name for name in folders if here / name not in skipped]
        yield from (path for name in names if (path := here / name) not in skipped and _is_regular(path))


def _is_regular(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except FileNotFoundError:  # a temporary file that is gone again
        return False


def contents(path: Path) -> Iterator[bytes]:
    """What is in a file, in pieces that overlap; a compressed one as it is, and then unpacked. Nothing for one that is gone."""
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return
    with file:
        kept = b""
        packed = False
        while piece := file.read(PIECE):
            packed = packed or (not kept and piece.startswith(_GZIP))
            yield kept + piece
            kept = piece[-OVERLAP:] if len(piece) == PIECE else b""
        if packed:
            file.seek(0)
            yield _unpacked(file.read())


def _unpacked(packed: bytes) -> bytes:
    """What is in a gzip stream, as far as it goes."""
    try:
        return zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, _UNPACKED)
    except zlib.error:
        return b""


def open_files(pid: int) -> list[Path]:
    """The regular files that a process has open, deleted ones included: temporary files often have no name any more."""
    try:
        numbers = list((PROC / str(pid) / "fd").iterdir())
    except FileNotFoundError:
        return []
    return [path for path in numbers if _leads_to_a_file(path)]


def _leads_to_a_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False


def told(pid: int, what: str) -> Iterator[bytes]:
    """The `cmdline` or `environ` of a process, as others on the machine may see it."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        yield (PROC / str(pid) / what).read_bytes()


async def dump(program: Path, dsn: str) -> bytes:
    """All databases as `pg_dumpall` writes them: the values themselves, whatever the files compress."""
    child = await asyncio.create_subprocess_exec(
        str(program),
        "--dbname",
        dsn,
        env={
            "PGPASSWORD": unquote(urlsplit(dsn).password or "")
        },  # for the pg_dump of each database, which is not told the DSN
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_DUMP_SECONDS):
        output, errors = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"the dump failed: {errors.decode(errors='replace')[-300:]}")
    return output
