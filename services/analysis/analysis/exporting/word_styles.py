"""The styles of a DOCX, as Word knows them by name, so that who edits the file can change each in one place."""

from __future__ import annotations

from collections.abc import Sequence

from docx.document import Document
from docx.enum.style import WD_STYLE_TYPE
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor
from docx.styles.style import ParagraphStyle

from analysis.exporting.word_bars import ACCENT
from analysis.exporting.word_xml import Element, Span, element, paragraph

_ACCENT = RGBColor.from_string(ACCENT)
_INK = RGBColor.from_string("1D2329")
_SOFT = RGBColor.from_string("5A626B")
_LINE = "E2DFD6"

# Points: size, before and after.
_SIZES = {
    "Normal": (10, 0, 6),
    "Title": (26, 90, 12),
    "Subtitle": (11, 0, 24),
    "Heading 1": (15, 20, 6),
    "Heading 2": (12, 16, 2),
    "Heading 3": (10, 9, 1),
    "Caption": (8.5, 0, 4),
    "Quote": (10, 3, 0),
    "List Number": (10, 0, 4),
    "List Bullet": (10, 0, 3),
    "Cell Text": (8.5, 1, 1),
    "Figure": (20, 0, 0),
    "Quote Source": (8.5, 0, 4),
}
_COLORS = {
    "Title": _ACCENT,
    "Heading 1": _ACCENT,
    "Figure": _ACCENT,
    "Subtitle": _SOFT,
    "Caption": _SOFT,
    "Quote Source": _SOFT,
}
_FONT = "Calibri"


def set_up(document: Document) -> None:
    """The page and its styles."""
    section = document.sections[0]
    section.page_width, section.page_height = Mm(210), Mm(297)
    section.left_margin = section.right_margin = Mm(22)
    section.top_margin, section.bottom_margin = Mm(20), Mm(20)
    for name in ("Cell Text", "Figure", "Quote Source"):
        document.styles.add_style(name, WD_STYLE_TYPE.PARAGRAPH).base_style = document.styles["Normal"]
    for name in _SIZES:
        style = document.styles[name]
        if isinstance(style, ParagraphStyle):
            _set(style, name)
    _indent(document, ("Quote", "Quote Source"))
    for name, lines in (("Callmine Table", True), ("Callmine Figures", False)):
        _add_table_style(document, name, lines=lines)


def _set(style: ParagraphStyle, name: str) -> None:
    size, before, after = _SIZES[name]
    style.font.size, style.font.name = Pt(size), _FONT
    style.font.color.rgb = _COLORS.get(name, _INK)
    style.font.italic = False
    style.font.bold = name.startswith("Heading") or name in {"Title", "Figure"}
    style.paragraph_format.space_before, style.paragraph_format.space_after = Pt(before), Pt(after)
    style.paragraph_format.keep_with_next = name.startswith("Heading") or name in {"Caption", "Quote"}
    properties = style.element.get_or_add_rPr()
    fonts = properties.get_or_add_rFonts()
    for script in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{script}"), None)
    borders = style.element.get_or_add_pPr().find(qn("w:pBdr"))
    if borders is not None:
        borders.getparent().remove(borders)


def _indent(document: Document, names: Sequence[str]) -> None:
    """A line down the side of what somebody said."""
    for name in names:
        style = document.styles[name]
        if isinstance(style, ParagraphStyle):
            style.paragraph_format.left_indent = Mm(4)
            properties = style.element.get_or_add_pPr()
            side = element("w:left", val="single", sz="12", space="8", color="E3EEEC")
            properties.insert_element_before(element("w:pBdr", [side]), "w:shd", "w:spacing", "w:ind", "w:jc", "w:rPr")


def _add_table_style(document: Document, name: str, *, lines: bool) -> None:
    style = document.styles.add_style(name, WD_STYLE_TYPE.TABLE)
    kind = {"val": "single", "sz": "4", "space": "0", "color": _LINE} if lines else {"val": "nil"}
    borders = element("w:tblBorders", [element("w:bottom", (), **kind), element("w:insideH", (), **kind)])
    margins = element(
        "w:tblCellMar",
        [
            element("w:top", w="40", type="dxa"),
            element("w:left", w="60", type="dxa"),
            element("w:bottom", w="40", type="dxa"),
            element("w:right", w="60", type="dxa"),
        ],
    )
    style.element.append(element("w:tblPr", [borders, margins]))
    if lines:
        below = element("w:bottom", val="single", sz="8", space="0", color=ACCENT)
        cell = element("w:tcPr", [element("w:tcBorders", [below])])
        style.element.append(element("w:tblStylePr", [cell], type="firstRow"))


def footer(document: Document, content: Sequence[Span | Element]) -> None:
    """What stands at the foot of each page."""
    place = document.sections[0].footer
    place.is_linked_to_previous = False
    body = place._element  # noqa: SLF001 - the public way makes a paragraph that then needs a style of its own
    for child in list(body):
        body.remove(child)
    body.append(paragraph("Caption", content))
