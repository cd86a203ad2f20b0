"""Fixtures of all tests: a real PostgreSQL, a fresh migrated database of any service for one test, and the outside world.

What every service executes meanwhile is captured and checked at the end of the run.
"""

from __future__ import annotations

import containers
import pytest

from cloud.engine import keep_engine
from isolation import session as capture
from testkit.canaries import line_search, no_canaries
from testkit.outside import outside
from testkit.postgres import new_database, postgres_url, templates
from testkit.shares import ByFile, Producer, WorkerController

__all__ = ["line_search", "new_database", "no_canaries", "outside", "postgres_url", "templates"]


def pytest_sessionstart(session: pytest.Session) -> None:
    """Before anything is collected."""
    keep_engine()
    containers.begin(session)
    capture.begin(session)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """After the last test and its fixtures, before the summary."""
    capture.finish(session, exitstatus)
    containers.finish(session)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At the end of the summary."""
    capture.summary(terminalreporter)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Bytes name no test: what they hold may differ from process to process, and then these collect different tests."""
    return argname if isinstance(val, bytes) else None


def pytest_configure_node(node: WorkerController) -> None:
    """Before a process that gets a share of the tests starts."""
    capture.tell(node.config, node.workerinput)


def pytest_testnodedown(node: WorkerController, error: object) -> None:
    """After one has ended; one that crashed has nothing to tell."""
    capture.hear(node.config, getattr(node, "workeroutput", {}))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """How they are shared out."""
    return ByFile(config, log)
