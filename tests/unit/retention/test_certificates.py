"""Certificates: the customer's own verifier believes what was signed and nothing else; a link opens one request until it ends."""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import structs

from audit.verify import callmine_verify as verifier
from cloud.ledger import LARGEST_ENTRY
from contracts.person_erasing import MOST_CALLS
from core.errors import InvalidInput, NotFound
from core.ids import WorkspaceId
from retention.certificates.links import LinkEnded, Links
from retention.certificates.signing import CertificateKeys, NotSetUp, Signer, envelope
from retention.certificates.statement import Certified, digest_of, ledger_entry, ledger_name, read_entry, statement
from retention.domain.erasures import TOLD, Call, Erasure, Part, Person, Scope, State, terms_of
from retention.evidence import EvidenceKey
from retention.federal import is_federal_holiday
from testkit.outside import CERTIFICATE_KEY

NOW = datetime(2026, 11, 20, 18, tzinfo=UTC)
MINE, THEIRS = WorkspaceId("org_mine"), WorkspaceId("org_theirs")
TERMS = terms_of(NOW, "America/New_York", NOW, is_federal_holiday)
ERASURE = Erasure(
    id=uuid.UUID(int=7),
    state=State.VERIFYING,
    terms=TERMS,
    by_staff=True,
    asked_by="helen@harborline.example",
    ticket="SUP-412",
    started_at=NOW,
    attempt=1,
)
PARTS = [Part(service=name, erased_at=NOW, verified_at=NOW, rows={"calls": 3}, objects=2, attempt=1) for name in TOLD]
CERTIFIED = Certified(MINE, ERASURE, PARTS, NOW + timedelta(hours=30), {"org_mine/7.json": "7" * 64})
OURS = Signer.parse(CERTIFICATE_KEY)


def signed(certified: Certified = CERTIFIED) -> str:
    return envelope(statement(certified), [OURS])


def altered(change: Callable[[dict[str, object]], object]) -> str:
    """The certificate with another content under the same signature."""
    content = json.loads(signed())
    told = json.loads(base64.b64decode(content["payload"]))
    change(told)
    content["payload"] = base64.b64encode(json.dumps(told).encode()).decode()
    return json.dumps(content)


def verified(text: str, tmp_path: Path, key: str = OURS.public.text) -> int:
    """What the command says of a file."""
    (tmp_path / "c.json").write_text(text)
    return verifier.main(["certificate", str(tmp_path / "c.json"), "--key", key])


def test_what_was_signed_verifies_and_names_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(signed(), tmp_path) == verifier.VERIFIED
    told = capsys.readouterr().out
    assert "workspace org_mine was erased at 2026-11-22T00:00:00+00:00, within the time promised" in told
    assert "ingest: 3 rows and 2 objects" in told
    payload = base64.b64decode(json.loads(signed())["payload"]).decode()
    assert [word for word in ("helen", "SUP-412") if word in payload] == []
    verified(signed(structs.replace(CERTIFIED, completed_at=TERMS.deadline + timedelta(seconds=1))), tmp_path)
    assert "NOT within the time promised" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (altered(lambda it: it["predicate"].update(workspace="org_theirs")), verifier.REFUTED),  # type: ignore[attr-defined]
        (altered(lambda it: it["predicate"]["services"].pop()), verifier.REFUTED),  # type: ignore[index]
        (altered(lambda it: it.update(predicateType=verifier.PROMISE)), verifier.UNREADABLE),
        ("{}", verifier.UNREADABLE),
    ],
)
def test_what_was_altered_does_not(text: str, status: int, tmp_path: Path) -> None:
    assert verified(text, tmp_path) == status


REPORT = uuid.UUID("01977a10-7c11-7aaa-8000-0000c0ffee01")
OF_REPORT = structs.replace(
    CERTIFIED,
    erasure=structs.replace(ERASURE, report_id=REPORT),
    parts=PARTS[1:2],
    ledger={"org_mine/7.json": "8" * 64},
)


