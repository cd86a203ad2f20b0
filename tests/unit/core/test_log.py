"""Log lines: one JSON object each, with the work in hand, without what people wrote."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest

from core import log
from core.context import working_for

SECRET = "the customer said something confidential"


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    """Where the root logger writes during the test, in the format of production."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(log.JsonFormatter("audit"))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:], root.level = [handler], logging.DEBUG
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def only(lines: io.StringIO) -> dict[str, object]:
    (line,) = lines.getvalue().splitlines()
    read = json.loads(line)
    assert isinstance(read, dict)
    return read


def fail() -> None:
    raise ValueError(SECRET)


def test_a_line_holds_its_fields(lines: io.StringIO) -> None:
    log.logger("audit.handlers").info("entries recorded", count=12, parked=False, of=None)
    line = only(lines)
    assert line.pop("time")
    assert line == {
        "severity": "INFO",
        "service": "audit",
        "logger": "audit.handlers",
        "message": "entries recorded",
        "count": 12,
        "parked": False,
        "of": None,
    }


def test_a_line_says_whose_work_it_is(lines: io.StringIO) -> None:
    with working_for("org_a", correlation_id="c1"):
        log.logger("audit").warning("late")
    line = only(lines)
    assert (line["workspace_id"], line["correlation_id"]) == ("org_a", "c1")


def test_without_work_in_hand_there_is_no_workspace(lines: io.StringIO) -> None:
    log.logger("audit").debug("idle")
    assert "workspace_id" not in only(lines)


def test_an_error_is_its_class_and_place(lines: io.StringIO) -> None:
    try:
        fail()
    except ValueError as error:
        log.logger("audit").error("handler failed", error)
    line = only(lines)
    assert line["error"] == "ValueError"
    assert str(line["raised_at"]).startswith("core/test_log.py:")
    assert str(line["raised_at"]).endswith(" fail")
    assert SECRET not in lines.getvalue()


def test_what_other_libraries_log_with_a_traceback_shows_no_message(lines: io.StringIO) -> None:
    try:
        fail()
    except ValueError:
        logging.getLogger("some.library").exception("it failed")
    assert only(lines)["error"] == "ValueError"
    assert SECRET not in lines.getvalue()


def test_an_error_that_was_never_raised_has_no_place(lines: io.StringIO) -> None:
    log.logger("audit").error("refused", ValueError(SECRET))
    assert only(lines)["raised_at"] == "?"
    assert SECRET not in lines.getvalue()


def test_long_values_are_cut(lines: io.StringIO) -> None:
    log.logger("audit").info("m" * 500, name="x" * 500)
    line = only(lines)
    assert len(str(line["message"])) == len(str(line["name"])) == 200
    assert str(line["name"]).endswith("…")


def test_a_line_stays_a_line(lines: io.StringIO) -> None:
    log.logger("audit").info("one\ntwo", name="three\r\nfour")
    assert only(lines)["message"] == "one\ntwo"


@pytest.mark.parametrize("name", ["httpx", "httpx2", "httpcore", "httpcore2"])
def test_talkative_libraries_are_kept_short(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers[:])
    level, noisy = root.level, logging.getLogger(name)
    before, shown = noisy.level, warnings.showwarning
    try:
        log.configure("audit")
        assert noisy.getEffectiveLevel() == logging.WARNING
        (handler,) = root.handlers
        assert isinstance(handler.formatter, log.JsonFormatter)
    finally:
        warnings.showwarning = shown
        root.setLevel(level)
        noisy.setLevel(before)


def test_a_warning_of_python_is_a_line_of_the_log_without_its_text() -> None:
    program = (
        "import core.log, warnings\ncore.log.configure('audit')\nwarnings.warn('an extra\\nis missing', stacklevel=1)\n"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr
    [line] = [json.loads(one) for one in told.splitlines()]
    assert (line["severity"], line["logger"], line["service"]) == ("WARNING", "python", "audit")
    assert (line["category"], line["place"]) == ("UserWarning", "<string>:3")
    assert "an extra" not in told
