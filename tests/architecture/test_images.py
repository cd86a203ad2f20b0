"""Each service imports from what its image holds, laid out as the image has it, and from nothing else; its commands are there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import venv
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from house.image import contents, lay
from house.locks import read_pins
from house.projects import ROOT, Project, services

SCRIPT = Path(__file__).with_name("image.py")
# Part of every Python environment, and of no image's program.
PACKAGED_WITH_PYTHON = {"pip"}
# What this repository is made of, and no image holds.
NEVER = ("tests/", "deploy/local/", "deploy/house/", "libs/testkit/")

Load = Callable[[Project, str], subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def files() -> dict[str, str]:
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


@pytest.fixture
def load(files: dict[str, str], tmp_path: Path) -> Load:
    """Lays an image out and imports all of its service there, with the distributions of `lock` and no others."""

    def loaded(service: Project, lock: str) -> subprocess.CompletedProcess[str]:
        image, listing = tmp_path / "image", tmp_path / "blocked.json"
        venv.create(image, with_pip=False)
        lay(service, image)
        held = read_pins(lock).keys() | PACKAGED_WITH_PYTHON
        listing.write_text(
            json.dumps({file: f"{name} is not in the lock" for file, name in files.items() if name not in held})
        )
        # Installed distributions are found where they are: this repository's own path file is not read there.
        (installed,) = {path for path in sys.path if path.endswith("site-packages")}
        command: list[str | Path] = [image / "bin/python", "-W", "ignore", SCRIPT]
        command += [service.name, service.package, listing]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": installed, "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command,
            cwd=image / "app",
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    return loaded


def lock_of(name: str) -> str:
    return (ROOT / f"requirements-{name}.lock").read_text()


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_a_service_imports_from_its_image_alone(service: Project, load: Load) -> None:
    done = load(service, lock_of(service.name))
    assert done.returncode == 0, done.stderr[-2000:]
    assert f"Callmine's {service.name} service" in done.stdout
    # As `python -m` begins: nothing is collected while modules are imported, what nothing here uses is not, and gRPC minds no fork.
    assert 'begun: {"collects": false, "imports_what_is_unused": false, "forks": "0"}' in done.stdout


def test_a_dependency_missing_from_the_lock_is_found(load: Load) -> None:
    done = load(services()["credential-vault"], lock_of("audit"))
    assert done.returncode != 0
    assert "tink is not in the lock" in done.stderr


def test_a_library_that_is_not_listed_is_found(load: Load) -> None:
    done = load(replace(services()["audit"], libraries=("core",)), lock_of("audit"))
    assert done.returncode != 0
    assert "No module named 'runtime'" in done.stderr


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_an_image_holds_its_own_and_nothing_of_the_others(service: Project) -> None:
    held = contents(service)
    others = tuple(f"services/{name}/" for name in services() if name != service.name)
    assert [path for path in held if path.startswith((*NEVER, *others))] == []
    assert [path for path in held if "__pycache__" in path or path.endswith((".pyc", "pyproject.toml"))] == []
    assert "deploy/topology.yaml" in held
    # What is no Python is easily forgotten: statements, templates, migrations of the service and of messaging.
    kinds = {Path(path).suffix for path in held}
    assert kinds >= {".py", ".sql", ".html", ".css"}
    assert any(path.startswith(f"services/{service.name}/migrations/pre/") for path in held)
    assert any(path.startswith("libs/messaging/messaging/migrations/pre/") for path in held)


def test_libraries_that_a_service_does_not_list_stay_out() -> None:
    held = contents(replace(services()["retention"], libraries=("messaging",)))
    found = {path.split("/")[1] for path in held if path.startswith("libs/")}
    assert found == {"messaging", "database", "telemetry", "contracts", "core"}