def test_one_of_a_report_says_so_and_is_of_another_type(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(signed(OF_REPORT), tmp_path) == verifier.VERIFIED
    told = capsys.readouterr().out
    assert f"report {REPORT} of workspace org_mine was erased at 2026-11-22T00:00:00+00:00" in told
    assert "All reports" not in told
    whole, one = (json.loads(statement(each)) for each in (CERTIFIED, OF_REPORT))
    # A verifier from before knows the first type alone.
    assert (whole["predicateType"], whole["predicate"]["scope"]) == (verifier.CERTIFICATE, "workspace")
    assert (one["predicateType"], one["predicate"]["scope"]) == (verifier.REPORT_CERTIFICATE, "report")
    assert whole["predicate"].keys() - one["predicate"].keys() == {"payments_ended_at"}


PERSON = Person(
    email="dana@harborline.example",
    user_ids=("user_2NNEqL2",),
    calls=(Call("gong", "1"), Call("hubspot", "2")),
    is_new=True,
    found_attempt=3,
    told_attempt=2,
    calls_found=2004,
)
OF_PERSON = structs.replace(
    CERTIFIED,
    erasure=structs.replace(ERASURE, person=PERSON, attempt=3),
    ledger={"org_mine/7/000001.json": "1" * 64, "org_mine/7/000002.json": "2" * 64},
)


def test_one_of_a_persons_data_names_nobody_and_is_of_another_type(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verified(signed(OF_PERSON), tmp_path) == verifier.VERIFIED
    told = capsys.readouterr().out
    assert f"what request {ERASURE.id} names of one person in workspace org_mine was erased at" in told
    text = statement(OF_PERSON).decode()
    assert [word for word in ("dana", "helen", "SUP-412", "user_2NNEqL2", '"gong"') if word in text] == []
    content = json.loads(text)
    assert (content["predicateType"], content["predicate"]["scope"]) == (verifier.PERSON_CERTIFICATE, "person")
    assert (content["predicate"]["calls"], content["predicate"]["verifications"]) == (2004, 2)
    assert [(one["name"], one["digest"]["sha256"][0]) for one in content["subject"]] == [
        ("person ledger:org_mine/7/000001.json", "1"),
        ("person ledger:org_mine/7/000002.json", "2"),
    ]
    # A verifier from before takes it for none.
    older = verifier.CERTIFICATES[:2]
    assert content["predicateType"] not in older
    content["predicate"].pop("erasure")
    assert verified(envelope(json.dumps(content).encode(), [OURS]), tmp_path) == verifier.UNREADABLE


def test_an_entry_of_a_person_has_ids_only_and_is_read_as_what_it_was() -> None:
    erasure = structs.replace(ERASURE, person=PERSON, attempt=3)
    entry = ledger_entry(MINE, erasure)
    assert entry == ledger_entry(MINE, erasure)
    assert [word for word in (b"dana", b"helen", b"SUP-412", b"@") if word in entry] == []
    assert ledger_name(MINE, erasure) == f"{MINE}/{ERASURE.id}/000003.json"
    workspace_id, read = read_entry(entry, is_federal_holiday)
    assert (workspace_id, read.id, read.scope, read.terms, read.attempt) == (MINE, ERASURE.id, Scope.PERSON, TERMS, 3)
    assert read.person == Person(
        user_ids=PERSON.user_ids,
        calls=PERSON.calls,
        is_new=True,
        found_attempt=3,
        told_attempt=3,
        ledger={3: digest_of(entry)},
    )


def test_the_largest_entry_of_a_person_fits_in_the_ledger() -> None:
    calls = tuple(Call("hubspot", f"{number:064}") for number in range(MOST_CALLS))
    users = tuple(f"user_2NNEqL2nrIRdJ194ndJqAHwEf{number:02}" for number in range(100))
    erasure = structs.replace(ERASURE, person=replace(PERSON, calls=calls, user_ids=users), attempt=3)
    assert len(ledger_entry(MINE, erasure)) < LARGEST_ENTRY


@pytest.mark.parametrize("report", [None, REPORT])
def test_an_entry_of_the_ledger_is_read_as_what_it_was(report: uuid.UUID | None) -> None:
    erasure = structs.replace(ERASURE, report_id=report)
    workspace_id, read = read_entry(ledger_entry(MINE, erasure), is_federal_holiday)
    assert (workspace_id, read.id, read.report_id, read.terms) == (MINE, ERASURE.id, report, TERMS)


@pytest.mark.parametrize(
    "change",
    [
        {"callmine_report_erasure": None},
        {"callmine_report_erasure": 2},
        {"callmine_erasure": 1},
        {"callmine_person_erasure": 1},
        {"callmine_report_erasure": None, "callmine_person_erasure": 1},
        {"report": None},
        {"report": "7"},
        {"workspace": None},
    ],
)
def test_an_entry_that_is_not_of_a_known_kind_erases_nothing(change: dict[str, object]) -> None:
    entry = json.loads(ledger_entry(MINE, structs.replace(ERASURE, report_id=REPORT))) | change
    kept = {name: value for name, value in entry.items() if value is not None}
    with pytest.raises(InvalidInput):
        read_entry(json.dumps(kept).encode(), is_federal_holiday)
    for text in (b"", b"[]", b"7", b"{}"):
        with pytest.raises(InvalidInput, match="an entry of the ledger"):
            read_entry(text, is_federal_holiday)


def test_another_key_does_not_verify_it(tmp_path: Path) -> None:
    other = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    assert verified(signed(), tmp_path, EvidenceKey("callmine.ai/erasures", other).text) == verifier.REFUTED


@dataclass
class Kept:
    """Secret Manager with one secret, or none."""

    text: str | None

    async def read(self, name: str) -> bytes:
        if self.text is None:
            raise NotFound(name)
        return self.text.encode()


KEY, OTHER = "k" * 32, "o" * 32


async def test_a_link_opens_its_own_request_until_it_ends() -> None:
    links = Links(Kept(f"{KEY}\n{OTHER}\n"))
    address = await links.address(MINE, ERASURE.id, NOW)
    path, _, query = address.partition("?")
    given = dict(one.split("=") for one in query.split("&"))
    assert path == f"/erasures/{MINE}/{ERASURE.id}"
    before = NOW - timedelta(seconds=1)
    for kept in (f"{KEY}\n", f"{OTHER}\n{KEY}\n"):
        await Links(Kept(kept)).check(MINE, ERASURE.id, given["ends"], given["signature"], before)
    with pytest.raises(LinkEnded):
        await links.check(MINE, ERASURE.id, given["ends"], given["signature"], NOW)
    ends, signature = given["ends"], given["signature"]
    for wrong in (
        (THEIRS, ERASURE.id, ends, signature),
        (MINE, uuid.UUID(int=8), ends, signature),
        (MINE, ERASURE.id, str(int(ends) + 1), signature),
        (MINE, ERASURE.id, "", signature),
        (MINE, ERASURE.id, ends, ""),
        (MINE, ERASURE.id, ends, "é"),
    ):
        with pytest.raises(NotFound, match="no such request"):
            await links.check(*wrong, before)
    with pytest.raises(NotFound, match="no such request"):
        await Links(Kept(OTHER)).check(MINE, ERASURE.id, ends, signature, before)


@pytest.mark.parametrize("text", [None, "", "short", f"{KEY}\nshort"])
async def test_without_a_key_there_is_no_link(text: str | None) -> None:
    with pytest.raises(NotSetUp):
        await Links(Kept(text)).address(MINE, ERASURE.id, NOW)


@pytest.mark.parametrize(
    "text",
    [None, "", "x", CERTIFICATE_KEY[:-4], CERTIFICATE_KEY.replace("callmine", "other"), f"x{CERTIFICATE_KEY}"],
)
async def test_without_a_key_nothing_is_signed(text: str | None) -> None:
    with pytest.raises(NotSetUp):
        await CertificateKeys(Kept(text)).signers()
    assert len(await CertificateKeys(Kept(f"{CERTIFICATE_KEY}\n\n")).public()) == 1
