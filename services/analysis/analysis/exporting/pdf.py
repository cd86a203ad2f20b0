"""A report as PDF, typeset by typst: `report.typ` is the program, the report is its data."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from analysis.exporting import fonts, words
from analysis.exporting.outline import Outline

_PROGRAM = Path(__file__).with_name("report.typ")

# A word that is wider than a line cannot be broken: an invisible place to break is put into those of so many letters.
_LONG = re.compile(r"[!-~]{32,}")
_PIECE = 16
_BREAK = "\u200b"

# In the note on characters without a shape.
_MOST_NAMED = 12


class NotTypeset(Exception):
    """typst refused the report; its own words may quote it, so that they are not passed on."""


def pdf_of(outline: Outline, more_fonts: Path | None = None) -> bytes:
    """The report as a PDF: the same bytes for the same report. Raises NotTypeset."""
    import typst

    places = fonts.folders(more_fonts)
    known = typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(p) for p in places])
    families = [*fonts.FAMILIES, *sorted(set(known.families()) - set(fonts.FAMILIES))]
    inputs = {"report": json.dumps(_values(_with_missing(outline, places))), "families": json.dumps(families)}
    nowhere = str(_PROGRAM.parent / "no-packages")
    try:
        compiler = typst.Compiler(
            _PROGRAM.read_bytes(),
            root=str(_PROGRAM.parent),
            font_paths=known,
            ignore_system_fonts=True,
            sys_inputs=inputs,
            package_path=nowhere,
            package_cache_path=nowhere,
        )
        created = datetime.fromisoformat(outline.created).astimezone(UTC).replace(microsecond=0)
        made = compiler.compile(format="pdf", timestamp=created)
    except typst.TypstError as error:
        raise NotTypeset from error
    if not isinstance(made, bytes):
        raise NotTypeset
    return made


def _with_missing(outline: Outline, places: list[Path]) -> Outline:
    """With a note on the characters that no font has: they are printed as boxes."""
    used = {character for text in _texts(asdict(outline)) for character in text if not _shapeless(character)}
    missing = fonts.uncovered(used, places)
    if not missing:
        return outline
    named = ", ".join(
        f"U+{ord(character):04X} {unicodedata.name(character, '')}".strip() for character in missing[:_MOST_NAMED]
    )
    more = f" and {words.plural(len(missing) - _MOST_NAMED, 'other')}" if len(missing) > _MOST_NAMED else ""
    told = f"The fonts of this document have no shape for {named}{more}: printed as boxes. The DOCX, JSON and CSV hold the characters."
    return replace(outline, method=[*outline.method, ("Characters", told)])


def _shapeless(character: str) -> bool:
    """Whether a character is printed by doing something to others, or not at all."""
    return unicodedata.category(character) in {"Cf", "Cc", "Zs", "Zl", "Zp"} or "\ufe00" <= character <= "\ufe0f"


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _values(outline: Outline) -> dict[str, object]:
    """The outline as typst reads it."""
    values: dict[str, object] = asdict(outline)
    values["title_rtl"] = words.runs_left(outline.title)
    values["asked_rtl"] = words.runs_left(outline.asked)
    values["brief"] = [{"text": part, "rtl": words.runs_left(part)} for part in outline.brief]
    broken: dict[str, object] = _breakable(values)  # type: ignore[assignment]
    return broken


def _breakable(value: object) -> object:
    if isinstance(value, str):
        return _LONG.sub(lambda found: _pieces(found.group()), value)
    if isinstance(value, dict):
        return {key: _breakable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_breakable(item) for item in value]
    return value


def _pieces(word: str) -> str:
    return _BREAK.join(word[start : start + _PIECE] for start in range(0, len(word), _PIECE))
