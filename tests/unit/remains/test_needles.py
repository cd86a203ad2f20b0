"""What is looked for is found in whatever form it is stored, and nothing else is; the program stands alone."""

from __future__ import annotations

import ast
import base64
import gzip
import json
import random
import zlib
from pathlib import Path

import pytest

from house.projects import ROOT
from remains.__main__ import BLIND, CLEAN, LEFT, main
from remains.content import NotSearched, layers
from remains.needles import BadNeedles, Needles, Search

NEEDLE = 'Zoë said "canary-4711"'

STORED = {
    "as it is": NEEDLE.encode(),
    "utf-16": NEEDLE.encode("utf-16"),
    "json": json.dumps({"said": NEEDLE}).encode(),
    "json with letters": json.dumps({"said": NEEDLE}, ensure_ascii=False).encode(),
    "hex": NEEDLE.encode().hex().encode(),
    "HEX": NEEDLE.encode().hex().upper().encode(),
    **{f"base64 after {n}": base64.b64encode(bytes(n) + NEEDLE.encode() + b"more") for n in range(6)},
    **{f"for addresses after {n}": base64.urlsafe_b64encode(b"?" * n + NEEDLE.encode()) for n in range(3)},
    "gzip": gzip.compress(b"before " + NEEDLE.encode()),
    "zlib in gzip": gzip.compress(zlib.compress(NEEDLE.encode())),
}


@pytest.mark.parametrize("form", STORED)
def test_it_is_found_however_it_is_stored(form: str, tmp_path: Path) -> None:
    search = Search({"one": NEEDLE, "other": "canary-5711"})
    around = random.Random(form).randbytes(999)
    content = STORED[form] if "zip" in form else around + STORED[form] + around
    found = [search.found(layer) for layer in layers(content)]
    if form == "json with letters":
        # JSON's own marks are in it, which the text itself has not.
        search = Search({"one": "canary-4711"})
        found = [search.found(content)]
    assert sum(one["one"] for one in found) >= 1
    assert sum(one["other"] for one in found) == 0


def test_what_cannot_be_looked_into_is_said() -> None:
    with pytest.raises(NotSearched):
        list(layers(b"\x28\xb5\x2f\xfd and more"))


def test_the_command_finds_what_is_left_and_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("remains.folders._PIECE", 64)
    needles, folder = tmp_path / "needles.json", tmp_path / "store"
    folder.mkdir()
    needles.write_text(
        json.dumps({"gone": {"a": "gone-canary-1", "b": "gone-canary-2"}, "kept": {"c": "kept-canary-1"}})
    )
    given = ["--needles", str(needles), "--folder", str(folder)]
    assert main(given) == LEFT
    assert "MISSING  c" in capsys.readouterr().out
    (folder / "log").write_bytes(bytes(58) + b"kept-canary-1" + bytes(99))
    assert main(given) == CLEAN
    assert capsys.readouterr().out == "0 of 2 are left; 1 of 1 of the others are there\n"
    for name, content in (("x", gzip.compress(b"gone-canary-2")), ("gone-canary-1", b"")):
        (folder / name).write_bytes(content)
        assert main(given) == LEFT
        (folder / name).unlink()
    assert main([*given, "--folder", str(tmp_path / "nowhere")]) == BLIND
    for wrong in ("{}", "x", '{"gone": {}, "kept": {}}', '{"gone": {"a": "short"}, "kept": {}}'):
        with pytest.raises(BadNeedles):
            Needles.parse(wrong)


def test_it_shares_no_code_with_what_erases() -> None:
    """Only the standard library, the database's driver and itself."""
    allowed = {"asyncpg", "remains"}
    for path in sorted((ROOT / "deploy/remains").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or "."] if isinstance(node, ast.ImportFrom) else []
            foreign = {name.split(".")[0] for name in names} - allowed - _standard()
            assert not foreign, (path.name, foreign)
            assert not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "__import__"), path.name


def _standard() -> set[str]:
    import sys

    return set(sys.stdlib_module_names) - {"importlib", "runpy", "subprocess"}
