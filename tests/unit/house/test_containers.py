"""`make test BACKEND=containers` where it cannot work; where there is an engine, the run itself is the test."""

from __future__ import annotations

import os

import containers
import pytest


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(containers.DATABASE, raising=False)


def test_without_an_engine_the_run_says_what_to_do(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(containers.BACKEND, "containers")
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(pytest.UsageError, match=r"needs a Docker engine.*DOCKER_HOST"):
        containers.begin(request.session)


def test_another_backend_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(containers.BACKEND, "podman")
    with pytest.raises(pytest.UsageError, match="there are embedded and containers"):
        containers.wanted()


@pytest.mark.parametrize("backend", ["", "embedded"])
def test_nothing_is_started_that_was_not_asked_for(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    monkeypatch.setenv(containers.BACKEND, backend)
    containers.begin(request.session)
    assert containers.DATABASE not in os.environ
