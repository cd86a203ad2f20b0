"""A change touches the images that it is a part of, and no others."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from house.image import ImageRefused, changed, fingerprints
from house.projects import ROOT, services

ALL = set(services())


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everything that images are made of, under git; and a library that one service alone lists, for today's are in all images."""
    root = tmp_path_factory.mktemp("tree")
    ignored = shutil.ignore_patterns("__pycache__", "local")
    for folder in ("libs", "services", "deploy"):
        shutil.copytree(ROOT / folder, root / folder, ignore=ignored)
    for lock in ROOT.glob("requirements-*.lock"):
        shutil.copy(lock, root / lock.name)
    (root / "libs/extra/extra").mkdir(parents=True)
    (root / "libs/extra/pyproject.toml").write_text('[project]\nname = "callmine-extra"\n')
    (root / "libs/extra/extra/__init__.py").write_text("")
    listing = root / "services/audit/pyproject.toml"
    listing.write_text(listing.read_text().replace("libraries = [", 'libraries = ["extra", ', 1))
    git(root, "init", "--quiet")
    git(root, "add", "--all")
    git(root, "commit", "--quiet", "--message=before")
    return root


@pytest.fixture
def root(original: Path) -> Path:
    """The tree as it was committed."""
    git(original, "checkout", "--quiet", "--force", "HEAD")
    git(original, "clean", "--quiet", "--force", "-d")
    return original


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@callmine.example", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def appended(path: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / path).write_text((root / path).read_text() + "\n# changed\n")

    return change


@pytest.mark.parametrize(
    ("change", "touched"),
    [
        (appended("services/audit/audit/domain/__init__.py"), {"audit"}),
        (appended("services/ingest/migrations/pre/0060_listings.sql"), {"ingest"}),
        (appended("requirements-analysis.lock"), {"analysis"}),
        (appended("libs/extra/extra/__init__.py"), {"audit"}),
        (appended("libs/core/core/clock.py"), ALL),
        (appended("deploy/Dockerfile"), ALL),
        (appended("deploy/topology.yaml"), ALL),
        (appended("libs/testkit/testkit/clock.py"), set()),
        (appended("services/audit/pyproject.toml"), set()),
        (appended("requirements-dev.lock"), set()),
        (lambda root: (root / "services/retention/retention/new.txt").write_text("new"), {"retention"}),
        (lambda root: (root / "services/retention/retention/plans.yaml").unlink(), {"retention"}),
    ],
    ids=[
        "code",
        "migration",
        "lock",
        "library of some",
        "library of all",
        "recipe",
        "topology",
        "test kit",
        "project",
        "tools",
        "new file",
        "file gone",
    ],
)
def test_a_change_touches_what_holds_it(root: Path, change: Callable[[Path], None], touched: set[str]) -> None:
    change(root)
    assert set(changed("HEAD", root)) == touched


def test_the_same_tree_has_the_same_fingerprints(root: Path) -> None:
    today = fingerprints(ROOT)
    assert {name for name, print_there in fingerprints(root).items() if print_there != today[name]} == {"audit"}
    assert len(set(today.values())) == len(ALL)
    assert changed("HEAD", root) == []


def test_a_commit_that_git_does_not_know_is_refused(root: Path) -> None:
    with pytest.raises(ImageRefused, match="no commit 'nowhere'"):
        changed("nowhere", root)
