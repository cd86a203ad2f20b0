"""What the README shows works as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from callmine.reports.v1.reports_pb2 import ReportCompleted
from contracts import Event, attributes_of, pack
from core.ids import WorkspaceId
from database import Database, Queries
from messaging import Consumer, Delivery, Routes, Verdict
from testkit.postgres import NewDatabase, settings_of

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text()


async def test_the_consumer_of_ones_own_runs_once(
    new_database: NewDatabase, capsys: pytest.CaptureFixture[str]
) -> None:
    block = re.search(r"```python\n(.*?)```", README, re.DOTALL)
    assert block is not None
    shown: dict[str, object] = {}
    exec(compile(block.group(1), "README.md", "exec"), shown)  # noqa: S102 - our own page
    routes = shown["routes"]
    assert isinstance(routes, Routes)
    db = await Database.open(settings_of(await new_database("audit")), Queries.of("database", "messaging"), "audit")
    event = Event(
        workspace_id=WorkspaceId("org_reader"),
        payload=ReportCompleted(run_id="r", report_id="p", calls_analysed=12),
        producer="analysis",
        aggregate_id="r",
        sequence=1,
    )
    delivery = Delivery("1", pack(event), attributes_of(event), "r")
    assert await Consumer("my-service.reports", db, routes).process([delivery, delivery]) == [Verdict.ACK] * 2
    await db.close()
    assert capsys.readouterr().out == "org_reader: a report on 12 calls is ready\n"


def test_every_folder_on_the_map_is_there() -> None:
    folders = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE)
    assert len(folders) > 10
    for folder in folders:
        assert (ROOT / folder.replace("<name>", "audit")).exists(), folder


def test_every_command_shown_is_a_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"(?:^|`(?:[A-Z_]+=\S+ )?)make ([a-z-]+)", README, re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
