"""A run of the tests records what every service executes, and fails when a statement cannot be accounted for.

Where several processes share the tests (pytest-xdist), all record into one folder, and the one that gives the tests out checks it.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from chaos.server import postgres
from isolation.captured import Captured, Finding, check_captured, read
from isolation.reference import live_catalogs, queries_of
from testkit.capture import Recording, recording

CAPTURED = Path(__file__).resolve().parents[2] / "build" / "captured"

_SHOWN = 20
_COMPLETE = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)


@dataclass(slots=True)
class _Run:
    """One run of the tests: what records, and what was found at its end."""

    recording: Recording
    closing: ExitStack
    captured: list[Captured] = field(default_factory=list)
    checked: int = 0


_RUN = pytest.StashKey[_Run]()

# What a worker is told, and what it tells at its end.
_FOLDER, _LEFT_OUT = "captured", "left_out"


def begin(session: pytest.Session) -> None:
    """Record from now on, into an empty folder: in build/ when all tests run, for the isolation proof, else a temporary one."""
    options = session.config.option
    if options.collectonly:
        return
    told = _told(session.config)
    if told is not None:
        closing = ExitStack()
        session.config.stash[_RUN] = _Run(closing.enter_context(recording(Path(told[_FOLDER]))), closing)
        return
    narrowed = (
        options.keyword or options.markexpr or session.config.args_source is not pytest.Config.ArgsSource.TESTPATHS
    )
    closing = ExitStack()
    if narrowed:
        folder = Path(closing.enter_context(TemporaryDirectory(prefix="callmine-captured-")))
    else:
        folder = CAPTURED / "tests"
        shutil.rmtree(folder, ignore_errors=True)
    session.config.stash[_RUN] = _Run(closing.enter_context(recording(folder)), closing)


def _told(config: pytest.Config) -> dict[str, str] | None:
    """What this process was given as a worker; None for one that is not."""
    return getattr(config, "workerinput", None)


def tell(config: pytest.Config, workerinput: dict[str, str]) -> None:
    """Have a worker that is about to start record where this process does."""
    workerinput[_FOLDER] = str(config.stash[_RUN].recording.folder)


def hear(config: pytest.Config, workeroutput: Mapping[str, dict[str, int]]) -> None:
    """Take over what a worker that has ended left out."""
    left_out = config.stash[_RUN].recording.left_out
    for reason, count in workeroutput.get(_LEFT_OUT, {}).items():
        left_out[reason] = left_out.get(reason, 0) + count


def finish(session: pytest.Session, exitstatus: int) -> None:
    """Check what was recorded; a finding is one more failed test."""
    run = session.config.stash.get(_RUN, None)
    if run is None:
        return
    if _told(session.config) is not None:
        run.closing.close()
        session.config.workeroutput[_LEFT_OUT] = run.recording.left_out  # type: ignore[attr-defined]  # xdist's
        return
    run.captured = read(run.recording.folder)
    run.closing.close()
    if exitstatus not in _COMPLETE or not run.captured:
        return
    with _quiet(session.config):
        findings = asyncio.run(_check(run.captured))
    run.checked = len(run.captured) - len(findings)
    if findings:
        session.config.hook.pytest_runtest_logreport(report=_report(findings))
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@contextmanager
def _quiet(config: pytest.Config) -> Iterator[None]:
    """Keep what the server's processes say out of the summary, as during a test."""
    manager = config.pluginmanager.getplugin("capturemanager")
    manager.resume_global_capture()
    try:
        yield
    finally:
        manager.suspend_global_capture()
        manager.read_global_capture()


def summary(reporter: pytest.TerminalReporter) -> None:
    """How many statements there were, and which databases were left out for which reason."""
    run = reporter.config.stash.get(_RUN, None)
    if run is None:
        return
    reporter.write_line(f"statements captured: {len(run.captured)}, checked: {run.checked}")
    for reason, count in sorted(run.recording.left_out.items()):
        reporter.write_line(f"  not captured ({count} opened): {reason}")


async def _check(captured: list[Captured]) -> list[Finding]:
    names = {one.service for one in captured}
    with postgres() as admin_url:
        found = await live_catalogs(admin_url, names)
    return check_captured(captured, found, {service: queries_of(service) for service in found})


def _report(findings: list[Finding]) -> pytest.TestReport:
    lines = [f"{len(findings)} statements that ran cannot be accounted for:"]
    lines += [str(finding) for finding in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        lines.append(f"… and {len(findings) - _SHOWN} more")
    name = "captured statements"
    return pytest.TestReport(name, (name, None, name), {}, "failed", "\n".join(lines), "call")
