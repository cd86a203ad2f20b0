"""How much of a long report is printed: what a reader can take in, and a small machine can lay out.

A PDF costs some 2 ms of a processor and 0.13 MB of memory a finding, so that all of 5,000 calls would be two gigabytes and thousands of
pages that nobody reads. JSON and CSV hold everything, and the printed report says so wherever it leaves something out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from analysis.exporting import words
from analysis.exporting.values import Fields, rows, text, texts

# Findings of all themes together: a report of 500 calls has about as many.
MOST_FINDINGS: Final = 1_500

# The page of a report shows as many, so that whatever it shows is printed.
FIRST_THEMES: Final = 30
LEAST_OF_FIRST: Final = 25

MOST_CALLS: Final = 1_000


def of_each(sizes: Sequence[int], most: int) -> int:
    """The largest number so that no more than `most` are printed if that many are of each of `sizes`: small themes are whole."""
    left = most
    for place, size in enumerate(sorted(sizes)):
        share = left // (len(sizes) - place)
        if size > share:
            return share
        left -= size
    return max(sizes, default=0)


def chosen(document: Fields) -> list[tuple[Fields, list[Fields]]]:
    """The themes, each with the findings that are printed: those that the summary cites first, then as they stand."""
    themes = rows(document, "themes")
    cited = {name for item in rows(document, "summary") for name in texts(item, "finding_ids")}
    most = of_each([len(rows(theme, "findings")) for theme in themes], MOST_FINDINGS)
    return [
        (theme, _of(rows(theme, "findings"), cited, max(most, LEAST_OF_FIRST) if place < FIRST_THEMES else most))
        for place, theme in enumerate(themes)
    ]


def _of(findings: Sequence[Fields], cited: set[str], most: int) -> list[Fields]:
    if len(findings) <= most:
        return list(findings)
    first = [item for item in findings if text(item, "id") in cited]
    others = [item for item in findings if text(item, "id") not in cited]
    return [*first, *others][: max(most, len(first))]


def rest(total: int, printed: int, of: str) -> str:
    """What is not printed, in words; empty where everything is."""
    left = total - printed
    return f"{words.plural(left, f'more {of}', f'more {of}s')}, not printed: the JSON has all." if left > 0 else ""
