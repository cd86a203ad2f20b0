"""The filtered log as a file, streamed: CSV for spreadsheets, JSON lines for programs.

An export of the log is not itself an entry: `report.exported` tells of reports, there is no fifteenth type, and reads are not audited.
"""

from __future__ import annotations

import csv
import enum
import io
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import UTC
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from audit.domain.entry import Entry
from audit.http.api import view
from audit.http.inputs import Admin, Asking
from audit.log import selection
from audit.reader import Reader
from core.errors import InvalidInput
from web import Scope, needs
from web.routes import new_router

COLUMNS = (
    "occurred_at",
    "type",
    "actor_kind",
    "actor_id",
    "actor_email",
    "source",
    "target_kind",
    "target_id",
    "field",
    "before",
    "after",
    "recorded_at",
    "id",
)

# OWASP's list of what begins a formula, and the full-width forms that Excel takes for them.
_FORMULA = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
_UNSEEN = " \u00a0\u200b\u200c\u200d\u2060\ufeff\x0b\x0c"
_MARK = "\ufeff"  # without it Excel takes UTF-8 for something else


class Form(enum.StrEnum):
    """What the file is."""

    CSV = "csv"
    JSONL = "jsonl"
    PROOF = "proof"

    @classmethod
    def parse(cls, text: str) -> Form:
        """The form called `text`. Raises InvalidInput."""
        try:
            return cls(text)
        except ValueError:
            raise InvalidInput("The log is exported as csv, jsonl or proof.") from None


_MEDIA = {Form.CSV: "text/csv; charset=utf-8", Form.JSONL: "application/jsonl", Form.PROOF: "application/jsonl"}
_NAMES = {form: f"callmine-audit-log.{form.value}" for form in (Form.CSV, Form.JSONL)} | {
    Form.PROOF: "callmine-audit-log-proof.jsonl"
}

# For the API's description.
_FILES = {media.partition(";")[0]: {"schema": {"type": "string"}} for media in _MEDIA.values()}
Chosen = Annotated[str, Query(alias="format", max_length=10, json_schema_extra={"enum": [form.value for form in Form]})]


class ExportRoutes:
    """Exports: one path for people, one for programs, the same file."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def router(self) -> APIRouter:
        """The route of the page's links."""
        router = new_router(include_in_schema=False)
        router.add_api_route("/audit/export", self.file, methods=["GET"])
        return router

    def api(self) -> APIRouter:
        """The API."""
        router = new_router()
        router.add_api_route(
            "/api/v1/audit/export",
            self.file,
            methods=["GET"],
            response_class=StreamingResponse,
            responses={200: {"content": _FILES}, 404: {}},
            dependencies=[needs(Scope.AUDIT_READ, costly=True)],
        )
        return router

    async def file(self, session: Admin, filters: Asking, form: Chosen = "csv") -> StreamingResponse:
        """All entries that the filters ask for. Where something fails half-way the connection is broken off: a file never ends early.

        As `proof`, JSON lines in the log's own order that prove each entry by the signed checkpoint; 404 while nothing has been sealed.
        """
        chosen = Form.parse(form)
        headers = {
            "content-type": _MEDIA[chosen],
            "content-disposition": f'attachment; filename="{_NAMES[chosen]}"',
        }
        if chosen is Form.PROOF:
            lines = selection.lines(self._reader.db, session.workspace_id, filters)
            return StreamingResponse(_behind(await anext(lines), lines), headers=headers)
        parts = self._reader.everything(session.workspace_id, filters)
        first = await anext(parts)
        return StreamingResponse(_encoded(chosen, first, parts), headers=headers)


async def _behind(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for chunk in rest:
        yield chunk


async def _encoded(form: Form, first: Sequence[Entry], rest: AsyncIterator[Sequence[Entry]]) -> AsyncIterator[bytes]:
    encode: Callable[[Iterable[Entry]], str] = csv_lines if form is Form.CSV else json_lines
    head = _MARK + _written([COLUMNS]) if form is Form.CSV else ""
    yield (head + encode(first)).encode("utf-8", "replace")
    async for entries in rest:
        yield encode(entries).encode("utf-8", "replace")


def csv_lines(entries: Iterable[Entry]) -> str:
    """One line for each field of each diff; an entry without one has one line without (RFC 4180)."""
    return _written(line for entry in entries for line in _lines(entry))


def json_lines(entries: Iterable[Entry]) -> str:
    """One line for each entry, as the API tells it."""
    return "".join(f"{view(entry, {}).model_dump_json()}\n" for entry in entries)


def cell(value: str) -> str:
    """Safe in a spreadsheet: what could be taken for a formula gets an apostrophe in front. Spaces, and what is not seen, hide nothing."""
    shown = value.replace("\x00", "")
    return f"'{shown}" if shown.startswith(_FORMULA) or shown.lstrip(_UNSEEN).startswith(_FORMULA) else shown


def _lines(entry: Entry) -> Iterable[tuple[str, ...]]:
    times = [moment.astimezone(UTC).isoformat() if moment else "" for moment in (entry.occurred_at, entry.recorded_at)]
    actor = (entry.actor_kind, entry.actor_id, entry.actor_email)
    changes = [(one.field, one.before or "", one.after or "") for one in entry.diff] or [("", "", "")]
    for change in changes:
        yield (
            times[0],
            entry.type.value,
            *actor,
            entry.source,
            entry.target_kind,
            entry.target_id,
            *change,
            times[1],
            str(entry.id),
        )


def _written(rows: Iterable[Sequence[str]]) -> str:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\r\n").writerows([cell(value) for value in row] for row in rows)
    return file.getvalue()
