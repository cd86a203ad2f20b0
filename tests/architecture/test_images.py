"""Each service imports with the distributions of its own lock and the libraries it lists, and with nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from house.locks import read_pins
from house.projects import ROOT, Project, closure, libraries, services

SCRIPT = Path(__file__).with_name("image.py")
# Part of every Python environment, and of no image's program.
PACKAGED_WITH_PYTHON = {"pip"}


def installed_files() -> dict[str, str]:
    """Every module file of every installed distribution, with the distribution's canonical name."""
    found: dict[str, str] = {}
    for distribution in distributions():
        name, base = (
            canonicalize_name(distribution.metadata["Name"]),
            os.path.realpath(str(distribution.locate_file(""))),
        )
        # Straight from the text: the parsed form takes many seconds for forty thousand files.
        lines = (distribution.read_text("RECORD") or "").splitlines()
        paths = (line.partition(",")[0] for line in lines)
        found |= {f"{base}/{path}": name for path in paths if path.endswith((".py", ".so"))}
    return found


def own_folders(held: set[str]) -> dict[str, str]:
    """Callmine's packages that an image with the projects `held` lacks, by folder."""
    others = [project for project in (*libraries().values(), *services().values()) if project.name not in held]
    folders = [project.folder / project.package for project in others]
    folders += [path.parent for path in (ROOT / "deploy").glob("*/__init__.py")]
    return {str(folder): "no part of this image" for folder in folders}


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
    return installed_files()


def blocked_for(service: Project, lock: str, files: dict[str, str]) -> dict[str, str]:
    """What the image of `service` lacks."""
    held = read_pins(lock).keys()
    foreign = {
        file: f"{name} is not in the lock" for file, name in files.items() if name not in held | PACKAGED_WITH_PYTHON
    }
    return {**foreign, **own_folders({service.name, *closure(service, libraries())})}


def load(service: Project, blocked: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    listing = folder / "blocked.json"
    listing.write_text(json.dumps(blocked))
    command = [sys.executable, "-W", "ignore", str(SCRIPT), service.name, service.package, str(listing)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_a_service_imports_with_its_own_lock_alone(service: Project, files: dict[str, str], tmp_path: Path) -> None:
    lock = (ROOT / f"requirements-{service.name}.lock").read_text()
    done = load(service, blocked_for(service, lock, files), tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_dependency_missing_from_the_lock_is_found(files: dict[str, str], tmp_path: Path) -> None:
    vault = services()["credential-vault"]
    lock = (ROOT / "requirements-audit.lock").read_text()
    done = load(vault, blocked_for(vault, lock, files), tmp_path)
    assert done.returncode != 0
    assert "tink is not in the lock" in done.stderr


def test_a_library_that_is_not_listed_is_found(files: dict[str, str], tmp_path: Path) -> None:
    audit = services()["audit"]
    blocked = {
        **blocked_for(audit, (ROOT / "requirements-audit.lock").read_text(), files),
        **own_folders({"audit", "core"}),
    }
    done = load(audit, blocked, tmp_path)
    assert done.returncode != 0
    assert "no part of this image" in done.stderr
