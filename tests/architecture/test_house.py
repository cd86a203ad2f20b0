"""Five equal flats: who knows one service knows all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from contracts.registry import SERVICES
from house.projects import Project, services

# A file that outgrew its size becomes a folder of the same name.
FILES = ("main", "settings", "cli", "http", "events", "handlers", "domain", "store")
FOLDERS = ("queries", "pages")
MARKERS = ("__init__.py", "__main__.py", "py.typed")


def missing(package: Path) -> list[str]:
    """Which of the names that every service has `package` lacks."""
    files = [
        f"{name}.py"
        for name in FILES
        if not (package / f"{name}.py").is_file() and not (package / name / "__init__.py").is_file()
    ]
    both = [
        f"{name}.py beside {name}/" for name in FILES if (package / f"{name}.py").exists() and (package / name).exists()
    ]
    folders = [f"{name}/" for name in FOLDERS if not any((package / name).glob("*"))]
    return [*files, *both, *folders, *(name for name in MARKERS if not (package / name).exists())]


def test_the_five_services() -> None:
    assert services().keys() == set(SERVICES)


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_every_service_has_the_same_files(service: Project) -> None:
    assert missing(service.folder / service.package) == []


def test_a_missing_or_doubled_file_is_found(tmp_path: Path) -> None:
    for name in FILES:
        (tmp_path / f"{name}.py").write_text("")
    for name in FOLDERS:
        (tmp_path / name).mkdir()
        (tmp_path / name / "one").write_text("")
    for name in MARKERS:
        (tmp_path / name).write_text("")
    assert missing(tmp_path) == []
    (tmp_path / "events.py").unlink()
    assert missing(tmp_path) == ["events.py"]
    (tmp_path / "events").mkdir()
    (tmp_path / "events" / "__init__.py").write_text("")
    assert missing(tmp_path) == []
    (tmp_path / "store").mkdir()
    assert missing(tmp_path) == ["store.py beside store/"]


@pytest.mark.parametrize("service", services().values(), ids=lambda service: service.name)
def test_every_package_says_what_it_is_for(service: Project) -> None:
    text = (service.folder / service.package / "__init__.py").read_text()
    assert text.startswith('"""')
