"""What a project imports it declares, what it declares it uses, and each lock holds that and nothing else."""

from __future__ import annotations

import ast
import sys
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house.imports import imports_of
from house.locks import Pin, Wanted, check, problems_of, read_pins, wanted_locks
from house.projects import ROOT, Project, libraries, services

PROJECTS = [*libraries().values(), *services().values()]
OWN = {project.package: project.name for project in PROJECTS}

# Declared without being imported, each for its reason.
USED_OTHERWISE = {
    "psycopg": "yoyo connects with it",
    "python-multipart": "FastAPI reads forms with it",
    "django-htmx": "its htmx file is served",
    "httptools": "uvicorn parses HTTP with it",
    "tzdata": "zoneinfo reads the timezones from it where the system has none",
    "pytest-asyncio": "runs the fixtures",
    "fontpkg-noto-sans": "analysis.exporting.fonts finds its files by the package's name",
    "fontpkg-noto-sans-arabic": "analysis.exporting.fonts finds its files by the package's name",
    "fontpkg-noto-sans-thai": "analysis.exporting.fonts finds its files by the package's name",
    "fontpkg-heebo": "analysis.exporting.fonts finds its files by the package's name",
    "noto-cjk-sans-jp-regular": "analysis.exporting.fonts finds its file by the package's name",
}

# Parts of the namespaces `google`, `gcloud` and `opentelemetry` belong to different distributions.
GOOGLE = {
    "google.protobuf": "protobuf",
    "google.api_core": "google-api-core",
    "google.auth": "google-auth",
    "google.oauth2": "google-auth",
    "google.pubsub_v1": "google-cloud-pubsub",
    "google.cloud.storage": "google-cloud-storage",
    "google.cloud.kms_v1": "google-cloud-kms",
    "google.cloud.secretmanager_v1": "google-cloud-secret-manager",
    "gcloud.aio.storage": "gcloud-aio-storage",
    "google.cloud.sql": "cloud-sql-python-connector",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry.exporter.otlp.proto.common": "opentelemetry-exporter-otlp-proto-common",
    "opentelemetry": "opentelemetry-api",
}

# Comes with a package that is declared, and is a part of it by its own documentation.
PART_OF = {"pydantic_core": "pydantic"}

BUILT_ON = {
    "anthropic",
    "asyncpg",
    "cloud-sql-python-connector",
    "fastapi",
    "google-cloud-pubsub",
    "google-cloud-secret-manager",
    "google-cloud-storage",
    "httpx",
    "openai",
    "pydantic",
    "pytest",
    "stripe",
    "testcontainers",
    "tink",
}

# The vault's keyset, the models' providers and the assistants' protocol: in no other image.
ONLY_IN = {
    "tink": {"credential-vault"},
    "openai": {"analysis"},
    "anthropic": {"analysis"},
    "mcp": {"analysis"},
    "stripe": {"ingest", "retention"},
}

# In two parts, so that a search for the option in this repository finds none.
INDEX = "--index" + "-url"


@cache
def top_level() -> Mapping[str, list[str]]:
    """Which distributions bring each top-level package."""
    return packages_distributions()


def declared(project: Project) -> set[str]:
    """Canonical names of the distributions that `project` declares, extras included."""
    every = [*project.dependencies, *(item for items in project.extras.values() for item in items)]
    return {canonicalize_name(Requirement(text).name) for text in every}


@cache
def imported(project: Project) -> frozenset[str]:
    """Every module outside the standard library that `project` imports, dotted."""
    names: set[str] = set()
    for path in project.sources:
        relative = path.relative_to(project.folder).with_suffix("")
        module = ".".join(relative.parts).removesuffix(".__init__")
        names |= {one.imported for one in imports_of(module, path.read_text(), package=path.name == "__init__.py")}
    return frozenset(name for name in names if name.split(".")[0] not in sys.stdlib_module_names)


def foreign(project: Project) -> dict[str, str]:
    """What `project` imports of other people, with the distribution that brings it."""
    # Customers lay the two verifiers side by side, where the one finds the other.
    own = {*OWN, "callmine", "local", "callmine_verify"}
    return {
        name: distribution_of(name)
        for name in imported(project)
        if name.split(".")[0] not in own and name != "google.cloud"
    }


def distribution_of(module: str) -> str:
    """The distribution that brings `module`."""
    for start, name in GOOGLE.items():
        if f"{module}.".startswith(f"{start}."):
            return name
    root = module.split(".", maxsplit=1)[0]
    if root in PART_OF:
        return PART_OF[root]
    owners = top_level().get(root)
    assert owners, f"{module} is imported but not installed"
    return canonicalize_name(owners[0])


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_what_is_imported_is_declared(project: Project) -> None:
    undeclared = {f"{name} ({owner})" for name, owner in foreign(project).items() if owner not in declared(project)}
    assert undeclared == set()


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_what_is_declared_is_used(project: Project) -> None:
    assert declared(project) - set(foreign(project).values()) - USED_OTHERWISE.keys() == set()


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
def test_the_libraries_listed_are_the_libraries_imported(project: Project) -> None:
    roots = {name.split(".")[0] for name in imported(project)}
    used = {OWN[root] for root in roots & OWN.keys()} | ({"contracts"} if "callmine" in roots else set())
    listed = {Requirement(text).name for text in project.libraries}
    assert used - {project.name} == listed


