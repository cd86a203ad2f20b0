"""A filtered export with its proof: each entry is shown to be in the log; whatever is done to the file is found."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from audit.log import selection
from audit.log.erasure import erase
from audit.log.note import Keyring
from audit.log.sealing import Sealer, SealerSettings
from audit.verify import callmine_verify as whole
from audit.verify import callmine_verify_selection as verifier
from integration.audit.actions import HELEN, MINE, THEIRS, action
from integration.audit.test_log_routes import filled
from local.sandbox.clerk.people import QUILLSTONE
from testkit.messages import deliver
from testkit.outside import LOG_KEY, MEMBER, OTHER_ADMIN, Outside
from testkit.services import Service

EXPORT = "/api/v1/audit/export"
KEYS = [whole.read_key(Keyring.parse(LOG_KEY).verifiers[0].text)]

Lines = list[str]


async def seal(audit: Service) -> None:
    await Sealer(audit.parts.db, Keyring.parse(LOG_KEY), SealerSettings("callmine.ai/audit")).drain()


async def exported(audit: Service, outside: Outside, **filters: str) -> Lines:
    async with audit.program(outside.token()) as admin:
        answer = await admin.get(EXPORT, params={"format": "proof", **filters})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"] == 'attachment; filename="callmine-audit-log-proof.jsonl"'
    return answer.text.split("\n")[:-1]


def shown(lines: Lines) -> list[int]:
    return [line["i"] for line in map(json.loads, lines) if "i" in line]


@pytest.fixture
async def mixed(audit: Service, monkeypatch: pytest.MonkeyPatch) -> Service:
    """Entries of which one in six has a word of its own, read a few at a time, so that runs that are left out reach over several reads."""
    monkeypatch.setattr(selection, "CHUNK", 16)
    rng = Random(5)
    events = [
        action(number, diff={"name": ("before", "needle" if rng.random() < 1 / 6 else f"after {number}")})
        for number in range(150)
    ]
    await deliver(audit.consumer("audit"), *events, action(1, workspace_id=THEIRS))
    await seal(audit)
    return audit


async def test_each_entry_is_proven_and_the_rest_is_a_few_hashes(mixed: Service, outside: Outside) -> None:
    lines = await exported(mixed, outside, text="needle")
    async with mixed.program(outside.token()) as admin:
        plain = [
            json.loads(line)
            for line in (await admin.get(EXPORT, params={"format": "jsonl", "text": "needle"})).text.splitlines()
        ]
    found = verifier.check(lines, KEYS)
    assert found.findings == []
    assert found.checkpoint is not None
    assert (found.checkpoint.size, found.shown, found.filters) == (150, len(plain), {"text": "needle"})
    entries = [line["entry"]["id"] for line in map(json.loads, lines) if "entry" in line]
    assert sorted(entries) == sorted(one["id"] for one in plain)
    assert 0 < len(entries) < 60
    hashes = sum(len(line["nodes"]) for line in map(json.loads, lines) if "nodes" in line)
    assert hashes <= 150 - len(entries)


@pytest.mark.parametrize("filters", [{}, {"text": "nothing-of-the-kind"}, {"source": "web"}, {"actor": HELEN.email}])
async def test_everything_and_nothing_are_selections_too(
    mixed: Service, outside: Outside, filters: dict[str, str]
) -> None:
    lines = await exported(mixed, outside, **filters)
    found = verifier.check(lines, KEYS)
    assert found.findings == []
    assert found.shown == (0 if "text" in filters else 150)
    if not found.shown:
        assert len(lines) == 3, "150 positions are one line of hashes"


async def test_days_are_those_of_the_workspace(mixed: Service, outside: Outside) -> None:
    assert verifier.check(await exported(mixed, outside, **{"from": "2026-03-02"}), KEYS).shown == 0
    assert verifier.check(await exported(mixed, outside, to="2026-03-01"), KEYS).shown == 150


def _edited(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "entry" in json.loads(line))
    line = json.loads(lines[place])
    line["entry"]["diff"]["name"]["after"] = "something else"
    return [*lines[:place], json.dumps(line), *lines[place + 1 :]]


def _edited_with_its_leaf_left_out(lines: Lines) -> Lines:
    changed = _edited(lines)
    return [json.dumps({name: value for name, value in json.loads(line).items() if name != "leaf"}) for line in changed]


def _moved(lines: Lines) -> Lines:
    first, second = [number for number, line in enumerate(lines) if "entry" in json.loads(line)][:2]
    one, two = json.loads(lines[first]), json.loads(lines[second])
    one["i"], two["i"] = two["i"], one["i"]
    changed = list(lines)
    changed[first], changed[second] = json.dumps(two), json.dumps(one)
    return changed


def _without_an_entry(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "entry" in json.loads(line))
    return [*lines[:place], *lines[place + 1 :]]


def _twice(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "entry" in json.loads(line))
    return [*lines[: place + 1], *lines[place:]]


def _other_hash(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "skip" in json.loads(line))
    line = json.loads(lines[place])
    line["nodes"][0] = "00" * 32
    return [*lines[:place], json.dumps(line), *lines[place + 1 :]]


def _hash_too_few(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "skip" in json.loads(line))
    line = json.loads(lines[place])
    line["nodes"].pop()
    return [*lines[:place], json.dumps(line), *lines[place + 1 :]]


def _hash_too_many(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "skip" in json.loads(line))
    line = json.loads(lines[place])
    line["nodes"].append("00" * 32)
    return [*lines[:place], json.dumps(line), *lines[place + 1 :]]


def _longer_skip(lines: Lines) -> Lines:
    place = next(number for number, line in enumerate(lines) if "skip" in json.loads(line))
    line = json.loads(lines[place])
    line["skip"][1] += 1
    return [*lines[:place], json.dumps(line), *lines[place + 1 :]]


def _cut(lines: Lines) -> Lines:
    return lines[:-1]


def _other_count(lines: Lines) -> Lines:
    return [*lines[:-1], json.dumps({**json.loads(lines[-1]), "shown": 1})]


def _signed_by_another(lines: Lines) -> Lines:
    header = json.loads(lines[0])
    header["checkpoint"] = header["checkpoint"].replace("\n150\n", "\n151\n")
    return [json.dumps(header), *lines[1:]]


def _of_another_workspace(lines: Lines) -> Lines:
    return [json.dumps({**json.loads(lines[0]), "workspace": THEIRS}), *lines[1:]]


FORGERIES: tuple[Callable[[Lines], Lines], ...] = (
    _edited,
    _edited_with_its_leaf_left_out,
    _moved,
    _without_an_entry,
    _twice,
    _other_hash,
    _hash_too_few,
    _hash_too_many,
    _longer_skip,
    _cut,
    _other_count,
    _signed_by_another,
    _of_another_workspace,
)


async def test_every_forgery_is_found(mixed: Service, outside: Outside) -> None:
    lines = await exported(mixed, outside, text="needle")
    unnoticed = [forge.__name__ for forge in FORGERIES if not verifier.check(forge(lines), KEYS).findings]
    assert unnoticed == []
    for broken in ([], ["{}"], ["no json"], [json.dumps({"callmine_audit_export": 1})], [lines[0], "[1]"]):
        with pytest.raises(verifier.Unreadable):
            verifier.check(broken, KEYS)


async def test_what_was_erased_is_shown_with_the_record_of_it(mixed: Service, outside: Outside) -> None:
    sealer = Sealer(mixed.parts.db, Keyring.parse(LOG_KEY), SealerSettings("callmine.ai/audit"))
    await erase(mixed.parts.db, sealer.drain, MINE, "request-1", HELEN.id)
    lines = await exported(mixed, outside, type="workspace.updated", text="needle")
    found = verifier.check(lines, KEYS)
    assert found.findings == []
    without = [line for line in lines if "erasure" not in json.loads(line)]
    assert verifier.check(without, KEYS).findings != []


async def test_the_files_that_are_handed_out_check_the_csv_as_well(
    mixed: Service, outside: Outside, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    await deliver(
        mixed.consumer("audit"),
        action(500, diff={"=needle": ("=1+1", 'needle\x0b,"x"\n')}),
        action(501, diff={"needle": (None, "y")}),
    )
    await seal(mixed)
    proof, table = tmp_path / "proof.jsonl", tmp_path / "log.csv"
    proof.write_text("\n".join([*await exported(mixed, outside, text="needle"), ""]))
    async with mixed.program(outside.token()) as admin:
        table.write_bytes((await admin.get(EXPORT, params={"text": "needle"})).content)
    given = [str(proof), "--key", Keyring.parse(LOG_KEY).verifiers[0].text, "--csv", str(table)]
    assert verifier.main(given) == whole.VERIFIED
    told = capsys.readouterr().out
    assert "NOT proven" in told
    assert "; 0 rows of proven entries are not in it" in told
    rows = list(csv.reader(io.StringIO(table.read_bytes().decode("utf-8-sig"), newline="")))
    rows[3][10] = "something else"
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        csv.writer(file, lineterminator="\r\n").writerows(rows)
    assert verifier.main(given) == whole.REFUTED
    assert "row 4" in capsys.readouterr().out


async def test_nothing_sealed_is_no_export_and_others_see_theirs_only(audit: Service, outside: Outside) -> None:
    async with audit.program(outside.token()) as admin:
        assert (await admin.get(EXPORT, params={"format": "proof"})).status_code == 404
    await filled(audit)
    async with audit.program(outside.token(OTHER_ADMIN, QUILLSTONE)) as other:
        text = (await other.get(EXPORT, params={"format": "proof"})).text
    assert shown(text.split("\n")[:-1]) == [0]
    assert MINE not in text
    async with audit.program(outside.token(MEMBER)) as member:
        assert (await member.get(EXPORT, params={"format": "proof"})).status_code == 403


async def test_both_verifiers_run_from_a_folder_of_their_own(audit: Service, outside: Outside, tmp_path: Path) -> None:
    """As a customer has them: two files, and nothing of Callmine beside them."""
    await filled(audit)
    async with audit.program() as anybody:
        for name in ("callmine_verify.py", "callmine_verify_selection.py"):
            (tmp_path / name).write_text((await anybody.get(f"/audit/log/{name}")).text)
    (tmp_path / "proof.jsonl").write_text("\n".join([*await exported(audit, outside), ""]))
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(tmp_path / "callmine_verify_selection.py"),
        str(tmp_path / "proof.jsonl"),
        "--key",
        Keyring.parse(LOG_KEY).verifiers[0].text,
        stdout=asyncio.subprocess.PIPE,
        env={},
        cwd=tmp_path,
    )
    out, _ = await child.communicate()
    assert child.returncode == 0
    assert b"verified: 9 of the 9 entries" in out
