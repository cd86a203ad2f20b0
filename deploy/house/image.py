"""What a service's image holds: its own package, the libraries it lists, the topology; and nothing else of this repository.

    python -m house.image lay ingest /opt/callmine    put it into an environment, as deploy/Dockerfile does
    python -m house.image build ingest                build the image with Docker, on the base of deploy/images.yaml
    python -m house.image changed main                name the services whose image differs from the one that `main` gives

Other people's packages come from requirements-<service>.lock, which `lay` expects to be installed there already. What decides an image is
its fingerprint; two trees with the same one need no new image, and the image carries it as a label.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from house.projects import ROOT, Project, closure, libraries, services

DOCKERFILE = Path("deploy/Dockerfile")
IMAGES = Path("deploy/images.yaml")
TOPOLOGY = (Path("deploy/topology.yaml"), Path("deploy/topology.json"))
PROBE = Path("deploy/house/healthy.py")

# What decides how every image is put together, whatever is in it.
RECIPE = (
    DOCKERFILE,
    Path("deploy/Dockerfile.dockerignore"),
    IMAGES,
    Path("deploy/house/image.py"),
    Path("deploy/house/projects.py"),
    Path("requirements-setup.lock"),
)

# The services' own words for it: docs/vault.md says `credential-vault keys rotate`. `service` is the same in each image. Both are what
# `python -m` starts, and nothing beside it: what a process begins with stands in one place.
_COMMAND = """#!{python}
from runpy import run_module

run_module("{package}", run_name="__main__", alter_sys=True)
"""


class ImageRefused(Exception):
    """No image can be built; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Base:
    """An image that others build on, as deploy/images.yaml has it."""

    name: str
    tag: str
    digest: str

    @property
    def reference(self) -> str:
        """`name:tag@sha256:…`. Raises ImageRefused where the digest has not been filled in."""
        if not self.digest.startswith("sha256:") or len(self.digest) != len("sha256:") + 64:
            raise ImageRefused(
                f"{IMAGES} has no digest of {self.name}:{self.tag}. Read it from the registry and write it there:\n"
                f"  docker buildx imagetools inspect {self.name}:{self.tag} --format '{{{{.Manifest.Digest}}}}'"
            )
        return f"{self.name}:{self.tag}@{self.digest}"


def bases(root: Path = ROOT) -> dict[str, Base]:
    """The images of deploy/images.yaml by what they are for."""
    import yaml  # the image's own build needs no YAML

    return {use: Base(**told) for use, told in yaml.safe_load((root / IMAGES).read_text())["images"].items()}


def contents(service: Project, root: Path = ROOT, known: Mapping[str, Project] | None = None) -> dict[str, Path]:
    """Every file of this repository in the image of `service`: path below the image's `app/`, and where it comes from."""
    known = known or libraries(root)
    projects = [service, *(known[name] for name in closure(service, known))]
    found = {
        str(path.relative_to(root)): path
        for project in projects
        for folder in project.folder.iterdir()
        if folder.is_dir()
        for path in _files(folder)
    }
    return {**found, **{str(path): root / path for path in TOPOLOGY}}


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.rglob("*"):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path


def lay(service: Project, target: Path, root: Path = ROOT, known: Mapping[str, Project] | None = None) -> None:
    """Put what belongs into the image into the Python environment at `target`: files, path file, commands."""
    app = target / "app"
    held = contents(service, root, known)
    for name, source in held.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, app / name)
    (site_packages,) = target.glob("lib/python3.*/site-packages")
    projects = sorted({"/".join(name.split("/")[:2]) for name in held if not name.startswith("deploy/")})
    lines = [os.path.relpath(app / project, site_packages) for project in projects]
    (site_packages / "callmine.pth").write_text("\n".join(lines) + "\n")
    python = target / "bin" / "python"
    command = _COMMAND.format(python=python, package=service.package)
    for name, text in {
        service.name: command,
        "service": command,
        "healthy": f"#!{python}\n{(root / PROBE).read_text()}",
    }.items():
        path = target / "bin" / name
        path.write_text(text)
        path.chmod(0o755)


def fingerprint(service: Project, root: Path = ROOT) -> str:
    """What decides the image of `service`, as one SHA-256: its lock, its files, the recipe."""
    lock = Path(f"requirements-{service.name}.lock")
    held = {str(path): root / path for path in (*RECIPE, PROBE, lock)} | contents(service, root)
    digest = hashlib.sha256()
    for name, path in sorted(held.items()):
        # An older tree may lack a part of the recipe.
        content = path.read_bytes() if path.exists() else b""
        digest.update(f"{name}\0{hashlib.sha256(content).hexdigest()}\n".encode())
    return digest.hexdigest()


def fingerprints(root: Path = ROOT) -> dict[str, str]:
    """The fingerprint of each service's image."""
    return {name: fingerprint(service, root) for name, service in services(root).items()}


def changed(ref: str, root: Path = ROOT) -> list[str]:
    """The services whose image differs from what the commit `ref` gives, those that are new included.

    Raises ImageRefused for a ref that git does not know.
    """
    done = subprocess.run(["git", "archive", "--format=tar", ref], cwd=root, capture_output=True, check=False)
    if done.returncode != 0:
        raise ImageRefused(f"git knows no commit {ref!r}: {done.stderr.decode().strip()}")
    with tempfile.TemporaryDirectory() as name, tarfile.open(fileobj=io.BytesIO(done.stdout)) as archive:
        archive.extractall(name, filter="data")
        before = fingerprints(Path(name))
    return [service for service, print_now in fingerprints(root).items() if before.get(service) != print_now]


def build(service: Project, root: Path = ROOT) -> str:
    """Build the image with Docker; its tag. Raises ImageRefused while the base has no digest, or Docker does not succeed."""
    base, print_now = bases(root)["python"].reference, fingerprint(service, root)
    tag = f"callmine/{service.name}:{print_now[:12]}"
    arguments = {"BASE": base, "SERVICE": service.name}
    options = [part for name, value in arguments.items() for part in ("--build-arg", f"{name}={value}")]
    options += ["--label", f"callmine.fingerprint={print_now}", "--tag", tag, "--tag", f"callmine/{service.name}"]
    command = ["docker", "build", "--file", str(root / DOCKERFILE), *options, str(root)]
    try:
        done = subprocess.run(command, check=False, env={**os.environ, "DOCKER_BUILDKIT": "1"})
    except OSError as error:
        raise ImageRefused(f"docker cannot be run ({error.strerror}): install Docker") from error
    if done.returncode != 0:
        raise ImageRefused(f"docker could not build {service.name}: see its lines above")
    return tag


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="house.image", description="Images of the services")
    commands = parser.add_subparsers(dest="command", required=True)
    laying = commands.add_parser("lay")
    laying.add_argument("service", choices=services())
    laying.add_argument("target", type=Path)
    commands.add_parser("build").add_argument("service", choices=services())
    commands.add_parser("changed").add_argument("ref")
    commands.add_parser("base").add_argument("use")
    asked = parser.parse_args()
    try:
        if asked.command == "lay":
            lay(services()[asked.service], asked.target)
        elif asked.command == "build":
            print(build(services()[asked.service]))
        elif asked.command == "base":
            print(bases()[asked.use].reference)
        else:
            print("\n".join(changed(asked.ref)))
    except ImageRefused as reason:
        raise SystemExit(str(reason)) from None


if __name__ == "__main__":
    main()
