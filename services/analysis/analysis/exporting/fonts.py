"""The fonts that a PDF is set with, and which characters they have.

They come as packages, pinned like all others: Noto Sans (Latin, Greek, Cyrillic, Devanagari), Noto Sans Arabic, Heebo (Hebrew), Noto Sans
Thai and Noto Sans CJK (Chinese, Japanese, Korean). An operator may add a folder with more. The machine's own fonts are not used, so that a
report looks the same wherever it was made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

# By package, in the order in which a character is looked for.
_PACKAGES = {
    "fontpkg_noto_sans": "Noto Sans",
    "fontpkg_noto_sans_arabic": "Noto Sans Arabic",
    "fontpkg_heebo": "Heebo",
    "fontpkg_noto_sans_thai": "Noto Sans Thai",
    "noto_cjk_sans_jp_regular": "Noto Sans CJK JP",
}
FAMILIES = tuple(_PACKAGES.values())

_ENDINGS = {".ttf", ".otf", ".ttc", ".otc"}


def folders(more: Path | None = None) -> list[Path]:
    """Where the fonts are, `more` last. Raises RuntimeError when a package is not installed."""
    found = []
    for package in _PACKAGES:
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise RuntimeError(f"the fonts of {package} are not installed")
        found.append(Path(spec.submodule_search_locations[0]))
    return found if more is None else [*found, more]


def uncovered(characters: Iterable[str], places: Iterable[Path]) -> list[str]:
    """Those of `characters` that no font in `places` has, in order. Files are read until nothing is left to look for."""
    left = {ord(character) for character in characters}
    for place in places:
        for path in sorted(place.rglob("*")):
            if left and path.suffix.lower() in _ENDINGS:
                left -= _covered(path, left)
    return [chr(code) for code in sorted(left)]


def _covered(path: Path, codes: set[int]) -> set[int]:
    """Those of `codes` that a font has; none of a file that is not a font."""
    try:
        ranges = list(_ranges(_table(path)))
    except (struct.error, OSError, ValueError, IndexError):
        return set()
    return {code for code in codes if any(first <= code <= last for first, last in ranges)}


def _table(path: Path) -> bytes:
    """The font's table from characters to shapes, `cmap` (OpenType 1.9)."""
    with path.open("rb") as file:
        start = 0
        if file.read(4) == b"ttcf":
            file.seek(12)
            (start,) = struct.unpack(">I", file.read(4))
        file.seek(start + 4)
        (tables,) = struct.unpack(">H6x", file.read(8))
        for _ in range(tables):
            tag, offset, length = struct.unpack(">4s4xII", file.read(16))
            if tag == b"cmap":
                file.seek(offset)
                return file.read(length)
    raise ValueError("the file has no cmap")


def _ranges(cmap: bytes) -> Iterator[tuple[int, int]]:
    """Ranges of characters. Formats 4 and 12 are the two in which fonts of today speak Unicode."""
    (tables,) = struct.unpack_from(">2xH", cmap)
    for place in range(tables):
        _, _, offset = struct.unpack_from(">HHI", cmap, 4 + 8 * place)
        (form,) = struct.unpack_from(">H", cmap, offset)
        if form == 12:
            (groups,) = struct.unpack_from(">12xI", cmap, offset)
            for first, last, _ in struct.iter_unpack(">III", cmap[offset + 16 : offset + 16 + 12 * groups]):
                yield first, last
        elif form == 4:
            (doubled,) = struct.unpack_from(">6xH", cmap, offset)
            lasts = struct.unpack_from(f">{doubled // 2}H", cmap, offset + 14)
            firsts = struct.unpack_from(f">{doubled // 2}H", cmap, offset + 16 + doubled)
            # The last segment only marks the end.
            yield from ((first, last) for first, last in zip(firsts, lasts, strict=True) if first != 0xFFFF)
