"""What exports have beside PDF and DOCX: the CSV, links, fonts, words, and the press that has files made."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import typst
import uvloop
from unit.analysis.documents import HOSTILE, document, hostile, quotes_of, strict

from analysis.domain.export import GOOD_FOR, Export, ExportState, StoredFile, file_name
from analysis.exporting import __main__ as maker
from analysis.exporting import fonts, press, words
from analysis.exporting.findings import COLUMNS, csv_of
from analysis.exporting.formats import Format
from analysis.exporting.links import Handout, LinkEnded, Links
from analysis.exporting.outline import outline_of
from analysis.exporting.pdf import pdf_of
from analysis.exporting.press import ProcessPress
from core.errors import NotFound, Permanent, Transient
from core.ids import UserId, WorkspaceId

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
HANDOUT = Handout(WorkspaceId("org_acme1"), UserId("user_maya1"), "01936b1e-0000-7000-8000-0000000000a1", 3)


def lines_of(file: bytes) -> list[dict[str, str]]:
    """The lines of a CSV as a program reads them."""
    return list(csv.DictReader(io.StringIO(file.decode("utf-8-sig"), newline="")))


def test_the_csv_has_one_line_a_quote() -> None:
    made = document(5)
    file = csv_of(made)
    themes = made["themes"]
    assert isinstance(themes, list)
    quotes = [quote for theme in themes for quote in quotes_of(theme)]
    lines = lines_of(file)
    assert [(line["quote"], line["speaker"], line["start_ms"], line["sentence_id"]) for line in lines] == [
        (quote["text"], quote["speaker"], str(quote["start_ms"]), quote["sentence_id"]) for quote in quotes
    ]
    assert tuple(lines[0]) == COLUMNS
    assert all(line["segment"] and line["verdict"] for line in lines)


def test_the_csv_is_of_the_form_that_spreadsheets_read() -> None:
    file = csv_of(hostile())
    assert file.startswith(b"\xef\xbb\xbfreport_id,")
    assert file.endswith(b"\r\n")
    lines = lines_of(file)
    assert len(lines) >= len(HOSTILE)
    assert all(None not in line and None not in line.values() for line in lines)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\u00a0=1",
        "\ufeff=1",
        "\u202e=1",
        "\uff1d1",
        "\x01=1",
    ],
)
def test_no_cell_begins_a_formula(text: str) -> None:
    for line in lines_of(csv_of(document(1, said=[text]))):
        assert line["quote"] == f"'{text}"
    assert lines_of(csv_of(document(1, said=["5 = 4 + 1, -2"])))[0]["quote"] == "5 = 4 + 1, -2"


def test_a_finding_without_a_quote_has_a_line_too() -> None:
    finding = {"id": "f1", "call_id": "c", "claim": "All is well.", "quotes": []}
    (line,) = lines_of(csv_of({"report_id": "r", "themes": [{"label": "Calm", "calls": 1, "findings": [finding]}]}))
    assert (line["claim"], line["quote"], line["start_ms"], line["at"]) == ("All is well.", "", "", "")


@pytest.mark.parametrize("made", [document(4, version=1), document(4, version=2), hostile()])
def test_the_json_is_as_its_schema_says(made: dict[str, object]) -> None:
    schema = json.loads(Path("docs/report.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    found = json.loads(maker.made(made, Format.JSON, None))
    jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker()).validate(found)
    assert found == made
    # The other way round: what a document has is described.
    jsonschema.Draft202012Validator(strict(schema)).validate(found)


def ends_and_signature(address: str) -> tuple[str, str]:
    found = re.fullmatch(
        rf"/reports/{HANDOUT.report_id}/exports/3/file\?ends=(\d+)&signature=([0-9a-f]{{64}})", address
    )
    assert found is not None
    return found.group(1), found.group(2)


def test_a_link_is_good_for_what_it_was_made_for_until_it_ends() -> None:
    links = Links((b"a" * 32,))
    ends, signature = ends_and_signature(links.address(HANDOUT, NOW + GOOD_FOR))
    links.check(HANDOUT, ends, signature, NOW)
    links.check(HANDOUT, ends, signature, NOW + GOOD_FOR - timedelta(seconds=1))
    with pytest.raises(LinkEnded):
        links.check(HANDOUT, ends, signature, NOW + GOOD_FOR)
    others = (
        Handout(WorkspaceId("org_rival1"), HANDOUT.user_id, HANDOUT.report_id, 3),
        Handout(HANDOUT.workspace_id, UserId("user_ben1"), HANDOUT.report_id, 3),
        Handout(HANDOUT.workspace_id, HANDOUT.user_id, HANDOUT.report_id.replace("a1", "a2"), 3),
        Handout(HANDOUT.workspace_id, HANDOUT.user_id, HANDOUT.report_id, 4),
        # The same characters, cut elsewhere.
        Handout(WorkspaceId("org_acme1u"), UserId("ser_maya1"), HANDOUT.report_id, 3),
    )
    for other in others:
        with pytest.raises(NotFound, match="no such file"):
            links.check(other, ends, signature, NOW)
    for wrong in ("", "0" * 64, signature[:-1], f"{signature}0", signature.upper(), "é" * 64):
        with pytest.raises(NotFound, match="no such file"):
            links.check(HANDOUT, ends, wrong, NOW)
    for wrong in ("", "x", str(int(ends) + 1), f"+{ends}", f" {ends}", "٣" * 10, "9" * 20):
        with pytest.raises(NotFound, match="no such file"):
            links.check(HANDOUT, wrong, signature, NOW)


def test_a_key_can_be_replaced_while_links_are_under_way() -> None:
    old, new = "o" * 32, "n" * 32
    ends, signature = ends_and_signature(Links.parse(old).address(HANDOUT, NOW + GOOD_FOR))
    Links.parse(f"{new}\n{old}\n").check(HANDOUT, ends, signature, NOW)
    with pytest.raises(NotFound):
        Links.parse(new).check(HANDOUT, ends, signature, NOW)
    assert Links.parse(f"{new}\n{old}").address(HANDOUT, NOW) == Links.parse(new).address(HANDOUT, NOW)
    for poor in ("", "\n", "short", f"{new}\nshort"):
        with pytest.raises(ValueError, match="32 characters"):
            Links.parse(poor)


def test_an_export_goes_from_making_to_ready_to_ended() -> None:
    def export(done: int | None, file: StoredFile | None, read: int = 0, attempts: int = 1) -> Export:
        done_at = None if done is None else NOW + timedelta(minutes=done)
        return Export(1, "pdf", NOW, NOW, done_at, attempts, NOW + timedelta(minutes=read), file)

    file = StoredFile("workspaces/org_a/exports/x", "0" * 64, 1)
    assert export(None, None).state is ExportState.MAKING
    assert export(None, None, attempts=5).state is ExportState.FAILED
    assert export(1, None).state is ExportState.FAILED
    # A file that was there before is handed out from when it was asked for, one that took its time from when it was there.
    assert export(-600, file).ends_at == NOW + GOOD_FOR
    assert export(5, file).ends_at == NOW + timedelta(minutes=5) + GOOD_FOR
    assert export(5, file, read=14).state is ExportState.READY
    assert export(5, file, read=15).state is ExportState.ENDED


def test_a_file_s_name_says_nothing_of_the_report() -> None:
    assert file_name(HANDOUT.report_id, NOW, "pdf") == "callmine-report-2026-11-20-000000a1.pdf"
    assert file_name(HANDOUT.report_id, NOW, "csv") == "callmine-findings-2026-11-20-000000a1.csv"


def test_the_fonts_have_the_scripts_that_they_are_said_to_have() -> None:
    places = fonts.folders()
    assert fonts.uncovered("Aéßжλ ạ हि ع ש ไ 日 한 价 € “”…·", places) == []
    assert fonts.uncovered("a😀ბ", places) == ["ბ", "😀"]


def test_a_folder_of_the_operator_s_is_looked_into_and_what_is_no_font_is_passed_over(tmp_path: Path) -> None:
    for name, content in {
        "a.ttf": b"",
        "b.otf": b"ttcf" + b"\xff" * 30,
        "c.ttf": b"\0\1\0\0\xff\xff" + b"\0" * 90,
    }.items():
        (tmp_path / name).write_bytes(content)
    assert fonts.uncovered("ბ", [tmp_path]) == ["ბ"]
    assert fonts.folders(tmp_path)[-1] == tmp_path
    # It stands in for a font of the script; one that the packages have is as good to show that the folder is read.
    (hebrew,) = fonts.folders()[2].rglob("*.ttf")
    (tmp_path / "d.ttf").write_bytes(hebrew.read_bytes())
    assert fonts.uncovered("ש", [tmp_path]) == []


def test_a_missing_font_package_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fonts, "find_spec", lambda _: None)
    with pytest.raises(RuntimeError, match="fontpkg_noto_sans"):
        fonts.folders()


def test_what_cannot_be_printed_is_left_out() -> None:
    assert words.printable("a\x00b\x1bc\r\nd\ue000\u202ee\ufffe\t\ud800") == "abc\nd\ue000e\t"
    assert words.line(" a\n\tb  c ") == "a b c"
    assert [words.runs_left(text) for text in ("abc", "12 שלום", "(مرحبا) abc", "", "!?")] == [
        False,
        True,
        True,
        False,
        False,
    ]
    assert [words.clock(value) for value in (0, 61_999, 3_600_000)] == ["0:00", "1:01", "1:00:00"]
    assert [words.number(value) for value in (0, 1234, 1234.56)] == ["0", "1,234", "1,234.6"]


async def test_the_press_makes_each_format_in_a_process_of_its_own() -> None:
    made = document(2)
    files = await asyncio.gather(*(ProcessPress().make(made, kind) for kind in Format))
    starts = {kind: file[:4] for kind, file in zip(Format, files, strict=True)}
    assert starts == {Format.PDF: b"%PDF", Format.DOCX: b"PK\3\4", Format.JSON: b"{\n  ", Format.CSV: b"\xef\xbb\xbfr"}
    assert json.loads(files[list(Format).index(Format.JSON)]) == made


async def test_a_maker_sees_nothing_of_the_service_s_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    started: dict[str, object] = {}
    create = asyncio.create_subprocess_exec

    async def watched(*command: str, **options: object) -> asyncio.subprocess.Process:
        started.update(options, command=command)
        return await create(*command, **options)  # type: ignore[arg-type]

    monkeypatch.setenv("CALLMINE_APP_DATABASE_URL", "postgresql://secret")
    monkeypatch.setattr(asyncio, "create_subprocess_exec", watched)
    await ProcessPress().make(document(1), Format.CSV)
    assert started["env"] == {"LANG": "C.UTF-8", "TZ": "UTC", "RAYON_NUM_THREADS": "1"}
    assert "Honestly" not in str(started["command"])


async def test_a_maker_that_refuses_is_stopped_or_takes_too_long_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Permanent, match="could not be laid out"):
        await ProcessPress().make({"created_at": "never"}, Format.PDF)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Transient, match="was stopped"):
        await ProcessPress().make(document(1), Format.CSV)
    monkeypatch.undo()
    monkeypatch.setattr(press, "LONGEST_SECONDS", 0.0)
    with pytest.raises(Permanent, match="takes too long"):
        await ProcessPress().make(document(1), Format.PDF)


@pytest.mark.parametrize(
    ("kinds", "at_once"),
    [
        ([Format.CSV] * 8, {(Format.CSV, Format.CSV)}),
        ([Format.PDF] * 8, {(Format.PDF,)}),
        ([Format.PDF, Format.PDF, Format.PDF, Format.CSV], {(Format.CSV, Format.PDF)}),
    ],
)
async def test_only_so_many_makers_work_at_once_and_one_of_them_on_a_pdf(
    monkeypatch: pytest.MonkeyPatch, kinds: list[Format], at_once: set[tuple[Format, ...]]
) -> None:
    working: list[Format] = []
    seen: set[tuple[Format, ...]] = set()

    async def made(self: ProcessPress, body: bytes, kind: Format) -> bytes:
        working.append(kind)
        seen.add(tuple(sorted(working)))
        await asyncio.sleep(0.01)
        working.remove(kind)
        return body

    monkeypatch.setattr(ProcessPress, "_made", made)
    one = ProcessPress(at_once=2)
    await asyncio.gather(*(one.make({}, kind) for kind in kinds))
    assert {kinds for kinds in seen if len(kinds) == max(map(len, seen))} == at_once


async def test_a_maker_may_use_so_much_memory_and_write_no_file(tmp_path: Path) -> None:
    tried = (
        "from analysis.exporting import __main__ as maker; maker.bound(); import resource, signal\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try: open('x', 'wb', 0).write(b'x'); print('wrote')\n"
        "except OSError: print('no file')\n"
        f"try: bytearray({maker.MOST_BYTES}); print('took')\n"
        "except MemoryError: print('no memory')\n"
    )
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", tried, cwd=tmp_path, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    assert said.split(b"\n")[:2] == [b"no file", b"no memory"]


def test_what_went_wrong_with_a_report_is_told_without_its_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(maker, "bound", lambda: None)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"created_at": "a secret word"}')))
    assert maker.main(["docx"]) == maker.REFUSED
    assert capsys.readouterr() == ("", "ValueError")


def test_typst_runs_the_same_program_for_every_report(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[object, ...]] = []
    compiler = typst.Compiler

    def watched(program: bytes, **options: Any) -> object:
        ran.append((program, *(options[name] for name in ("root", "ignore_system_fonts", "package_path"))))
        return compiler(program, **options)

    monkeypatch.setattr(typst, "Compiler", watched)
    for made in (document(2), hostile()):
        pdf_of(outline_of(made))
    assert ran[0] == ran[1]
    assert not Path(str(ran[0][3])).exists()


def test_a_maker_that_dies_before_anything_is_said_to_it_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """As services run, on uvloop, which tells of it as a misuse of the pipe."""
    create = asyncio.create_subprocess_exec

    async def dead(*command: str, **options: object) -> asyncio.subprocess.Process:
        process = await create(*command, **options)  # type: ignore[arg-type]
        await process.wait()
        await asyncio.sleep(0.05)
        return process

    monkeypatch.setattr(asyncio, "create_subprocess_exec", dead)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(Transient, match="was stopped"):
        uvloop.run(ProcessPress().make({"report": "x"}, Format.JSON))


def test_a_process_begins_without_what_grpc_does_in_its_children() -> None:
    """It has crashed makers between their birth and their first instruction."""
    code = "from core.memory import load; load(); import os; print(os.environ['GRPC_ENABLE_FORK_SUPPORT'])"
    environment = {name: value for name, value in os.environ.items() if name != "GRPC_ENABLE_FORK_SUPPORT"}
    told = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True, text=True)
    assert told.stdout == "0\n"
