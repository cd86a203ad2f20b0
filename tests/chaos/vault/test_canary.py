"""The search for canaries sees: what is planted is found, in every form and kind of place, and told apart from what is allowed."""

from __future__ import annotations

import base64
import gzip
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast
from urllib.parse import quote_plus

import httpx
import pytest

from chaos.vault.canary import Watch, decoy, places
from chaos.vault.canary.canaries import WINDOW, Canary, needles
from chaos.vault.canary.decoy import Decoy
from chaos.vault.canary.findings import Hit, Kind, Place, Sweep
from chaos.vault.canary.memory import PIECE, Memory, mappings
from chaos.vault.canary.search import Search, Trace
from chaos.vault.canary.stage import Stage
from local.stack import Stack

TEXT = secrets.token_urlsafe(40)
SECRET = Canary("a secret", TEXT, "ingest")

# What programs make of a text, by ways of their own.
WRITTEN: dict[str, Callable[[str], bytes]] = {
    "as it is": str.encode,
    "backwards": lambda text: text[::-1].encode(),
    "UTF-16 with its mark": lambda text: text.encode("utf-16"),
    "big-endian UTF-16": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "big-endian UTF-32": lambda text: text.encode("utf-32-be"),
    "bytea": lambda text: rb"\x" + text.encode().hex().encode(),
    "upper-case hex": lambda text: text.encode().hex().upper().encode(),
    "a form": lambda text: quote_plus(f"client secret={text}").encode(),
    "every byte of a URL": lambda text: "".join(f"%{ord(c):02X}" for c in text).encode(),
    "JSON": lambda text: json.dumps({"secret": text}).encode(),
    "JSON, escaped through and through": lambda text: "".join(f"\\u{ord(c):04X}".lower() for c in text).encode(),
    "basic authentication": lambda text: httpx.BasicAuth("a key", text)._auth_header.encode(),
    "base64 after one byte": lambda text: base64.b64encode(b"k" + text.encode()),
    "URL-safe base64 after two bytes": lambda text: base64.urlsafe_b64encode(b"ky" + text.encode()),
    "lines of base64": lambda text: base64.encodebytes(f"{text}".encode()),
}


@pytest.fixture
def search() -> Search:
    """A search for the one secret."""
    return Search([SECRET])


@pytest.mark.parametrize("way", WRITTEN)
def test_every_form_is_found_wherever_it_stands(search: Search, way: str) -> None:
    for offset in range(17):
        around = os.urandom(5_000)
        assert search.traces(around[:offset] + WRITTEN[way](TEXT) + around[offset:]), (way, offset)
    assert not search.traces(os.urandom(100_000))


