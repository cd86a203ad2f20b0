"""The few elements of WordprocessingML that a report is made of, each by one function. Text is set as a value, never parsed.

python-docx makes each of them too, but looks for its style and its place in the whole document each time: a report of 1,000 calls would
take minutes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.oxml.xmlchemy import BaseOxmlElement

Element = BaseOxmlElement


@dataclass(frozen=True, slots=True)
class Span:
    """Some text. `color` is six hex digits, `half_points` twice the size; `anchor` names the bookmark that it leads to."""

    text: str
    bold: bool = False
    color: str = ""
    half_points: int = 0
    anchor: str = ""


def element(tag: str, children: Iterable[Element] = (), **attributes: str) -> Element:
    """An element; `val="x"` is its `w:val`."""
    made = OxmlElement(tag)
    for name, value in attributes.items():
        made.set(qn(f"w:{name}"), value)
    for child in children:
        made.append(child)
    return made


def paragraph(
    style: str,
    content: Sequence[Span | Element],
    *,
    rtl: bool = False,
    right: bool = False,
    mark: tuple[int, str] | None = None,
) -> Element:
    """A paragraph. `style` is the style's id; `mark` gives it a bookmark of that number and name."""
    properties = [element("w:pStyle", val=style)]
    if rtl:
        properties.append(element("w:bidi"))
    if right:
        properties.append(element("w:jc", val="right"))
    inside = [_placed(item, rtl=rtl) if isinstance(item, Span) else item for item in content]
    if mark is not None:
        number, name = mark
        start = element("w:bookmarkStart", id=str(number), name=name)
        inside = [start, *inside, element("w:bookmarkEnd", id=str(number))]
    return element("w:p", [element("w:pPr", properties), *inside])


def _placed(span: Span, *, rtl: bool) -> Element:
    run = _run(span, rtl=rtl)
    return element("w:hyperlink", [run], anchor=span.anchor) if span.anchor else run


def _run(span: Span, *, rtl: bool) -> Element:
    properties = []
    if span.bold:
        properties += [element("w:b"), element("w:bCs")]
    if span.color:
        properties.append(element("w:color", val=span.color))
    if span.half_points:
        size = str(span.half_points)
        properties += [element("w:sz", val=size), element("w:szCs", val=size)]
    if rtl:
        properties.append(element("w:rtl"))
    text = element("w:t")
    text.text = span.text
    text.set("{http://www.w3.org/XML/1998/namespace}space", "preserve")
    return element("w:r", [element("w:rPr", properties), text])


def field(code: str) -> Element:
    """A field that the reader computes, such as PAGE."""
    return element("w:fldSimple", [_run(Span("1"), rtl=False)], instr=code)


def page_break() -> Element:
    """The end of a page."""
    return element("w:p", [element("w:r", [element("w:br", type="page")])])


def table(style: str, widths: Sequence[int], lines: Sequence[Sequence[Sequence[Element]]], *, header: bool) -> Element:
    """A table: lines of cells of paragraphs. `widths` are in twentieths of a point; a `header` line is repeated on each page."""
    properties = element(
        "w:tblPr",
        [
            element("w:tblStyle", val=style),
            element("w:tblW", w=str(sum(widths)), type="dxa"),
            element("w:tblLayout", type="fixed"),
            element("w:tblLook", val="0620" if header else "0600", firstRow=str(int(header)), noVBand="1", noHBand="1"),
        ],
    )
    grid = element("w:tblGrid", [element("w:gridCol", w=str(width)) for width in widths])
    rows = [_row(widths, line, header=header and place == 0) for place, line in enumerate(lines)]
    return element("w:tbl", [properties, grid, *rows])


def _row(widths: Sequence[int], line: Sequence[Sequence[Element]], *, header: bool) -> Element:
    properties = [element("w:cantSplit")]
    if header:
        properties.append(element("w:tblHeader"))
    cells = [
        element("w:tc", [element("w:tcPr", [element("w:tcW", w=str(width), type="dxa")]), *content])
        for width, content in zip(widths, line, strict=True)
    ]
    return element("w:tr", [element("w:trPr", properties), *cells])


__all__ = ["Element", "Span", "element", "field", "page_break", "paragraph", "table"]
