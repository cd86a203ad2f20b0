"""The import rules hold, and each of them fails when a module breaks it."""

from __future__ import annotations

import configparser
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from house.projects import ROOT

RULES = ROOT / ".importlinter"
LINT = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(config_filename='.importlinter', no_logo=True))"

# One module that breaks each rule: contract, file, source, and what the report must name.
BREACHES = {
    "services-apart": ("audit/handlers.py", "from retention import domain", "audit.handlers -> retention"),
    "libraries-below": ("database/pool.py", "def late():\n    import ingest.domain", "database.pool -> ingest.domain"),
    "layers": ("egress/client.py", "from web import layout", "egress.client -> web.layout"),
    "no-stand-ins": ("analysis/workers.py", "from testkit import clock", "analysis.workers imports testkit.clock"),
    "core": ("core/settings.py", "import pydantic", "core.settings imports pydantic"),
    "domain": ("ingest/domain.py", "from pathlib import Path", "ingest.domain imports pathlib.Path"),
    "generated-code": (
        "audit/store.py",
        "from callmine.audit.v1 import audit_pb2",
        "audit.store imports callmine.audit.v1.audit_pb2",
    ),
    "tink": ("ingest/keys.py", "from tink import aead", "ingest.keys imports tink.aead"),
    "pubsub": ("messaging/relay.py", "from google import pubsub_v1", "messaging.relay imports google.pubsub_v1"),
    "google-cloud": (
        "ingest/objects.py",
        "from google.cloud import storage",
        "ingest.objects imports google.cloud.storage",
    ),
    "models": (
        "ingest/answers.py",
        "import importlib\nimportlib.import_module('openai')",
        "ingest.answers imports openai",
    ),
    "assistants": ("analysis/assistant.py", "import mcp", "analysis.assistant imports mcp"),
    "stripe": ("analysis/money.py", "import stripe", "analysis.money imports stripe"),
    "drivers": ("retention/money.py", "import asyncpg", "retention.money imports asyncpg"),
    "opentelemetry": ("web/layout.py", "import opentelemetry.trace", "web.layout imports opentelemetry.trace"),
    "http-clients": ("web/session.py", "import httpx", "web.session imports httpx"),
}


@dataclass(frozen=True, slots=True)
class Report:
    """What import-linter said."""

    status: int
    text: str

    def verdict(self, name: str) -> str:
        """KEPT or BROKEN, for the rule of that name; long names are wrapped in the report."""
        squeezed = "".join(self.text.split())
        after = squeezed.split("".join(name.split()), 1)[1]
        return "BROKEN" if after.startswith("BROKEN") else "KEPT" if after.startswith("KEPT") else after[:20]


def rules() -> dict[str, str]:
    """Id and name of each rule."""
    parser = configparser.ConfigParser()
    parser.read(RULES)
    start = "importlinter:contract:"
    return {section.removeprefix(start): parser[section]["name"] for section in parser.sections() if start in section}


def lint(folder: Path) -> Report:
    """Run the project's rules over the packages in `folder`, which stand before the project's own on the path."""
    done = subprocess.run(
        [sys.executable, "-c", LINT],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Report(done.returncode, done.stdout + done.stderr)


def plant(folder: Path) -> None:
    """A small tree of packages with the project's names, in which everything is in order."""
    parser = configparser.ConfigParser()
    parser.read(RULES)
    for package in parser["importlinter"]["root_packages"].split():
        (folder / package).mkdir(parents=True)
        (folder / package / "__init__.py").write_text("")
        (folder / package / "domain.py").write_text("from core import ids\nimport dataclasses\n")
        (folder / package / "events.py").write_text("from callmine.audit.v1 import audit_pb2\n")
    for package in (
        "core",
        "local",
        "testkit",
        "cloud",
        "contracts",
        "database",
        "egress",
        "messaging",
        "runtime",
        "web",
    ):
        (folder / package / "domain.py").unlink()
        (folder / package / "events.py").unlink()
    for module in ("core/ids", "testkit/clock", "web/layout", "messaging/google", "local/broker"):
        (folder / f"{module}.py").write_text("")
    (folder / "messaging/google.py").write_text("from google.pubsub_v1 import PublisherAsyncClient\n")
    (folder / ".importlinter").write_text(RULES.read_text())


@pytest.fixture(scope="module")
def in_order(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on a tree that keeps all rules."""
    folder = tmp_path_factory.mktemp("kept")
    plant(folder)
    return lint(folder)


@pytest.fixture(scope="module")
def breached(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """The report on a tree that breaks each rule in a module of its own."""
    folder = tmp_path_factory.mktemp("broken")
    plant(folder)
    for file, source, _ in BREACHES.values():
        (folder / file).write_text(source + "\n")
    return lint(folder)


def test_the_project_keeps_its_rules() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "house.imports"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_tree_in_order_keeps_all_rules(in_order: Report) -> None:
    assert in_order.status == 0, in_order.text
    assert {in_order.verdict(name) for name in rules().values()} == {"KEPT"}


def test_every_rule_has_a_breach() -> None:
    assert BREACHES.keys() == rules().keys()


@pytest.mark.parametrize("rule", BREACHES)
def test_a_breach_is_found_and_named(breached: Report, rule: str) -> None:
    assert breached.status != 0
    assert breached.verdict(rules()[rule]) == "BROKEN"
    assert BREACHES[rule][2] in breached.text
