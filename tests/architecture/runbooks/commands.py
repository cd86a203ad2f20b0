"""Commands in the code blocks of docs/runbooks.

A block says what is done with it: `sh run` runs against a local stack, `sh parse` is one that changes or destroys and is only checked
against the command line, `sh cloud` is for the cloud, where names are looked up in Terraform.
"""

from __future__ import annotations

import importlib
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

from house.projects import ROOT

FOLDER = ROOT / "docs/runbooks"
KINDS = ("run", "parse", "cloud")

_BLOCK = re.compile(r"^ *```(.*)\n((?:.*\n)*?) *```$", re.MULTILINE)
# What people call the vault.
_SERVICES = {"vault": "credential-vault"}

# What stands for the words in capitals.
FILLED = {"ID": "1", "FILE": "body.bin", "WORKSPACE": "org_harborline01"}


@dataclass(frozen=True, slots=True)
class Command:
    """One line of a block."""

    runbook: str
    kind: str
    line: str

    @property
    def words(self) -> list[str]:
        """Its words, with those in capitals filled in."""
        return [FILLED.get(word, word) for word in shlex.split(self.line)]

    @property
    def service(self) -> str:
        """The service whose command line `callmine SERVICE …` is."""
        return _SERVICES.get(self.words[1], self.words[1])

    @property
    def arguments(self) -> list[str]:
        """What that command line is given."""
        return self.words[2:]


def commands_in(text: str, runbook: str) -> list[Command]:
    """Every command of a page. Raises ValueError for a block that does not say what is to be done with it."""
    found: list[Command] = []
    for told, body in _BLOCK.findall(text):
        language, _, kind = told.partition(" ")
        if language != "sh" or kind not in KINDS:
            raise ValueError(f"{runbook}: a block is one of sh {', sh '.join(KINDS)}, not {told!r}")
        found += [Command(runbook, kind, line.strip()) for line in body.splitlines() if line.strip()]
    return found


def commands() -> list[Command]:
    """Every command of all runbooks."""
    return [one for path in sorted(FOLDER.glob("*.md")) for one in commands_in(path.read_text(), path.stem)]


def app_of(service: str) -> typer.Typer:
    """A service's command line."""
    app: typer.Typer = importlib.import_module(f"{service.replace('-', '_')}.cli").app
    return app


def page(name: str) -> Path:
    """The file of a runbook."""
    return FOLDER / f"{name}.md"
