"""Migrations come in pairs, wait for no lock for long, and have ids of their own."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from contracts.registry import SERVICES
from house.projects import ROOT

MESSAGING = ROOT / "libs/messaging/messaging/migrations"


def folder_of(service: str) -> Path:
    return ROOT / "services" / service / "migrations"


def problems(folder: Path) -> list[str]:
    """What is wrong with the migrations in `folder`, which holds pre/, post/ and perhaps each/."""
    found: list[str] = []
    for path in sorted(folder.glob("*/*")):
        place = f"{path.parent.name}/{path.name}"
        named = r"[a-z0-9_]+\.sql" if path.parent.name == "each" else r"\d{4}_[a-z0-9_]+\.sql"
        if path.parent.name not in {"pre", "post", "each"} or not re.fullmatch(named, path.name):
            found.append(f"{place}: expected pre/NNNN_name.sql or post/NNNN_name.sql")
            continue
        first = next((line for line in path.read_text().splitlines() if line.strip() and not line.startswith("--")), "")
        if not re.fullmatch(r"SET lock_timeout = '\d+s';", first):
            found.append(f"{place}: its first statement is not SET lock_timeout")
    pairs = [{path.stem.partition("_")[2] for path in folder.glob(f"{phase}/*.sql")} for phase in ("pre", "post")]
    return [*found, *(f"{name}: has only one half of its pair" for name in sorted(pairs[0] ^ pairs[1]))]


@pytest.mark.parametrize("service", SERVICES)
def test_the_migrations_of_a_service(service: str) -> None:
    assert problems(folder_of(service)) == []


def test_the_migrations_of_messaging() -> None:
    assert problems(MESSAGING) == []


@pytest.mark.parametrize("service", SERVICES)
def test_ids_are_unique_and_dependencies_exist(service: str) -> None:
    files = [*MESSAGING.glob("*/*.sql"), *folder_of(service).glob("*/*.sql")]
    ids = Counter(path.stem for path in files)
    assert [name for name, count in ids.items() if count > 1] == []
    for path in files:
        for name in re.findall(r"^-- depends: (.+)$", path.read_text(), re.MULTILINE):
            assert set(name.split()) <= ids.keys(), f"{path}: depends on {name}, which is not there"


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_migrates_after_messaging(service: str) -> None:
    """Something must depend on each earlier step, or yoyo may choose another order."""
    for path in folder_of(service).glob("p*/*.sql"):
        assert re.search(r"^-- depends: \S", path.read_text(), re.MULTILINE), f"{path} names no migration it depends on"


def test_what_is_wrong_is_found(tmp_path: Path) -> None:
    for phase in ("pre", "post"):
        (tmp_path / phase).mkdir()
        (tmp_path / phase / f"000{len(phase) - 2}_notes.sql").write_text(
            "-- depends: x\nSET lock_timeout = '3s';\nSELECT 1;\n"
        )
    assert problems(tmp_path) == []
    (tmp_path / "pre" / "0003_tags.sql").write_text("CREATE TABLE tags ();\nSET lock_timeout = '3s';\n")
    (tmp_path / "pre" / "later.sql").write_text("")
    assert problems(tmp_path) == [
        "pre/0003_tags.sql: its first statement is not SET lock_timeout",
        "pre/later.sql: expected pre/NNNN_name.sql or post/NNNN_name.sql",
        ": has only one half of its pair",
        "tags: has only one half of its pair",
    ]
