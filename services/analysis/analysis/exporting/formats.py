"""The formats of an export, and the version of what they hold."""

from __future__ import annotations

import enum

from analysis.domain.document import DOCUMENT_VERSION

# Raised with every change of how a file is laid out: a file that was made before is then made anew.
LAYOUT_VERSION = 2

# Of one file's content: 2001 is the document's version 2 in its first layout. A stored report never changes, so that this and the report's
# id name the content. It rises, so that a release that is being replaced leaves the files of the next one alone.
CONTENT_VERSION = 1000 * DOCUMENT_VERSION + LAYOUT_VERSION


class Format(enum.StrEnum):
    """What a report can be exported as; the value is also the file's extension."""

    PDF = "pdf"
    DOCX = "docx"
    JSON = "json"
    CSV = "csv"

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        return _MEDIA_TYPES[self]

    @property
    def label(self) -> str:
        """As it is written on pages."""
        return _TITLES[self]


_MEDIA_TYPES = {
    Format.PDF: "application/pdf",
    Format.DOCX: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Format.JSON: "application/json",
    Format.CSV: "text/csv; charset=utf-8; header=present",
}

_TITLES = {
    Format.PDF: "PDF",
    Format.DOCX: "Word (DOCX)",
    Format.JSON: "JSON",
    Format.CSV: "Findings (CSV)",
}
