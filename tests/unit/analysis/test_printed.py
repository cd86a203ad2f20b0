"""What is printed of a long report: no more than a reader takes in, all that its page shows, and a word on what is left out."""

from __future__ import annotations

from random import Random

import pytest
from unit.analysis.documents import Document, document
from unit.analysis.test_export_files import docx_text, pdf_text, squeezed
from unit.analysis.wanted import first_findings

from analysis.exporting import printed
from analysis.exporting.outline import outline_of
from analysis.exporting.pdf import pdf_of
from analysis.exporting.word import docx_of
from analysis.http import reading


def _many_themes(sizes: list[int]) -> Document:
    """A document whose themes have so many findings, every fifth theme's last ones cited."""
    themes = [
        {"label": f"theme {place}", "findings": [{"id": f"f{place}-{number}"} for number in range(size)]}
        for place, size in enumerate(sizes)
    ]
    cited = [f"f{place}-{size - 1}" for place, size in enumerate(sizes) if place % 5 == 0 and size]
    return {"themes": themes, "summary": [{"sentence": "So it is.", "finding_ids": cited}]}


@pytest.mark.parametrize("seed", range(40))
def test_as_many_of_each_as_there_is_room_for(seed: int) -> None:
    rng = Random(seed)
    sizes = [rng.choice([0, 1, rng.randrange(30), rng.randrange(900)]) for _ in range(rng.randrange(1, 60))]
    most = rng.randrange(1, 2_000)
    found = printed.of_each(sizes, most)
    assert sum(min(size, found) for size in sizes) <= most
    assert found == max(sizes) or sum(min(size, found + 1) for size in sizes) > most


@pytest.mark.parametrize("sizes", [[5_000], [400] * 60, [3] * 700, [9_000, *[40] * 29, *[40] * 90], [1, 2, 3]])
def test_all_that_the_page_shows_and_the_summary_cites_is_printed(sizes: list[int]) -> None:
    made = _many_themes(sizes)
    chosen = printed.chosen(made)
    ids = {str(item["id"]) for _, findings in chosen for item in findings}
    first = reading.OPENED
    themes: list[Document] = made["themes"][: first.first_themes]  # type: ignore[index]
    shown = {item["id"] for theme in themes for item in first_findings(made, theme, first.first_findings)}
    assert shown <= ids
    assert {name for item in reading.rows_of(made, "summary") for name in item["finding_ids"]} <= ids  # type: ignore[attr-defined]
    assert len(ids) <= printed.MOST_FINDINGS + printed.FIRST_THEMES * printed.LEAST_OF_FIRST + len(sizes)
    assert len(ids) == sum(sizes) or len(ids) > printed.MOST_FINDINGS - len(sizes)


def test_a_report_of_a_hundred_calls_is_printed_whole() -> None:
    outline = outline_of(document(100))
    assert sum(len(theme.findings) for theme in outline.themes) == 300
    assert [theme.rest for theme in outline.themes if theme.rest] == []
    assert (len(outline.calls.rows), outline.calls_rest, outline.failed_rest) == (100, "", "")


def test_what_is_not_printed_is_told_in_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"MOST_FINDINGS": 150, "LEAST_OF_FIRST": 5, "MOST_CALLS": 1}.items():
        monkeypatch.setattr(printed, name, value)
    outline = outline_of(document(100))
    shown = [len(theme.findings) for theme in outline.themes]
    assert 150 - len(shown) < sum(shown) <= 150
    left = [int(theme.rest.split()[0]) for theme in outline.themes if theme.rest]
    assert sum(left) == 300 - sum(shown)
    told = [*(theme.rest for theme in outline.themes if theme.rest), outline.calls_rest, outline.failed_rest]
    assert told[-2:] == ["99 more calls, not printed: the JSON has all.", "1 more call, not printed: the JSON has all."]
    for file in (pdf_text(pdf_of(outline)), docx_text(docx_of(outline))):
        assert [one for one in told if squeezed(one) not in file] == []
