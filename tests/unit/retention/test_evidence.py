"""Evidence: what was signed is read, and nothing else; the verifier that customers are given says the same."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace
from unit.retention.test_promises import PROOF

from audit.verify import callmine_verify as verifier
from core.errors import MissingSettings
from promises.signing import Signer
from retention.evidence import LARGEST_FILE, EvidenceKey, Shelf, read_evidence


def signer(seed: int = 1) -> Signer:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    return Signer(key, EvidenceKey("callmine.ai/trust", key.public_key().public_bytes_raw()))


OURS, THEIRS = signer(1), signer(2)
LINE = OURS.envelope(PROOF, {"retention": "a" * 64})


def changed(change: Callable[[dict[str, object]], object]) -> str:
    """The envelope with another payload under the same signature."""
    envelope = json.loads(LINE)
    statement = json.loads(base64.b64decode(envelope["payload"]))
    change(statement)
    envelope["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps(envelope)


def test_what_was_signed_comes_back() -> None:
    assert read_evidence(LINE, [OURS.public]) == PROOF
    assert read_evidence(LINE, [THEIRS.public, OURS.public]) == PROOF


def test_the_statement_is_one_of_in_toto() -> None:
    statement = verifier.check_evidence(LINE, [verifier.read_key(OURS.public.text)])
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [
        {"name": "callmine", "digest": {"gitCommit": "0" * 40}},
        {"name": "image:retention", "digest": {"sha256": "a" * 64}},
    ]


@pytest.mark.parametrize(
    "line",
    [
        THEIRS.envelope(PROOF, {}),
        changed(lambda it: it["predicate"].update(promise="P2")),  # type: ignore[attr-defined]
        changed(lambda it: it["predicate"]["checks"][0].update(passed=False)),  # type: ignore[index]
        changed(lambda it: None),
        json.dumps({**json.loads(LINE), "signatures": []}),
        json.dumps({**json.loads(LINE), "payloadType": "application/json"}),
        LINE[:-10],
        "{}",
        "not even JSON",
    ],
    ids=["another key", "promise", "verdict", "spelling", "no signature", "payload type", "cut", "empty", "no JSON"],
)
def test_anything_else_counts_for_nothing(line: str, tmp_path: Path) -> None:
    assert read_evidence(line, [OURS.public]) is None
    bundle = tmp_path / "evidence.jsonl"
    bundle.write_text(f"{line}\n")
    assert verifier.main(["evidence", str(bundle), "--key", OURS.public.text]) in {1, 3}


def test_the_verifier_tells_what_was_proved(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bundle = tmp_path / "evidence.jsonl"
    bundle.write_text(f"{LINE}\n")
    assert verifier.main(["evidence", str(bundle), "--key", OURS.public.text]) == 0
    assert capsys.readouterr().out.startswith("P1: proved at 2026-12-01T11:00:00+00:00, commit 000")
    spared = replace(PROOF, mutants={"listener": False})
    bundle.write_text(f"{LINE}\n{OURS.envelope(spared, {})}\n")
    assert verifier.main(["evidence", str(bundle), "--key", OURS.public.text]) == 1
    assert "listener was not noticed" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "name", "name+00000000+AQ==", OURS.public.text[:-8], f"x{OURS.public.text}"])
def test_a_key_that_is_none_stops_the_start(text: str) -> None:
    with pytest.raises(MissingSettings, match="CALLMINE_EVIDENCE_KEYS"):
        EvidenceKey.parse(text)


async def test_the_file_is_read_anew_when_it_has_changed(tmp_path: Path) -> None:
    path = tmp_path / "evidence.jsonl"
    shelf = Shelf(path, (OURS.public,))
    assert (await shelf.read()).found == ()
    path.write_text(f"{LINE}\n{THEIRS.envelope(PROOF, {})}\n")
    assert ((await shelf.read()).found, (await shelf.read()).lines) == ((PROOF,), f"{LINE}\n")
    newer = replace(PROOF, promise="P2")
    path.write_text(f"{LINE}\n{OURS.envelope(newer, {})}\n")
    assert (await shelf.read()).found == (PROOF, newer)
    os.truncate(path, LARGEST_FILE + 1)
    assert (await shelf.read()).found == ()
    path.unlink()
    assert (await shelf.read()).found == ()
    assert (await Shelf(None, ()).read()).found == ()
