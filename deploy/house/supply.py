"""What comes from other people, image by image: a bill of materials, its licences, its known weaknesses.

    python -m house.supply sbom        write build/sbom/<service>.cdx.json (CycloneDX 1.6)
    python -m house.supply licences    write build/licences.md; fail for a licence that nobody has looked at
    python -m house.supply audit       ask PyPI's advisories about every lock; says so and succeeds where they cannot be reached

All three read the locks, which decide what an image holds. Licences come from the installed distributions, at the versions of the locks.
"""

from __future__ import annotations

import argparse
import json
import re
import socket
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from typing import Any

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.license import DisjunctiveLicense
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from house.image import fingerprint
from house.locks import Pin, read_pins
from house.projects import ROOT, Project, closure, libraries, services

BUILD = ROOT / "build"

# Permissive ones, and weak copyleft of libraries that are used as they come, unchanged. A licence by its SPDX expression or, where the
# distribution gives none, by its classifier or its own short name.
ACCEPTED = frozenset(
    {
        "0BSD",
        "3-Clause BSD License",
        "Apache 2.0",
        "Apache Software License",
        "Apache-2.0",
        "Apache-2.0 OR BSD-3-Clause",
        "BSD License",
        "BSD-2-Clause",
        "BSD-3-Clause",
        "ISC",
        "ISC License (ISCL)",
        "LGPL-3.0-only",
        "MIT",
        "MIT License",
        "MIT-0",
        "Mozilla Public License 2.0 (MPL 2.0)",
        "OFL-1.1",
        "PSF-2.0",
        "Python Software Foundation License",
    }
)

# The open database of advisories: an index of packages need not have any.
_ADVISORIES = ("api.osv.dev", 443)
_SECONDS = 5.0
_HASHED = re.compile(r"^(\S+?)==\S+.*?((?:--hash=sha256:[0-9a-f]{64}[\s\\]*)+)", re.MULTILINE | re.DOTALL)
# Made once, so that the same image gets the same serial number.
_NAMESPACE = uuid.UUID("0c3b7a52-6f0e-5d0b-9d55-8a3c1f7b2e61")


@dataclass(frozen=True, slots=True)
class Part:
    """One distribution of an image, as its lock pins it."""

    pin: Pin
    hashes: tuple[str, ...]

    @property
    def licence(self) -> str:
        """What its authors say; empty where it is not installed here or says nothing."""
        try:
            told = metadata(self.pin.name)
        except PackageNotFoundError:
            return ""
        if "License-Expression" in told:
            return told["License-Expression"]
        classifiers = [
            line.rsplit(" :: ", 1)[-1] for line in told.get_all("Classifier", []) if line.startswith("License :: ")
        ]
        stated = told["License"].strip().splitlines() if "License" in told else []
        return " AND ".join(sorted(set(classifiers) - {"OSI Approved"})) or (stated[0] if stated else "")


def parts(service: str, root: Path = ROOT) -> list[Part]:
    """Every distribution that the lock of `service` pins."""
    text = (root / f"requirements-{service}.lock").read_text()
    hashes = {name: tuple(re.findall(r"[0-9a-f]{64}", found)) for name, found in _HASHED.findall(text)}
    by_name = {re.sub(r"\[.*", "", name): found for name, found in hashes.items()}
    return [Part(pin, by_name.get(pin.name, ())) for pin in read_pins(text).values()]


def bill(service: Project, root: Path = ROOT) -> str:
    """The bill of materials of an image, as CycloneDX JSON; for the same image the same but for the time."""
    known, print_now = libraries(root), fingerprint(service, root)
    bom = Bom(serial_number=uuid.uuid5(_NAMESPACE, print_now))
    bom.metadata.component = Component(
        name=f"callmine-{service.name}", version=print_now[:12], type=ComponentType.CONTAINER, bom_ref=service.name
    )
    others = [_component(part) for part in parts(service.name, root)]
    own = [
        Component(name=f"callmine-{name}", type=ComponentType.LIBRARY, bom_ref=f"callmine-{name}")
        for name in sorted(closure(service, known))
    ]
    bom.components.update([*others, *own])
    bom.register_dependency(bom.metadata.component, bom.components)
    return str(JsonV1Dot6(bom).output_as_string(indent=2)) + "\n"


