"""The lock files: one per service image, one for development, one for set-up; each version pinned by hash.

    python -m house.locks             write them all, keeping today's versions where they still fit
    python -m house.locks --upgrade   write them all with the newest versions
    python -m house.locks --check     offline: fail when a lock and what is declared differ

Development is resolved first, and the images are held to its versions: what the tests ran with is what is deployed.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from house.projects import ROOT, libraries, requirements_of, requirements_of_development, services

OLDEST_PYTHON = "3.11"
# One version for every Python and machine: what is tested on one is what the others get.
UNIVERSAL = f"--universal --fork-strategy fewest --python-version {OLDEST_PYTHON}"
COMPILE_OPTIONS = f"{UNIVERSAL} --generate-hashes --no-emit-index-url --no-emit-find-links --no-header --quiet"
# uv installs the rest; house.projects, which says what an image holds, reads requirements with packaging.
INSTALLED_FIRST = frozenset({"uv", "packaging"})
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """One lock file to be: its name and the requirements it must satisfy."""

    name: str
    purpose: str
    requirements: tuple[str, ...]

    @property
    def header(self) -> str:
        """The first lines of the file."""
        return f"# {self.purpose}. Made by `make lock` from what the pyproject.toml files declare; do not edit.\n"


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of a lock: `text` is the requirement without its hashes."""

    name: str
    version: str
    marker: Marker | None
    hashes: int


class LockRefused(Exception):
    """uv found no set of versions; the text is uv's own."""


def wanted_locks(root: Path = ROOT) -> list[Wanted]:
    """Every lock the project has, development first."""
    known = libraries(root)
    development = requirements_of_development(root)
    first = [text for text in development if Requirement(text).name in INSTALLED_FIRST]
    images = [
        Wanted(f"requirements-{name}.lock", f"The image of {name}", tuple(requirements_of(service, known)))
        for name, service in services(root).items()
    ]
    return [
        Wanted("requirements-dev.lock", "Development: all images, tests and tools", tuple(development)),
        Wanted("requirements-setup.lock", "What `make setup` installs first, to install the rest", tuple(first)),
        *images,
    ]


def read_pins(text: str) -> dict[str, Pin]:
    """The pins of a lock file by canonical name; raise ValueError for a line that is neither pin, hash nor comment."""
    pins: dict[str, Pin] = {}
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for entry in "\n".join(lines).replace("\\\n", " ").splitlines():
        if not entry.strip():
            continue
        pin = _pin(entry)
        if pin.name in pins:
            raise ValueError(f"{pin.name} is pinned twice")
        pins[pin.name] = pin
    return pins


def _pin(entry: str) -> Pin:
    requirement = Requirement(HASH.sub("", entry).strip())
    exact = re.fullmatch(r"==([^*,]+)", str(requirement.specifier))
    if exact is None or requirement.url:
        raise ValueError(f"{requirement} is not pinned to one version")
    return Pin(canonicalize_name(requirement.name), exact[1], requirement.marker, len(HASH.findall(entry)))


def problems_of(lock: Wanted, text: str, development: Mapping[str, Pin]) -> list[str]:
    """What is wrong with a lock file's `text`, in words; empty when nothing is. Needs the locked versions to be installed."""
    try:
        pins = read_pins(text)
    except ValueError as problem:
        return [f"{lock.name}: {problem}"]
    found = [f"{lock.name}: {name} has no hash" for name, pin in pins.items() if pin.hashes == 0]
    if not text.startswith(lock.header) or "://" in text or re.search(r"(^|\s)/\w", text):
        found.append(f"{lock.name}: wrong header, or a package index or a path of some machine in it")
    found += [f"{lock.name}: {problem}" for problem in _unmet(lock.requirements, pins)]
    here, anywhere = reachable(lock.requirements)
    found += [f"{lock.name}: {name} is needed but not locked" for name in sorted(here - pins.keys())]
    found += [f"{lock.name}: {name} is locked but nothing declares it" for name in sorted(pins.keys() - anywhere)]
    differing = [
        name for name, pin in pins.items() if name not in development or development[name].version != pin.version
    ]
    return [*found, *(f"{lock.name}: {name} differs from requirements-dev.lock" for name in sorted(differing))]


