"""The trust page: green by signed evidence alone, and everything to check it with."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from local.postgres import ServiceDsns
from promises.signing import Signer
from retention.catalogue import read_promises
from retention.domain.promises import Evidence, Promise
from retention.evidence import EvidenceKey
from retention.main import compose
from retention.settings import Settings
from testkit.outside import Outside
from testkit.services import Service, settings_for, started

SIGNER = Signer(
    key := Ed25519PrivateKey.from_private_bytes(bytes(32)),
    EvidenceKey("callmine.ai/trust", key.public_key().public_bytes_raw()),
)


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return tmp_path / "evidence.intoto.jsonl"


@pytest.fixture
async def retention(dsns: ServiceDsns, outside: Outside, bundle: Path) -> AsyncIterator[Service]:
    more = {"evidence_file": bundle, "evidence_keys": SIGNER.public.text}
    settings = settings_for(Settings, dsns, outside, **more)
    async with compose(settings) as parts, started(parts, dsns) as service:
        yield service


def proof(promise: Promise, age: timedelta = timedelta(hours=1)) -> Evidence:
    return Evidence(
        promise=promise.id,
        sentence=promise.sentence,
        proved_at=datetime.now(UTC) - age,
        commit="ab" * 20,
        uncommitted=False,
        checks={one.id: True for one in promise.checks},
        mutants={one.id: True for one in promise.mutants},
        figures={promise.checks[0].id: {"files searched <b>": 1234}} if promise.checks else {},
    )


def put(bundle: Path, lines: list[str]) -> None:
    """As `make trust` leaves it."""
    bundle.write_text("".join(f"{line}\n" for line in lines))


def state_of(page: str, promise: str) -> str:
    """What the page says of a sentence."""
    _, _, part = page.partition(f'id="{promise}"')
    return part.partition('<span class="promise-state">')[2].partition("<")[0].strip()


async def test_without_evidence_nothing_is_proven(retention: Service) -> None:
    async with retention.browser() as browser:
        page = await browser.get("/trust")
    assert page.status_code == 200
    assert {state_of(page.text, one.id) for one in read_promises()} == {"Not proven"}
    assert "Nothing has been proved here yet" in page.text
    assert "<script" not in page.text.partition("<main")[2]


async def test_each_sentence_has_the_state_that_its_evidence_gives_it(retention: Service, bundle: Path) -> None:
    known = {one.id: one for one in read_promises()}
    stale, failed = proof(known["P2"], timedelta(days=8)), proof(known["P3"])
    failed = replace(failed, mutants={**failed.mutants, "policy-opened": False})
    forged = replace(proof(known["P4"]))
    other = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
    forger = Signer(other, SIGNER.public)
    unchecked = replace(proof(known["P10"]), checks={})
    lines = [SIGNER.envelope(one, {}) for one in (proof(known["P1"]), stale, failed, unchecked)]
    put(bundle, [*lines, forger.envelope(forged, {})])
    async with retention.browser() as browser:
        page = (await browser.get("/trust")).text
        handed_out = await browser.get("/trust/evidence.intoto.jsonl")
        keys = await browser.get("/trust/keys")
    states = {name: state_of(page, name) for name in ("P1", "P2", "P3", "P4", "P10")}
    assert states == {
        "P1": "Proven",
        "P2": "Proof too old",
        "P3": "Does not hold",
        "P4": "Not proven",
        "P10": "Not proven",
    }
    assert "policy-opened was not noticed" in page
    assert "1,234" in page
    assert "files searched &lt;b&gt;" in page
    assert handed_out.text.splitlines() == lines
    assert keys.text == f"{SIGNER.public.text}\n"
    assert "/audit/log/checkpoint" in page


async def test_every_page_leads_to_it(retention: Service) -> None:
    async with retention.browser() as browser:
        page = await browser.get("/sub-processors")
    assert '<a href="/trust">' in page.text.partition("<footer")[2]
