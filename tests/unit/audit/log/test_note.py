"""Signed notes and checkpoints: round trips, the specification's example, and what is refused."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.log.note import COSIGNATURE, Checkpoint, Keyring, Signer, Verifier, opened
from core.errors import InvalidInput, MissingSettings

SIGNER = Signer("callmine.ai/audit", bytes(range(32)))
OTHER = Signer("callmine.ai/audit", bytes(32))
BODY = Checkpoint("callmine.ai/audit/global", 12, bytes(32)).body

# From the documentation of golang.org/x/mod/sumdb/note.
GO_PRIVATE = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
GO_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
GO_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_example_of_gos_own_documentation() -> None:
    signer = Signer.parse(GO_PRIVATE)
    assert signer.verifier.text == GO_PUBLIC
    assert signer.line(GO_TEXT) == GO_LINE
    assert opened(f"{GO_TEXT}\n{GO_LINE}", [Verifier.parse(GO_PUBLIC)]) == GO_TEXT


def test_keys_are_written_and_read() -> None:
    assert Signer.parse(Signer.text("callmine.ai/audit", bytes(range(32)))).verifier == SIGNER.verifier
    assert Verifier.parse(SIGNER.verifier.text) == SIGNER.verifier


@given(st.text("abc./-", min_size=1), st.integers(0, 2**63), st.binary(min_size=32, max_size=32))
def test_checkpoints_are_written_signed_and_read(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    note = Keyring([SIGNER]).sign(checkpoint.body)
    assert Checkpoint.parse(opened(note, [SIGNER.verifier])) == checkpoint


def test_while_keys_change_both_verify() -> None:
    note = Keyring([SIGNER, OTHER]).sign(BODY)
    for key in (SIGNER, OTHER):
        assert opened(note, [key.verifier]) == BODY


def test_a_witness_signature_with_its_time_is_taken() -> None:
    witness = Verifier("witness.example/one", SIGNER.verifier.key, COSIGNATURE)
    signature = SIGNER._key.sign(b"cosignature/v1\ntime 1700000000\n" + BODY.encode())
    raw = witness.id + (1_700_000_000).to_bytes(8) + signature
    note = f"{Keyring([SIGNER]).sign(BODY)}— {witness.name} {base64.b64encode(raw).decode()}\n"
    assert opened(note, [witness]) == BODY
    assert opened(note, [SIGNER.verifier]) == BODY


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        pytest.param(lambda note: note.replace("\n12\n", "\n13\n"), "signature is wrong", id="size"),
        pytest.param(lambda note: note.replace("/global", "/globax"), "signature is wrong", id="origin"),
        pytest.param(lambda note: note.rsplit("\n", 2)[0] + "\n", "no signature lines", id="unsigned"),
        pytest.param(lambda note: note[:-1], "no signature lines", id="cut"),
        pytest.param(lambda note: note.replace("— ", "- "), "cannot be read", id="dash"),
        pytest.param(lambda note: note.replace("callmine.ai/audit ", "other "), "none of the keys", id="name"),
        pytest.param(lambda _: Keyring([OTHER]).sign(BODY), "none of the keys", id="another key"),
    ],
)
def test_a_note_that_was_changed_is_refused(change: object, problem: str) -> None:
    assert callable(change)
    with pytest.raises(InvalidInput, match=problem):
        opened(change(Keyring([SIGNER]).sign(BODY)), [SIGNER.verifier])


@pytest.mark.parametrize(
    "body", ["", "o\n", "o\n1\n", "\n1\nAAAA\n", "o\n-1\nAAAA\n", "o\n01\nAAAA\n", "o\n1\nAAAA\n", "o\n1\n!\n"]
)
def test_what_is_no_checkpoint_is_refused(body: str) -> None:
    with pytest.raises(InvalidInput, match="holds no checkpoint"):
        Checkpoint.parse(body)


@pytest.mark.parametrize(
    "text", ["", "x", "PRIVATE+KEY+n+00000000+AQ==", GO_PRIVATE.replace("c74f20a3", "c74f20a4"), f"x{GO_PRIVATE}"]
)
def test_what_is_no_signing_key_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(MissingSettings) as told:
        Keyring.parse(text)
    assert len(text) < 2 or text not in str(told.value)


@pytest.mark.parametrize("text", ["", "n+00000000+AQ==", GO_PUBLIC.replace("c74f20a3", "c74f20a4"), GO_PUBLIC[:-4]])
def test_what_is_no_public_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="none of a signed note's"):
        Verifier.parse(text)