def _unmet(requirements: Iterable[str], pins: Mapping[str, Pin]) -> list[str]:
    unmet: list[str] = []
    for text in requirements:
        requirement = Requirement(text)
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin.version, prereleases=True):
            unmet.append(f"{text} is declared, locked is {pin.version if pin else 'nothing'}")
    return unmet


def reachable(requirements: Iterable[str]) -> tuple[set[str], set[str]]:
    """Canonical names of what `requirements` lead to: on this machine, and on any machine, by the installed packages' metadata."""
    here: set[str] = set()
    anywhere: set[str] = set()
    seen: set[tuple[str, frozenset[str], bool]] = set()
    waiting = [(Requirement(text), True) for text in requirements]
    while waiting:
        requirement, applies = waiting.pop()
        name = canonicalize_name(requirement.name)
        step = (name, frozenset(requirement.extras), applies)
        if step in seen:
            continue
        seen.add(step)
        anywhere.add(name)
        if applies:
            here.add(name)
        waiting += [(below, applies and holds) for below, holds in _below(name, requirement.extras)]
    return here, anywhere


def _below(name: str, extras: set[str]) -> list[tuple[Requirement, bool]]:
    """What a package needs in turn, each with whether it does on this machine; an extra nobody asked for is left out."""
    try:
        declared = Distribution.from_name(name).requires or []
    except PackageNotFoundError:
        return []
    below: list[tuple[Requirement, bool]] = []
    for requirement in map(Requirement, declared):
        marker = requirement.marker
        asked = (
            marker is None or "extra" not in str(marker) or any(marker.evaluate({"extra": extra}) for extra in extras)
        )
        if asked:
            holds = marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras))
            below.append((requirement, holds))
    return below


def check(root: Path = ROOT) -> list[str]:
    """Every problem of every lock file."""
    found: list[str] = []
    development: dict[str, Pin] = {}
    for lock in wanted_locks(root):
        path = root / lock.name
        if not path.exists():
            found.append(f"{lock.name} is missing")
            continue
        text = path.read_text()
        try:
            development = development or read_pins(text)
        except ValueError as problem:
            return [f"{lock.name}: {problem}"]
        found += problems_of(lock, text, development)
    expected = {lock.name for lock in wanted_locks(root)}
    return [
        *found,
        *(f"{path.name} belongs to no service" for path in root.glob("*.lock") if path.name not in expected),
    ]


def write(root: Path = ROOT, *, upgrade: bool = False) -> None:
    """Resolve and write every lock file; raise LockRefused with uv's reason."""
    development, *others = wanted_locks(root)
    _write_one(root, development, constraints="", upgrade=upgrade)
    versions = read_pins((root / development.name).read_text())
    constraints = "".join(f"{pin.name}=={pin.version}\n" for pin in versions.values())
    for lock in others:
        _write_one(root, lock, constraints=constraints, upgrade=upgrade)


def _write_one(root: Path, lock: Wanted, *, constraints: str, upgrade: bool) -> None:
    target = root / lock.name
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "declared").write_text("\n".join(lock.requirements))
        (folder / "constraints").write_text(constraints)
        made = folder / "made"
        if target.exists():
            made.write_text(target.read_text())
        _compile(folder, upgrade=upgrade)
        text = made.read_text().replace("-r declared", "what Callmine declares").replace("    #   -c constraints\n", "")
    pins = read_pins(text)
    target.write_text(lock.header + text)
    print(f"{lock.name}: {len(pins)} packages")


def _compile(folder: Path, *, upgrade: bool) -> None:
    """Run uv in `folder`: it reads `declared` and `constraints` there, and writes `made`."""
    uv = str(Path(sys.executable).with_name("uv"))
    options = COMPILE_OPTIONS + (" --upgrade" if upgrade else "")
    done = subprocess.run(
        [uv, "pip", "compile", "declared", "-c", "constraints", "-o", "made", *options.split()],
        cwd=folder,
        env={**os.environ, "UV_NO_CONFIG": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise LockRefused(done.stderr.strip())


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="house.locks", description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--upgrade", action="store_true")
    asked = parser.parse_args()
    if not asked.check:
        try:
            write(upgrade=asked.upgrade)
        except LockRefused as reason:
            raise SystemExit(f"uv found no set of versions that fits:\n{reason}") from None
        return
    if found := check():
        raise SystemExit("lock files: run `make lock` and commit\n  " + "\n  ".join(found))


if __name__ == "__main__":
    main()