def test_the_shortest_canary_is_found_wherever_it_stands() -> None:
    short = Canary("a short one", secrets.token_hex(WINDOW // 2))
    search = Search([short])
    assert all(search.traces(bytes(offset) + short.text.encode() + bytes(50)) for offset in range(17))


def test_what_is_left_of_it_is_found(search: Search) -> None:
    assert search.traces(b"\0" * 100 + TEXT[16:].encode())
    assert search.traces(TEXT[:23].encode())
    assert search.traces(TEXT[10:33].encode())
    assert not search.traces(TEXT[: WINDOW - 1].encode())


def test_a_page_in_which_nothing_was_is_searched_again_when_it_has_changed(search: Search) -> None:
    page = bytearray(8192)
    assert not search.traces(bytes(page))
    page[4090 : 4090 + len(TEXT)] = TEXT.encode()  # across the border of two pages
    assert search.traces(bytes(page))


def test_what_is_looked_for_later_is_looked_for_everywhere() -> None:
    search = Search([])
    page = bytes(100) + TEXT.encode()
    assert not search.traces(page)
    search.look_for([SECRET])
    assert search.traces(page)


def test_every_piece_of_a_canary_is_looked_for_in_every_form() -> None:
    found = needles(SECRET)
    assert {needle.form for needle in found if TEXT[-WINDOW:] in needle.content.decode(errors="replace")} == {"plain"}
    assert len({needle.form for needle in found}) >= 11
    assert TEXT not in repr(found)


def test_a_canary_that_chance_could_make_is_refused() -> None:
    with pytest.raises(ValueError, match="chance"):
        Canary("a short one", "x" * (WINDOW - 1))


def test_files_are_searched_whole_and_unpacked(search: Search, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    across = PIECE - 20  # the end of one piece and the beginning of the next
    (tmp_path / "folder" / "long").write_bytes(bytes(across) + TEXT.encode() + bytes(100))
    (tmp_path / "packed").write_bytes(gzip.compress(TEXT.encode() * 10))
    (tmp_path / "ours").write_text(TEXT)
    sweep = Sweep(search)
    for path in places.files(tmp_path, [tmp_path / "ours"]):
        sweep.look(Place(Kind.OBJECTS, path.name), places.contents(path))
    assert {hit.place.name for hit in sweep.hits} == {"long", "packed"}
    assert list(places.contents(tmp_path / "gone")) == []


# Each keeps the secret in another way; the argument is its hex, so that the memory holds nothing else of it in the form asked for.
KEEPERS = {
    "UTF-32": 'kept = text + "\\U0001f40d"',
    "base64": 'import base64; kept = base64.b64encode(b"somebody:" + text.encode())',
    "reversed": "kept = bytearray(text[::-1].encode())",
}


@pytest.fixture
def child(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A process that keeps the secret as it is told to, has it in a nameless file, and was given it in its environment."""
    code = (
        "import sys, tempfile\n"
        "text = bytes.fromhex(sys.argv[1]).decode()\n"
        f"{request.param}\n"
        "nameless = tempfile.TemporaryFile()\nnameless.write(text.encode())\nnameless.flush()\n"
        "print('ready', flush=True)\nsys.stdin.read()"
    )
    command = [sys.executable, "-c", code, TEXT.encode().hex()]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"GIVEN": TEXT}
    ) as running:
        assert running.stdout is not None
        assert running.stdout.readline() == "ready\n"
        yield running
        running.communicate()


@pytest.mark.parametrize(("child", "form"), [(code, form) for form, code in KEEPERS.items()], indirect=["child"])
def test_memory_is_searched(search: Search, child: subprocess.Popen[str], form: str) -> None:
    sweep = Sweep(search)
    sweep.memories({child.pid: "child"})
    assert form in {hit.trace.form for hit in sweep.hits}
    assert sweep.processes == {child.pid}
    assert sweep.unread == {}


# Read straight into shared memory: no copy of it is anywhere else but in the environment itself.
SHARED = """
import mmap, os
with open("/proc/self/environ", "rb", buffering=0) as file:
    shared = mmap.mmap(-1, 8192)
    file.readinto(shared)
"""


@pytest.mark.parametrize("child", [SHARED], indirect=True)
def test_memory_that_processes_share_is_searched_once(search: Search, child: subprocess.Popen[str]) -> None:
    shared = {mapping.shared for mapping in mappings(child.pid) if mapping.shared}
    assert shared
    memory = Memory(child.pid, set())
    content = b"".join(memory.pieces())
    assert content.count(b"GIVEN=" + TEXT.encode()) >= 2  # the environment itself, and its copy
    assert memory.seen == shared
    again = b"".join(Memory(child.pid, memory.seen).pieces())
    assert again.count(b"GIVEN=" + TEXT.encode()) == content.count(b"GIVEN=" + TEXT.encode()) - 1


@pytest.mark.parametrize("child", ["pass"], indirect=True)
def test_open_files_command_lines_and_environments_are_searched(search: Search, child: subprocess.Popen[str]) -> None:
    assert [path for path in places.open_files(child.pid) for piece in places.contents(path) if search.traces(piece)]
    forms = {
        what: {trace.form for piece in places.told(child.pid, what) for trace in search.traces(piece)}
        for what in ("cmdline", "environ")
    }
    assert forms == {"cmdline": {"hex"}, "environ": {"plain"}}


@pytest.mark.parametrize("child", ["pass"], indirect=True)
def test_what_may_not_be_read_is_told(
    search: Search, child: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError

    monkeypatch.setattr("chaos.vault.canary.memory.os.open", refused)
    sweep = Sweep(search)
    sweep.memories({child.pid: "child"})
    assert list(sweep.unread) == ["memory: child"]
    assert sweep.places == set()


def test_a_search_that_finds_no_decoy_is_not_believed(search: Search) -> None:
    problems = decoy.missed(Sweep(search))
    assert len(problems) == len(decoy.PLANTED) + 1
    assert all(problem.startswith("the search does not see") for problem in problems)


def _verdict(place: Place, canary: str = SECRET.name) -> tuple[object, int]:
    """Hits and problems, when this was found there."""
    nobody = cast(Stack, None)
    watch = Watch(Stage(nobody, Path()), Decoy(nobody, Canary(decoy.NAME, secrets.token_urlsafe(30))))
    watch.guard([SECRET, Canary("a refresh token", secrets.token_urlsafe(30))])
    watch.sweeps.append(Sweep(watch.search, hits={Hit(place, Trace(canary, "plain"))}))
    part = watch.verdict()
    assert TEXT not in str(part)
    return part.figures["canary_hits"], len(part.problems)


def test_only_the_requester_may_hold_what_it_was_granted() -> None:
    assert _verdict(Place(Kind.MEMORY, "ingest", "ingest")) == (0, 0)
    assert _verdict(Place(Kind.MEMORY, "analysis", "analysis")) == (1, 1)
    assert _verdict(Place(Kind.LOGS, "ingest.log")) == (1, 1)
    assert _verdict(Place(Kind.MEMORY, "ingest", "ingest"), "a refresh token") == (1, 1)


def test_the_front_door_counts_and_the_decoy_does_not() -> None:
    assert _verdict(Place(Kind.MEMORY, "front-door", "front-door")) == (1, 1)
    assert _verdict(Place(Kind.MEMORY, "front-door", "front-door"), "a refresh token") == (1, 1)
    assert _verdict(Place(Kind.LOGS, "front-door.log")) == (1, 1)
    assert _verdict(Place(Kind.LOGS, "decoy.log"), decoy.NAME) == (0, 0)
