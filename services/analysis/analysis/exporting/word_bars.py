"""Bars in a DOCX: pictures of one coloured dot, drawn as long as they should be."""

from __future__ import annotations

import struct
import zlib
from copy import deepcopy
from io import BytesIO

from docx.document import Document
from docx.oxml.ns import qn
from docx.shared import Emu, Mm

from analysis.exporting.tables import Mood
from analysis.exporting.word_xml import Element, element

ACCENT = "1D5C57"
MOODS = {"positive": "2F7D5B", "mixed": "D9A441", "neutral": "B4B1A8", "negative": "B5453E"}

_THICK = Mm(2.4)


class Bars:
    """The bars of one document: each colour is stored once."""

    def __init__(self, document: Document) -> None:
        self._patterns = {color: _pattern(document, color) for color in (ACCENT, *MOODS.values())}
        # Beyond those of the patterns; no two drawings of a document share a number.
        self._drawn = 1_000

    def bar(self, millimetres: float, color: str, told: str) -> Element:
        """A bar; `told` is what a screen reader says of it."""
        self._drawn += 1
        inline = deepcopy(self._patterns[color])
        width = str(int(Mm(max(millimetres, 0.3))))
        for extent in inline.iter(qn("wp:extent"), qn("a:ext")):
            extent.set("cx", width)
            extent.set("cy", str(int(_THICK)))
        properties = inline.find(qn("wp:docPr"))
        if properties is not None:
            properties.set("id", str(self._drawn))
            properties.set("name", f"Bar {self._drawn}")
            properties.set("descr", told)
        return element("w:r", [element("w:drawing", [inline])])

    def moods(self, mood: Mood, millimetres: float) -> list[Element]:
        """One bar in parts; none where there is no finding."""
        total = sum(value for _, value in mood.parts)
        return [
            self.bar(millimetres * value / total, MOODS[name], f"{value} {name}") for name, value in mood.parts if value
        ]


def _pattern(document: Document, color: str) -> Element:
    inline: Element = document.part.new_pic_inline(BytesIO(_dot(color)), Emu(1), _THICK)
    # Readers differ in how far apart pictures are where nothing is said.
    for side in ("distT", "distB", "distL", "distR"):
        inline.set(side, "0")
    return inline


def _dot(color: str) -> bytes:
    """A PNG of one pixel."""
    pixel = bytes([0]) + bytes.fromhex(color)
    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(pixel)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, body) for kind, body in parts)


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
