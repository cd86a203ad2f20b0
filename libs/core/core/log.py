"""Structured log lines in the shape Cloud Logging reads (one JSON object a line on standard error).

    log = core.log.logger("audit.handlers")
    log.info("entries recorded", count=12)

Values are counts, ids, names of states and durations. Secrets, transcripts and briefs are never passed in: there is no
field for them, long text is cut, and an exception is logged as its class and the place it was raised, never as its
message, which may quote input.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
import warnings
from datetime import UTC, datetime
from typing import TextIO

from core.context import current

Value = str | int | float | bool | None

# Longer values are content, not facts; 200 characters hold any id, state or host name used here.
_LONGEST = 200

# Characters of version 00 of the header: 00-trace-span-flags (W3C Trace Context).
_TRACEPARENT = 55


class Logger:
    """Writes one structured line a call."""

    def __init__(self, name: str) -> None:
        self._logger = logging.getLogger(name)

    def debug(self, message: str, **fields: Value) -> None:
        """A detail for development."""
        self._write(logging.DEBUG, message, fields)

    def info(self, message: str, **fields: Value) -> None:
        """Something expected happened."""
        self._write(logging.INFO, message, fields)

    def warning(self, message: str, **fields: Value) -> None:
        """Something unexpected happened and was dealt with."""
        self._write(logging.WARNING, message, fields)

    def error(self, message: str, error: BaseException | None = None, **fields: Value) -> None:
        """Something failed and needs a person; `error` is written as class and place, not as text."""
        if error is not None:
            fields = {**fields, "error": type(error).__name__, "raised_at": _place(error)}
        self._write(logging.ERROR, message, fields)

    def _write(self, level: int, message: str, fields: dict[str, Value]) -> None:
        self._logger.log(level, message, extra={"fields": fields})


def logger(name: str) -> Logger:
    """The structured logger called `name`."""
    return Logger(name)


def configure(service: str, level: int = logging.INFO, project: str = "") -> None:
    """Send every log line of this process to standard error as JSON; `project` is where its traces are kept. For composition roots."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter(service, project))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    warnings.showwarning = _warned
    # Libraries' own informational lines may quote requests (httpx logs whole URLs, for one).
    for noisy in (
        "httpx",
        "httpx2",
        "httpcore",
        "httpcore2",
        "openai",
        "anthropic",
        "mcp",
        "google",
        "urllib3",
        "asyncio",
        "yoyo",
    ):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def _warned(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """Python's own warnings are lines of the log, too. Their texts are left out, as those of errors are: some quote what they are about."""
    del message, file, line
    logger("python").warning("python warns", category=category.__name__, place=f"{filename}:{lineno}")


class JsonFormatter(logging.Formatter):
    """Formats a record as one line of JSON with Cloud Logging's field names."""

    def __init__(self, service: str, project: str = "") -> None:
        super().__init__()
        self._service = service
        self._traces = f"projects/{project}/traces/" if project else ""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without a line end."""
        context = current()
        line: dict[str, Value] = {
            "severity": record.levelname,
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "service": self._service,
            "logger": record.name,
            "message": _cut(record.getMessage()),
        }
        if context.workspace_id:
            line["workspace_id"] = context.workspace_id
        if context.correlation_id:
            line["correlation_id"] = context.correlation_id
        if len(context.traceparent) == _TRACEPARENT:
            line |= self._trace(context.traceparent)
        if record.exc_info and record.exc_info[1] is not None:
            line["error"] = type(record.exc_info[1]).__name__
            line["raised_at"] = _place(record.exc_info[1])
        fields: dict[str, Value] = getattr(record, "fields", {})
        line.update({name: _cut(value) if isinstance(value, str) else value for name, value in fields.items()})
        return json.dumps(line, ensure_ascii=False)

    def _trace(self, traceparent: str) -> dict[str, Value]:
        """The names by which Cloud Logging puts a line beside its span (cloud.google.com/logging/docs/structured-logging)."""
        _, trace, span, flags = traceparent.split("-")
        return {
            "logging.googleapis.com/trace": self._traces + trace,
            "logging.googleapis.com/spanId": span,
            "logging.googleapis.com/trace_sampled": flags[-1] in "13579bdf",
        }


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return "?"
    last = frames[-1]
    module = last.filename.rsplit("/", 2)
    return f"{'/'.join(module[-2:])}:{last.lineno} {last.name}"