def _component(part: Part) -> Component:
    pin = part.pin
    return Component(
        name=pin.name,
        version=pin.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=pin.name, version=pin.version),
        bom_ref=f"{pin.name}=={pin.version}",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=content) for content in part.hashes],
        licenses=[DisjunctiveLicense(name=part.licence)] if part.licence else [],
    )


def licences() -> dict[str, dict[str, str]]:
    """The licence of every distribution in any image, by name, and the images that hold it."""
    found: dict[str, dict[str, str]] = {}
    for service in services():
        for part in parts(service):
            entry = found.setdefault(part.pin.name, {"licence": part.licence, "images": ""})
            entry["images"] = f"{entry['images']}, {service}".removeprefix(", ")
    return dict(sorted(found.items()))


def unaccepted(found: dict[str, dict[str, str]]) -> list[str]:
    """Distributions whose licence is not among those accepted, or not told. What is not installed on this machine is left out."""
    return [
        f"{name}: {entry['licence'] or 'no licence told'}"
        for name, entry in found.items()
        if not set(entry["licence"].split(" AND ")) <= ACCEPTED and _installed(name)
    ]


def _installed(name: str) -> bool:
    try:
        metadata(name)
    except PackageNotFoundError:
        return False
    return True


def listing(found: dict[str, dict[str, str]]) -> Iterator[str]:
    """The list, as Markdown."""
    yield "| distribution | licence | images |"
    yield "|---|---|---|"
    for name, entry in found.items():
        yield f"| {name} | {entry['licence'] or 'not told'} | {entry['images']} |"


def audit() -> int:
    """Ask about every lock; 0 where nothing is known against any of them, or where nobody can be asked."""
    try:
        socket.create_connection(_ADVISORIES, timeout=_SECONDS).close()
    except OSError as error:
        print(f"pip-audit: skipped, {_ADVISORIES[0]} cannot be reached from here ({type(error).__name__})")
        return 0
    locks = [f"requirements-{name}.lock" for name in services()]
    options = [part for lock in locks for part in ("--requirement", lock)]
    command = [sys.executable, "-m", "pip_audit", "--disable-pip", "--require-hashes", "--progress-spinner=off"]
    command += ["--vulnerability-service=osv"]
    command += ["--format=json", *options]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    try:
        return judged(json.loads(done.stdout)["dependencies"])
    except ValueError:
        print(done.stderr)
        return done.returncode or 1


def judged(found: Sequence[Mapping[str, Any]]) -> int:
    """Say what pip-audit found; 0 where all were asked about and none has a known weakness, or where none could be asked about."""
    asked = [one for one in found if "vulns" in one]
    if not asked:
        print("pip-audit: skipped, who can be reached has no advisories: nothing is known of any distribution")
        return 0
    left = sorted({one["name"] for one in found if "vulns" not in one})
    weak = sorted({f"{one['name']} {one['version']}: {flaw['id']}" for one in asked for flaw in one["vulns"]})
    print(*(f"pip-audit: could not ask about {name}" for name in left), *weak, sep="\n")
    print(f"pip-audit: {len(asked)} distributions asked about, {len(weak)} known weaknesses")
    return 1 if left or weak else 0


def _write_bills() -> int:
    folder = BUILD / "sbom"
    folder.mkdir(parents=True, exist_ok=True)
    for name, service in services().items():
        path = folder / f"{name}.cdx.json"
        path.write_text(bill(service))
        print(f"{path.relative_to(ROOT)}: {len(parts(name))} distributions")
    return 0


def _write_licences() -> int:
    found = licences()
    BUILD.mkdir(exist_ok=True)
    (BUILD / "licences.md").write_text("\n".join(listing(found)) + "\n")
    if refused := unaccepted(found):
        print("licences that nobody has looked at; accept them in house.supply, or do without:", *refused, sep="\n  ")
        return 1
    print(f"build/licences.md: {len(found)} distributions, all under accepted licences")
    return 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="house.supply", description="What comes from other people")
    parser.add_argument("what", choices=("sbom", "licences", "audit"))
    asked = parser.parse_args().what
    return {"sbom": _write_bills, "licences": _write_licences, "audit": audit}[asked]()


if __name__ == "__main__":
    raise SystemExit(main())
