"""What each library and service declares in its pyproject.toml, and what a service's image therefore holds.

A project lists other people's packages under `[project] dependencies` (and optional ones as extras) and Callmine's own libraries
under `[tool.callmine] libraries`, with an extra where it needs one: `libraries = ["core", "contracts[sealing]"]`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Project:
    """One pyproject.toml: `name` is its folder's name, `package` what Python imports."""

    name: str
    folder: Path
    dependencies: tuple[str, ...]
    extras: Mapping[str, tuple[str, ...]] = field(hash=False)
    libraries: tuple[str, ...]

    @property
    def package(self) -> str:
        """The import name."""
        return self.name.replace("-", "_")

    @property
    def sources(self) -> list[Path]:
        """Every Python file of the package."""
        return sorted((self.folder / self.package).rglob("*.py"))


class UnknownLibrary(Exception):
    """A project lists a library or an extra that does not exist."""


def read(folder: Path) -> Project:
    """The project in `folder`; raise KeyError where its pyproject.toml lacks a table."""
    text = tomllib.loads((folder / "pyproject.toml").read_text())
    declared = text["project"]
    return Project(
        name=folder.name,
        folder=folder,
        dependencies=tuple(declared.get("dependencies", ())),
        extras={name: tuple(items) for name, items in declared.get("optional-dependencies", {}).items()},
        libraries=tuple(text.get("tool", {}).get("callmine", {}).get("libraries", ())),
    )


def _all_in(folder: Path) -> dict[str, Project]:
    return {path.parent.name: read(path.parent) for path in sorted(folder.glob("*/pyproject.toml"))}


def libraries(root: Path = ROOT) -> dict[str, Project]:
    """The projects under libs/, by name."""
    return _all_in(root / "libs")


def services(root: Path = ROOT) -> dict[str, Project]:
    """The projects under services/, by name."""
    return _all_in(root / "services")


def closure(service: Project, known: Mapping[str, Project]) -> dict[str, frozenset[str]]:
    """Every library that `service` needs, with the extras asked of it, by name; raise UnknownLibrary for one not in `known`."""
    found: dict[str, frozenset[str]] = {}
    waiting = [(service, text) for text in service.libraries]
    while waiting:
        asker, text = waiting.pop()
        wanted = Requirement(text)
        library = known.get(wanted.name)
        if library is None or not wanted.extras <= library.extras.keys():
            raise UnknownLibrary(
                f"{asker.folder}/pyproject.toml lists the library {text!r}: no such folder or extra in libs/"
            )
        if wanted.name not in found:
            waiting.extend((library, item) for item in library.libraries)
        found[wanted.name] = found.get(wanted.name, frozenset()) | wanted.extras
    return found


def requirements_of(service: Project, known: Mapping[str, Project]) -> list[str]:
    """What the image of `service` declares: its own dependencies and those of its libraries, sorted, without repeats."""
    wanted = set(service.dependencies)
    for name, extras in closure(service, known).items():
        wanted |= {*known[name].dependencies, *_of_extras(known[name], extras)}
    return sorted(wanted)


def requirements_of_development(root: Path = ROOT) -> list[str]:
    """Everything of every project, extras included, and the root's group of development tools."""
    every = [*libraries(root).values(), *services(root).values()]
    tools = tomllib.loads((root / "pyproject.toml").read_text())["dependency-groups"]["dev"]
    wanted = {*tools}
    for project in every:
        wanted |= {*project.dependencies, *_of_extras(project, project.extras)}
    return sorted(wanted)


def _of_extras(project: Project, extras: Iterable[str]) -> set[str]:
    return {item for extra in extras for item in project.extras[extra]}
