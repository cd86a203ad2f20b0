"""A folder, read as raw bytes: objects, the broker's files, logs, whatever lies there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from remains.content import layers, may_be_packed
from remains.databases import Place
from remains.needles import Search

# Of a file that is not packed; pieces overlap by the longest needle, so that none is cut in two.
_PIECE = 32 * 1024 * 1024


def places(folder: Path, search: Search) -> Iterator[Place]:
    """All files below `folder` in which needles are, in their names too. Raises OSError, NotSearched."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder} is no folder")
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        found = search.found(name.encode())
        if path.is_file() and not path.is_symlink():
            found += _in_file(path, search)
        if found:
            yield Place(str(folder), name, found)


def _in_file(path: Path, search: Search) -> Counter[str]:
    """How often each needle is in a file; one where two pieces meet may count twice."""
    found: Counter[str] = Counter()
    with path.open("rb") as file:
        piece = file.read(_PIECE)
        if may_be_packed(piece):
            for layer in layers(piece + file.read()):
                found += search.found(layer)
            return found
        before = b""
        while piece:
            found += search.found(before + piece)
            before = piece[-search.longest :]
            piece = file.read(_PIECE)
    return found
