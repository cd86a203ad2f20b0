"""`python -m remains` ends with 0: nothing of the erased is left and all of the others is there. 1: not so. 2: it could not look."""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

import asyncpg

from remains import databases, folders
from remains.content import NotSearched
from remains.databases import BlindRole, Place
from remains.needles import BadNeedles, Needles, Search, total

CLEAN, LEFT, BLIND = 0, 1, 2


async def look(urls: Sequence[str], paths: Sequence[Path], needles: Needles) -> list[Place]:
    """All places in which needles are, gone or kept. Raises BlindRole, NotSearched, OSError and asyncpg's errors."""
    search = Search(
        {f"gone {name}": one for name, one in needles.gone.items()}
        | {f"kept {name}": one for name, one in needles.kept.items()}
    )
    found = [one for url in urls async for one in databases.places(url, search)]
    return found + [one for path in paths for one in folders.places(path, search)]


def told(found: Sequence[Place], needles: Needles) -> tuple[list[str], bool]:
    """What was found, in lines without any needle, and whether it is as it should be."""
    counts = total(one.found for one in found)
    left = [(one, sum(count for name, count in one.found.items() if name.startswith("gone "))) for one in found]
    lines = [f"LEFT  {one.store}  {one.name}  {count}" for one, count in left if count]
    missing = [name for name in needles.kept if not counts[f"kept {name}"]]
    lines += [f"MISSING  {name}" for name in missing]
    there = len(needles.kept) - len(missing)
    remaining = sum(1 for name in needles.gone if counts[f"gone {name}"])
    lines.append(f"{remaining} of {len(needles.gone)} are left; {there} of {len(needles.kept)} of the others are there")
    return lines, not remaining and not missing


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; its exit status."""
    parser = argparse.ArgumentParser(prog="remains", description="Look for what remains of an erased workspace.")
    parser.add_argument(
        "--needles", type=Path, required=True, help='JSON: {"gone": {name: text}, "kept": {name: text}}'
    )
    parser.add_argument("--database", action="append", default=[], help="PostgreSQL address of the role of role.sql")
    parser.add_argument("--folder", action="append", default=[], type=Path, help="files: objects, the broker's, logs")
    given = parser.parse_args(arguments)
    try:
        needles = Needles.parse(given.needles.read_text(encoding="utf-8"))
        found = asyncio.run(look(given.database, given.folder, needles))
    except (BadNeedles, BlindRole, NotSearched, OSError, UnicodeDecodeError, asyncpg.PostgresError) as error:
        sys.stderr.write(f"could not look: {error}\n")
        return BLIND
    lines, clean = told(found, needles)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return CLEAN if clean else LEFT


if __name__ == "__main__":
    sys.exit(main())
