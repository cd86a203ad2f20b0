"""Proves promises one after the other: each check, each mutant, and each check once more when all mutants are gone."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from house.projects import ROOT
from promises.checks import CHECKS, MUTANTS
from promises.system import Check, Mutant, System, Verdict
from retention.domain.promises import Evidence, Promise

# A check takes a second or two; on a machine with other things to do, several times that. A mutant may also be slow to set up.
CHECK_SECONDS = 60.0

Tell = Callable[[str], None]


@dataclass(slots=True)
class Proved:
    """What came of one promise. `evidence` is None where nothing checks it; `problems` are what is wrong, in words."""

    promise: Promise
    evidence: Evidence | None = None
    problems: list[str] = field(default_factory=list)

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(self.evidence.checks.values()) if self.evidence else 0

    @property
    def red(self) -> int:
        """How many mutants turned the sentence red."""
        return sum(self.evidence.mutants.values()) if self.evidence else 0

    @property
    def holds(self) -> bool:
        """Whether there is something to check, and all of it is as it should be."""
        return self.evidence is not None and not self.problems


@dataclass(frozen=True, slots=True)
class Source:
    """What was proved: the commit, and whether the tree had changes beside it."""

    commit: str
    uncommitted: bool


def source() -> Source:
    """Of the tree that this runs in; an export without a history has no commit."""
    head = _git("rev-parse", "HEAD")
    return Source(head or "0" * 40, bool(head) and bool(_git("status", "--porcelain", "--untracked-files=no")))


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


async def prove(
    system: System,
    promise: Promise,
    of: Source,
    tell: Tell,
    checks: Mapping[str, Check] = CHECKS,
    mutants: Mapping[str, Mutant] = MUTANTS,
) -> Proved:
    """Prove one promise. What raises has failed: nothing that went wrong counts as passed, nor as noticed."""
    proved = Proved(promise)
    if not promise.checks:
        return proved
    verdicts: dict[str, Verdict] = {}
    for one in promise.checks:
        tell(f"{promise.id} {one.id}")
        verdicts[one.id] = await _checked(checks[one.id], system)
        proved.problems += [f"{one.id}: {problem}" for problem in verdicts[one.id].problems]
    red: dict[str, bool] = {}
    for one in promise.mutants:
        tell(f"{promise.id} with {one.id}")
        red[one.id] = await _noticed(system, mutants[one.id], checks, proved.problems, one.id)
    passed = {name: not verdict.problems for name, verdict in verdicts.items()}
    for name in {mutants[one.id].check for one in promise.mutants if passed[mutants[one.id].check]}:
        tell(f"{promise.id} {name}, again")
        again = await _checked(checks[name], system)
        proved.problems += [f"{name}, after its mutants: {problem}" for problem in again.problems]
        passed[name] = not again.problems
    proved.evidence = Evidence(
        promise=promise.id,
        sentence=promise.sentence,
        proved_at=datetime.now(UTC),
        commit=of.commit,
        uncommitted=of.uncommitted,
        checks=passed,
        mutants=red,
        figures={name: verdict.figures for name, verdict in verdicts.items()},
    )
    return proved


async def _checked(check: Check, system: System) -> Verdict:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            return await check(system)
    except TimeoutError:
        return Verdict({}, (f"it took longer than {CHECK_SECONDS:.0f} s",))
    except Exception as error:  # noqa: BLE001 - a check that cannot look has seen nothing
        return Verdict({}, (f"it could not be made: {type(error).__name__}: {error}",))


async def _noticed(system: System, mutant: Mutant, checks: Mapping[str, Check], problems: list[str], name: str) -> bool:
    """Whether the check says what is wrong while the mutant is on. A check that cannot be made has noticed nothing."""
    try:
        async with asyncio.timeout(2 * CHECK_SECONDS):
            async with mutant.flip(system):
                verdict = await checks[mutant.check](system)
    except Exception as error:  # noqa: BLE001 - whatever stops a mutant, its check has not been shown to fail
        problems.append(f"{name} could not be tried: {type(error).__name__}: {error}")
        return False
    if not verdict.problems:
        problems.append(f"{name}: {mutant.check} did not notice")
    return bool(verdict.problems)
