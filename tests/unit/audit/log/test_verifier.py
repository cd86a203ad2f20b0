"""The one-file verifier beside the libraries that the service uses, and its command."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.log.leaf import Erasure, Part, commitment, erasure_leaf, runs
from audit.log.tree import Range, included, inclusion, leaf_hash
from audit.verify import callmine_verify as verifier
from chaos.audit.books import KEYRING, Book

VKEY = KEYRING.verifiers[0].text


@settings(max_examples=30, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 511))
def test_ed25519_agrees_with_cryptography(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verifier.ed25519_verifies(public, message, signature)
    changed = bytearray(signature)
    changed[bit // 8] ^= 1 << bit % 8
    assert not verifier.ed25519_verifies(public, message, bytes(changed))
    assert not verifier.ed25519_verifies(public, message + b"x", signature)


def test_ed25519_takes_the_vectors_of_rfc_8032() -> None:
    """Section 7.1, tests 1 to 3."""
    vectors = [
        ("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"),
        ("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"),
        ("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"),
    ]  # fmt: skip
    for public, message, signature in vectors:
        assert verifier.ed25519_verifies(bytes.fromhex(public), bytes.fromhex(message), bytes.fromhex(signature))


def test_ed25519_refuses_a_scalar_that_is_not_reduced() -> None:
    """RFC 8032, 5.1.7: otherwise each signature would have a second form."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature = key.sign(b"m")
    scalar = int.from_bytes(signature[32:], "little") + verifier._L
    malleable = signature[:32] + scalar.to_bytes(32, "little")
    assert not verifier.ed25519_verifies(key.public_key().public_bytes_raw(), b"m", malleable)


@given(st.integers(1, 300), st.data())
def test_trees_and_paths_agree_with_the_services_own(size: int, data: st.DataObject) -> None:
    leaves = [leaf_hash(b"%d" % number) for number in range(size)]
    tree = verifier.Tree()
    for leaf in leaves:
        tree.append(leaf)
    assert tree.root == Range().extended(leaves)[0].root
    index = data.draw(st.integers(0, size - 1))
    path = [
        Range().extended([leaves[place] for node in nodes for place in _under(node)])[0].root
        for nodes in inclusion(index, size)
    ]
    assert included(leaves[index], index, size, path, tree.root)
    assert verifier.included(leaves[index], index, size, path, tree.root)


def _under(node: tuple[int, int]) -> range:
    height, number = node
    return range(number << height, number + 1 << height)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 40))
def test_every_honest_book_verifies(seed: int, entries: int) -> None:
    book = Book(seed)
    book.write(entries)
    pin = book.checkpoint()
    book.write(3)
    report = verifier.check(
        book.lines(), [verifier.read_key(VKEY)], [verifier.read_checkpoint(pin, [verifier.read_key(VKEY)])]
    )
    assert report.findings == []
    assert report.checkpoint is not None
    assert report.checkpoint.size == entries + 3


def test_what_was_erased_is_named_with_its_request() -> None:
    book = Book(1)
    book.write(12)
    book.erase_person("user_1", "ticket 7")
    book.erase_all("ticket 8")
    report = verifier.check(book.lines(), [verifier.read_key(VKEY)])
    assert report.findings == []
    assert [text.split(",")[0] for text in report.erased] == ["request ticket 7: person", "request ticket 8: workspace"]


def test_nobody_can_hide_an_entry_and_call_it_erased() -> None:
    book = Book(2)
    book.write(12)
    book.erase_person("user_1", "ticket 7")
    lines = book.lines()
    for index in range(12):
        line = json.loads(lines[index + 1])
        for lie in (
            {"i": index, "leaf": line["leaf"], "erased": "ticket 7"},
            {"i": index, "leaf": line["leaf"], "erased": "ticket 9"},
            {"i": index, "leaf": line["leaf"]},
        ):
            changed = [*lines[: index + 1], json.dumps(lie), *lines[index + 2 :]]
            assert verifier.check(changed, [verifier.read_key(VKEY)]).findings, lie


def test_a_commitment_tells_nothing_without_its_salt() -> None:
    """Two entries alike but for their ids, under one key: nothing in common to compare."""
    book = Book(3)
    one, two = book.entry(), book.entry()
    assert commitment(bytes(32), one, Part.ACTOR) != commitment(bytes(32), two, Part.ACTOR)
    assert commitment(bytes(32), one, Part.ACTOR) != commitment(b"\x01" * 32, one, Part.ACTOR)


def test_runs_and_erasures() -> None:
    assert runs([]) == ()
    assert runs([1, 2, 3, 7, 9, 10]) == ((1, 3), (7, 7), (9, 10))
    book = Book(4)
    erasure = Erasure(book.entry().id, "r", "person", ((1, 3), (7, 7)), book.now)
    assert [index for index in range(10) if erasure.covers(index)] == [1, 2, 3, 7]
    assert erasure_leaf("org_a", erasure) != erasure_leaf("org_b", erasure)


def test_it_needs_nothing_but_the_standard_library() -> None:
    tree = ast.parse(Path(verifier.__file__).read_text())
    names = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)} | {
        alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    assert {str(name).split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command alone: no path to this project, no site packages."""
    command = [sys.executable, "-I", "-S", verifier.__file__, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_command_and_its_exit_codes(tmp_path: Path) -> None:
    book = Book(5)
    book.write(20)
    (tmp_path / "one.jsonl").write_text("".join(book.lines()))
    done = run(tmp_path, "one.jsonl", "--key", VKEY, "--pin", "pin")
    assert (done.returncode, done.stderr) == (0, "")
    assert "verified: 20 entries of callmine.ai/audit/workspaces/org_book, nothing missing" in done.stdout
    book.write(5)
    (tmp_path / "two.jsonl").write_text("".join(book.lines()))
    done = run(tmp_path, "two.jsonl", "--key", VKEY, "--pinned", "pin")
    assert done.returncode == 0
    assert "begins with the 20 entries that you pinned, unchanged" in done.stdout
    changed = (tmp_path / "two.jsonl").read_text().replace('"web"', '"api"', 1)
    (tmp_path / "three.jsonl").write_text(changed)
    done = run(tmp_path, "three.jsonl", "--key", VKEY, "--pinned", "pin", "--pin", "pin2")
    assert done.returncode == 1
    assert "DOES NOT VERIFY" in done.stdout
    assert "is not the one that was sealed there" in done.stdout
    assert not (tmp_path / "pin2").exists()
    assert run(tmp_path, "none.jsonl", "--key", VKEY).returncode == 3
    (tmp_path / "four.jsonl").write_text("{}\n")
    assert run(tmp_path, "four.jsonl", "--key", VKEY).returncode == 3
    assert run(tmp_path, "one.jsonl").returncode == 2


@pytest.mark.parametrize("line", ["", "x", "[]", "{}", '{"callmine_audit_export": 3, "workspace": "w"}'])
def test_what_is_no_export_is_told_apart_from_a_changed_one(line: str) -> None:
    with pytest.raises(verifier.Unreadable, match="no export"):
        verifier.check([line], [verifier.read_key(VKEY)])
