"""The instances of the services: processes of one version each, started, named to the front door, drained."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import yaml

from local.stack.ports import free_port
from local.stack.processes import Process

ROOT = Path(__file__).resolve().parents[3]


class UnknownVersion(Exception):
    """Git does not know the commit."""


@dataclass(frozen=True, slots=True)
class Code:
    """One version of the repository: its files, and what it is called. Other people's packages are those that are installed."""

    root: Path
    name: str

    @classmethod
    def here(cls) -> Self:
        """The files as they are now."""
        return cls(ROOT, "here")

    @classmethod
    def of(cls, ref: str, folder: Path) -> Self:
        """The files of a commit, laid into `folder` once. Raises UnknownVersion."""
        named = subprocess.run(["git", "rev-parse", f"{ref}^{{commit}}"], cwd=ROOT, capture_output=True, check=False)
        if named.returncode != 0:
            raise UnknownVersion(f"git knows no commit {ref!r}: {named.stderr.decode().strip()}")
        commit = named.stdout.decode().strip()
        root = folder / commit[:12]
        if not root.exists():
            packed = subprocess.run(["git", "archive", commit], cwd=ROOT, capture_output=True, check=True).stdout
            with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
                archive.extractall(root.with_suffix(".part"), filter="data")
            root.with_suffix(".part").rename(root)
        return cls(root, ref if ref == commit[: len(ref)] else f"{ref} ({commit[:12]})")

    @classmethod
    def previous(cls, folder: Path) -> Self:
        """The release before the next one: the newest tag v* in this history, else deploy/previous.yaml's commit. Raises UnknownVersion."""
        command = ["git", "describe", "--tags", "--abbrev=0", "--match", "v*"]
        tagged = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        return cls.of(tagged.stdout.strip() if tagged.returncode == 0 else _named(), folder)

    def environment(self) -> dict[str, str]:
        """What makes a process import this version, and read its topology."""
        folders = [
            *sorted((self.root / "libs").iterdir()),
            *sorted((self.root / "services").iterdir()),
            self.root / "deploy",
        ]
        path = ":".join(str(folder.resolve()) for folder in folders if folder.is_dir())
        return {"PYTHONPATH": path, "CALLMINE_TOPOLOGY_FILE": str(self.root / "deploy" / "topology.yaml")}

    def migrations(self, service: str) -> tuple[Path, ...]:
        """The folders of a service's migrations, in the order in which they are applied."""
        return (
            self.root / "libs" / "messaging" / "messaging" / "migrations",
            self.root / "services" / service / "migrations",
        )


def _named() -> str:
    return str(yaml.safe_load((ROOT / "deploy" / "previous.yaml").read_text())["commit"])


@dataclass(frozen=True, slots=True)
class Instance:
    """A process of one service, and the port that it listens on."""

    service: str
    code: Code
    port: int
    process: Process

    @classmethod
    def of(cls, name: str, service: str, code: Code, environment: Mapping[str, str], log: Path) -> Self:
        """Not started yet. Ports are the operating system's choice, for nobody is told them but the front door."""
        port = free_port()
        own = {} if code.root == ROOT else code.environment()
        command = module_command(service, "serve")
        given = {**environment, **own, "CALLMINE_PORT": str(port)}
        return cls(service, code, port, Process(name, command, given, log, code.root))

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://127.0.0.1:{self.port}"


def module_command(service: str, *arguments: str) -> Sequence[str]:
    """A service's own command line, on the interpreter that runs this."""
    return [sys.executable, "-m", service.replace("-", "_"), *arguments]