def test_the_locks_hold_what_is_declared_and_nothing_else() -> None:
    assert check() == []


def test_development_has_the_packages_the_product_is_built_on() -> None:
    names = read_pins((ROOT / "requirements-dev.lock").read_text()).keys()
    assert names >= BUILT_ON


@pytest.mark.parametrize("name", ONLY_IN)
def test_what_only_some_images_may_hold(name: str) -> None:
    holders = {
        service for service in services() if name in read_pins((ROOT / f"requirements-{service}.lock").read_text())
    }
    assert holders <= ONLY_IN[name]
    assert holders


def test_no_image_holds_test_or_build_tools() -> None:
    tools = {
        "pytest",
        "testcontainers",
        "mypy",
        "ruff",
        "pglast",
        "trustme",
        "gcp-storage-emulator",
        "uv",
        "pip",
        "setuptools",
    }
    for service in services():
        assert not tools & read_pins((ROOT / f"requirements-{service}.lock").read_text()).keys()


class TestALockThatIsWrong:
    """Every way in which a lock may differ from what is declared is found."""

    @pytest.fixture
    def lock(self) -> Wanted:
        return next(lock for lock in wanted_locks() if lock.name == "requirements-audit.lock")

    @pytest.fixture
    def text(self, lock: Wanted) -> str:
        return (ROOT / lock.name).read_text()

    @pytest.fixture
    def development(self) -> dict[str, Pin]:
        return read_pins((ROOT / "requirements-dev.lock").read_text())

    def test_in_order(self, lock: Wanted, text: str, development: dict[str, Pin]) -> None:
        assert problems_of(lock, text, development) == []

    @pytest.mark.parametrize(
        ("before", "after", "problem"),
        [
            ("# The image of audit", f"# {INDEX} https://index.example\n# The image of audit", "wrong header"),
            ("uvloop==", f"{INDEX} file:///srv/index\nuvloop==", "Expected"),
            ("uvloop==", "uvloop>=", "not pinned"),
            ("uvloop==", "openai==3.54.0 --hash=sha256:" + "0" * 64 + "\nuvloop==", "nothing declares it"),
            ("uvloop==", "uvloop==0", "differs from requirements-dev.lock"),
            ("uvloop==", "uvloop==0.1 --hash=sha256:" + "0" * 64 + "\nuvloop==", "pinned twice"),
            ("uvloop==", "rich-uvloop==", "needed but not locked"),
        ],
    )
    def test_a_change_is_found(
        self, lock: Wanted, text: str, development: dict[str, Pin], before: str, after: str, problem: str
    ) -> None:
        assert before in text
        assert any(problem in found for found in problems_of(lock, text.replace(before, after, 1), development))

    def test_a_missing_hash_is_found(self, lock: Wanted, text: str, development: dict[str, Pin]) -> None:
        lines = text.splitlines(keepends=True)
        start = next(index for index, line in enumerate(lines) if line.startswith("typer=="))
        end = next(index for index, line in enumerate(lines) if index > start and not line.startswith("    --hash"))
        lines[start:end] = [lines[start].rstrip(" \\\n") + "\n"]
        assert "requirements-audit.lock: typer has no hash" in problems_of(lock, "".join(lines), development)

    def test_a_new_requirement_is_found(self, lock: Wanted, text: str, development: dict[str, Pin]) -> None:
        more = Wanted(lock.name, lock.purpose, (*lock.requirements, "stripe>=13", "typer>=99"))
        found = problems_of(more, text, development)
        assert "requirements-audit.lock: stripe>=13 is declared, locked is nothing" in found
        assert any("typer>=99 is declared" in problem for problem in found)


def test_locks_and_pyprojects_name_no_machine() -> None:
    files = [
        *ROOT.glob("requirements-*.lock"),
        *ROOT.glob("*/*/pyproject.toml"),
        ROOT / "pyproject.toml",
        ROOT / "Makefile",
    ]
    for path in files:
        text = path.read_text()
        assert str(Path.home()) not in text
        assert str(ROOT) not in text
        assert "index-url" not in text


def test_the_set_up_needs_the_standard_library_only() -> None:
    tree = ast.parse((ROOT / "deploy/house/install.py").read_text())
    roots = {
        alias.name.split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names
    }
    roots |= {(node.module or "").split(".")[0] for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert roots <= sys.stdlib_module_names
