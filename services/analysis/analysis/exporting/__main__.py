"""Makes one file: `python -m analysis.exporting <format> [folder with more fonts]`, a published document in, the file out.

A process of its own, with bounds, so that a report that takes long or much stops neither the service nor its other work: it may use so
much memory and processor time, and may write no file. Started by `press`, with an empty environment.
"""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Mapping
from pathlib import Path

from analysis.exporting.formats import Format

# What is printed of the longest report (see `printed`) takes about a seventh of it, half of which is the fonts' and typst's own.
MOST_BYTES = 3 * 1024**3
MOST_SECONDS = 120

# What the process ends with: the file is there, or will never be. Anything else is a process that was stopped.
MADE, REFUSED = 0, 3


def bound() -> None:
    """Take away what a maker does not need. What cannot be set on this machine stays as it is."""
    limits = {
        resource.RLIMIT_AS: MOST_BYTES,
        resource.RLIMIT_CPU: MOST_SECONDS,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (most, most) if hard == resource.RLIM_INFINITY else (min(most, hard), hard))


def made(document: Mapping[str, object], kind: Format, more_fonts: Path | None) -> bytes:
    """The file of a published document."""
    if kind is Format.JSON:
        return json.dumps(document, ensure_ascii=False, indent=2).encode()
    if kind is Format.CSV:
        from analysis.exporting.findings import csv_of

        return csv_of(document)
    from analysis.exporting.outline import outline_of

    if kind is Format.DOCX:
        from analysis.exporting.word import docx_of

        return docx_of(outline_of(document))
    from analysis.exporting.pdf import pdf_of

    return pdf_of(outline_of(document), more_fonts)


def main(arguments: list[str]) -> int:
    """Make it. Nothing of the document is ever written elsewhere, not even what went wrong with it."""
    bound()
    try:
        kind = Format(arguments[0])
        more_fonts = Path(arguments[1]) if len(arguments) > 1 else None
        document = json.load(sys.stdin.buffer)
        file = made(document, kind, more_fonts)
    except MemoryError:
        return REFUSED
    except Exception as error:  # noqa: BLE001 - the error's own words may quote the report: its kind is all that is told
        sys.stderr.write(type(error).__name__)
        return REFUSED
    sys.stdout.buffer.write(file)
    return MADE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
