"""PDF and DOCX hold all that a report says, as text that can be found and copied, and are sound files."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from zipfile import ZipFile

import docx
import pypdf
import pytest
from docx.oxml.ns import qn
from unit.analysis.documents import HOSTILE, Document, document, hostile, quotes_of

from analysis.exporting import words
from analysis.exporting.outline import Outline, outline_of
from analysis.exporting.pdf import pdf_of
from analysis.exporting.word import docx_of

PROGRAM = Path("services/analysis/analysis/exporting/report.typ")


def squeezed(text: str) -> str:
    """The text without what a line's end adds or takes."""
    return re.sub(r"[\s\u200b\u00ad]+", "", unicodedata.normalize("NFKC", text))


def pdf_text(file: bytes) -> str:
    """What a reader can copy out of a PDF, without the foot of each page."""
    pages = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(file)).pages]
    return squeezed(re.sub(r"Callmine · Report of [^\n]*\n?|\b\d+ / \d+\b", "", "\n".join(pages)))


def docx_text(file: bytes) -> str:
    """All text of a DOCX's body."""
    body = docx.Document(io.BytesIO(file)).element.body
    return squeezed("".join(node.text or "" for node in body.iter(qn("w:t"))))


def shown(value: object) -> Iterator[str]:
    """Every text of an outline's part."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from shown(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from shown(item)


def numbers_of(made: Document) -> Iterator[str]:
    """Every number of a document, as pages write it."""
    for name in ("numbers", "verdicts", "deal_context", "left_out"):
        yield from (words.number(value) for value in _fields(made, name).values() if isinstance(value, int) and value)
    for table in ("reps", "segments", "stages", "outcomes"):
        for row in _rows(made, table):
            yield from (words.number(int(str(row[key]))) for key in ("calls", "findings"))
            yield from (f"{value} {name}" for name, value in _fields(row, "sentiment").items() if value)
            yield from _measures(row)
            if "share" in row:
                yield words.percent(float(str(row["share"])))
    for theme in _rows(made, "themes"):
        yield words.number(int(str(theme["calls"])))
        yield from (f"{value} {name}" for name, value in _fields(theme, "sentiment").items() if value)
    for call in _rows(made, "calls"):
        yield from _measures(call)
        if call["quotes_dropped"]:
            yield words.plural(int(str(call["quotes_dropped"])), "quote") + " dropped"
    for row in _rows(_fields(made, "periods"), "rows"):
        yield from (words.number(int(str(row[key]))) for key in ("calls", "findings"))
        yield from (f"{label} {value}" for label, value in _fields(row, "themes").items())
    yield from _measures(_fields(made, "measures"))


def _measures(row: Document) -> Iterator[str]:
    if row.get("talk_share") is not None:
        yield words.percent(float(str(row["talk_share"])))
    if "longest_monologue_ms" in row:
        yield words.clock(int(str(row["longest_monologue_ms"])))
        yield words.number(round(float(str(row["questions"])), 1))
        yield words.number(round(float(str(row["interactivity"])), 1))


def _fields(made: Document, name: str) -> Document:
    found = made.get(name, {})
    assert isinstance(found, dict)
    return found


def _rows(made: Document, name: str) -> list[Document]:
    found = made.get(name, [])
    assert isinstance(found, list)
    return found


@pytest.fixture(scope="module", params=[1, 2])
def made(request: pytest.FixtureRequest) -> Document:
    """A document of either version."""
    return document(12, version=request.param)


@pytest.fixture(scope="module")
def outline(made: Document) -> Outline:
    return outline_of(made)


@pytest.fixture(scope="module", params=["pdf", "docx"])
def text(request: pytest.FixtureRequest, outline: Outline) -> str:
    """All text of the file."""
    return pdf_text(pdf_of(outline)) if request.param == "pdf" else docx_text(docx_of(outline))


def test_every_number_and_quote_of_the_document_is_in_the_file(made: Document, text: str) -> None:
    missing = [number for number in numbers_of(made) if squeezed(number) not in text]
    assert missing == []
    for theme in _rows(made, "themes"):
        assert squeezed(str(theme["label"])) in text
        for quote in quotes_of(theme):
            side = {"internal": ", our side", "external": ", customer"}.get(str(quote["affiliation"]), "")
            said = f"{quote['text']}{quote['speaker']}{side} · {words.clock(int(str(quote['start_ms'])))}"
            assert squeezed(said) in text


def test_every_other_word_of_the_document_is_in_the_file(made: Document, text: str) -> None:
    told = [
        "Tell apart the first call and later ones.",
        "2026-10-21 to 2026-11-19 (Europe/Berlin)",
        "20 Nov 2026, 10:15 CET",
    ]
    told += [
        "at least 5,000",
        "at most 900",
        "5 to 95",
        "1,250",
        "Proposal, Negotiation",
        "OpenAI, small",
        str(made["report_id"]),
    ]
    told += [str(item["sentence"]) for item in _rows(made, "summary")]
    told += [
        str(call[key]) for call in _rows(made, "calls") for key in ("title", "account", "rep", "segment", "summary")
    ]
    told += [str(item["claim"]) for theme in _rows(made, "themes") for item in _rows(theme, "findings")]
    told += ["the transcript is too long", "lost2", "the model declined", "Limits", "may be wrong"]
    if made["version"] == 2:
        told += [
            "partial report: 37 calls left out (the run was cancelled)",
            "Week from",
            "By deal stage",
            "By outcome",
        ]
    assert [each for each in told if squeezed(each) not in text] == []


def test_the_same_report_gives_the_same_bytes(outline: Outline) -> None:
    assert pdf_of(outline) == pdf_of(outline)
    file = docx_of(outline)
    assert docx_of(outline) == file
    with ZipFile(io.BytesIO(file)) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_pdf_tells_what_it_is_and_leads_from_sentences_to_findings(outline: Outline) -> None:
    reader = pypdf.PdfReader(io.BytesIO(pdf_of(outline)))
    assert reader.metadata is not None
    assert (reader.metadata.title, reader.metadata.author) == (outline.title, "Callmine")
    headings = [entry.title for entry in reader.outline if isinstance(entry, pypdf.generic.Destination)]
    assert headings[:2] == ["Executive summary", "Themes at a glance"]
    assert headings[-2:] == ["What was asked", "Method and limits"]
    links = [
        note for page in reader.pages for note in page.get("/Annots", []) if note.get_object()["/Subtype"] == "/Link"
    ]
    assert len(links) >= 3
    marked = reader.root_object["/MarkInfo"].get_object()
    assert isinstance(marked, pypdf.generic.DictionaryObject)
    assert marked["/Marked"] == pypdf.generic.BooleanObject(value=True)


def test_the_docx_has_real_styles_tables_and_properties(outline: Outline) -> None:
    opened = docx.Document(io.BytesIO(docx_of(outline)))
    used = {paragraph.style.name for paragraph in opened.paragraphs if paragraph.style}
    assert {"Title", "Heading 1", "Heading 2", "Heading 3", "Quote", "List Number", "Caption"} <= used
    heads = [
        line._tr.find(f"{qn('w:trPr')}/{qn('w:tblHeader')}") is not None
        for table in opened.tables
        for line in table.rows[:1]
    ]
    assert sum(heads) == len(outline.figures) + len(outline.tables) + 1
    told = opened.core_properties
    assert (told.title, told.author, told.language) == (outline.title, "Callmine", "en")
    assert told.created is not None
    assert told.created.isoformat().startswith("2026-11-20T09:15")
    marks = [mark.get(qn("w:name")) for mark in opened.element.body.iter(qn("w:bookmarkStart"))]
    leads = [link.get(qn("w:anchor")) for link in opened.element.body.iter(qn("w:hyperlink"))]
    assert len(marks) == len(set(marks)) == sum(len(theme.findings) for theme in outline.themes)
    assert leads == ["f1", "f2", "f3"]
    drawn = [each.get("id") for each in opened.element.body.iter(qn("wp:docPr"))]
    assert len(drawn) == len(set(drawn)) > 12


def test_foreign_text_is_printed_as_it_is_and_never_obeyed() -> None:
    outline = outline_of(hostile())
    printed, written = pdf_text(pdf_of(outline)), docx_text(docx_of(outline))
    plain = [squeezed(words.printable(text)) for text in HOSTILE]
    assert [text for text in plain if text not in written] == []
    # Letters of other scripts are joined and reordered for printing: what is copied out of a PDF differs by the reader.
    latin = [text for text in plain if text.isascii()]
    assert len(latin) >= 5
    assert [text for text in latin if text not in printed] == []
    assert "root:" not in printed + written


def test_characters_without_a_shape_are_named_and_no_others_are() -> None:
    with_emoji = pdf_text(pdf_of(outline_of(hostile())))
    assert squeezed("no shape for U+2705 WHITE HEAVY CHECK MARK, U+1F467 GIRL") in with_emoji
    made = document(3, said=[text for text in HOSTILE if "😀" not in text])
    assert "noshapefor" not in pdf_text(pdf_of(outline_of(made)))


def test_the_typesetter_s_program_reads_evaluates_and_takes_in_nothing() -> None:
    program = re.sub(r"//[^\n]*", "", PROGRAM.read_text())
    assert (
        re.findall(r"\b(?:read|eval|plugin|image|csv|toml|yaml|xml|cbor|bibliography|import|include)\b", program) == []
    )
    assert re.findall(r"json\(([^)]*)\)", program) == ["bytes(sys.inputs.report", "bytes(sys.inputs.families"]


def test_a_report_without_anything_is_a_file_too() -> None:
    for made in (
        {"report_id": "r", "created_at": "2026-11-20T09:15:00+00:00"},
        document(1, version=1) | {"themes": [], "summary": [], "reps": [], "segments": [], "verdicts": {}},
    ):
        outline = outline_of(made)
        assert squeezed("None of the calls says anything") in pdf_text(pdf_of(outline))
        assert squeezed("None of the calls says anything") in docx_text(docx_of(outline))


def test_a_very_long_brief_and_quote_run_over_pages() -> None:
    long = " ".join(f"word{number}" for number in range(1_500))
    made = document(2, said=[long])
    question = made["question"]
    assert isinstance(question, dict)
    made["question"] = question | {"brief": long}
    outline = outline_of(made)
    for text in (pdf_text(pdf_of(outline)), docx_text(docx_of(outline))):
        assert text.count("word1499") >= 3
        assert text.count("word0word1word2") >= 3


def test_the_pdf_opens_in_poppler(tmp_path: Path) -> None:
    if shutil.which("pdftoppm") is None or shutil.which("pdftotext") is None:
        pytest.skip("poppler is not installed: pdftoppm and pdftotext are looked for")
    made = document(6)
    (tmp_path / "report.pdf").write_bytes(pdf_of(outline_of(made)))
    subprocess.run(
        ["pdftoppm", "-r", "20", "-png", "report.pdf", "page"], cwd=tmp_path, check=True, capture_output=True
    )
    pages = len(pypdf.PdfReader(tmp_path / "report.pdf").pages)
    assert len(list(tmp_path.glob("page-*.png"))) == pages
    read = subprocess.run(
        ["pdftotext", "report.pdf", "-"], cwd=tmp_path, check=True, capture_output=True, text=True
    ).stdout
    for theme in _rows(made, "themes"):
        assert [quote for quote in quotes_of(theme) if squeezed(str(quote["text"])) not in squeezed(read)] == []


def test_the_docx_opens_in_libreoffice(tmp_path: Path) -> None:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("LibreOffice is not installed: soffice is looked for")
    (tmp_path / "report.docx").write_bytes(docx_of(outline_of(document(6))))
    command = [
        office,
        f"-env:UserInstallation=file://{tmp_path}/profile",
        "--headless",
        "--convert-to",
        "pdf",
        "report.docx",
    ]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, timeout=120)
    assert "Pricedecidesearly" in pdf_text((tmp_path / "report.pdf").read_bytes())


def test_the_docx_holds_nothing_that_leads_outside(tmp_path: Path) -> None:
    with ZipFile(io.BytesIO(docx_of(outline_of(hostile())))) as archive:
        for name in archive.namelist():
            assert b'TargetMode="External"' not in archive.read(name)
