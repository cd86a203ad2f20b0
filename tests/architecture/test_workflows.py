"""What runs at the host of the repository: only what is in the repository, or pinned, with rights to read and nothing else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from house.projects import ROOT

WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))

# What others write must not become a part of a command; these are the host's own.
_SAFE = re.compile(r"^(github\.(token|server_url|repository|sha|ref))$")


def problems(text: str) -> list[str]:
    """What is wrong with a workflow, in words."""
    told: dict[str, Any] = yaml.safe_load(text)
    found = [] if told.get("permissions") == {"contents": "read"} else ["permissions: read the contents, nothing else"]
    for name, job in told["jobs"].items():
        if "timeout-minutes" not in job:
            found.append(f"{name}: may run for ever")
        if "permissions" in job:
            found.append(f"{name}: has rights of its own")
        for step in job["steps"]:
            action = step.get("uses", "")
            if action and not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action):
                found.append(f"{name}: {action} is not pinned by a commit's hash")
            if "${{" in step.get("run", ""):
                found.append(f"{name}: an expression in a command; give it by env")
    expressions = re.findall(r"\$\{\{\s*(.*?)\s*\}\}", text)
    found += [f"{one}: not among the values that are safe here" for one in expressions if not _SAFE.match(one)]
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_keeps_the_rules(path: Path) -> None:
    assert problems(path.read_text()) == []


def test_what_runs_there_is_what_runs_here() -> None:
    (path,) = WORKFLOWS
    steps = yaml.safe_load(path.read_text())["jobs"]["check"]["steps"]
    assert [step["run"] for step in steps if ".ci/run" in step["run"]] == [".ci/run"]


@pytest.mark.parametrize(
    ("before", "after", "problem"),
    [
        ("contents: read", "contents: write", "permissions"),
        ("    timeout-minutes: 60\n", "", "for ever"),
        (
            "      - name: check and test",
            "      - uses: actions/checkout@v4\n      - name: check and test",
            "not pinned",
        ),
        ("run: .ci/run", "run: echo ${{ github.sha }}", "in a command"),
        ("${{ github.sha }}", "${{ github.event.pull_request.title }}", "not among"),
    ],
)
def test_a_rule_that_is_broken_is_found(before: str, after: str, problem: str) -> None:
    text = WORKFLOWS[0].read_text()
    assert before in text
    assert any(problem in found for found in problems(text.replace(before, after, 1)))
