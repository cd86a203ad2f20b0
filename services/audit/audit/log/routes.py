"""What is public of the logs (keys, the global log's head and its tiles), and a workspace's own log for its admins.

/audit/log/keys                 the public keys, one on a line
/audit/log/checkpoint           the global log's signed checkpoint
/audit/log/tile/<level>/<n>     hashes of the global log, as https://c2sp.org/tlog-tiles names them
/audit/log/callmine_verify.py   the verifier
/audit/log/callmine_verify_selection.py   the verifier of filtered exports, which needs the other one beside it
/api/v1/audit/log/checkpoint    the workspace's signed checkpoint
/api/v1/audit/log/export        the workspace's log with its proof, JSON lines
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Annotated

from fastapi import APIRouter, Depends
from fastapi.responses import PlainTextResponse, Response, StreamingResponse

from audit.log import export, store
from audit.log.note import Keyring
from audit.log.store import sweeps
from audit.log.tree import HASH_BYTES, TILE_WIDTH
from core.errors import NotFound
from database import Database
from web import Scope, Session, admin, needs
from web.routes import new_router

Admin = Annotated[Session, Depends(admin)]

_NUMBER = re.compile(r"((?:x\d{3}/){0,6}\d{3})(?:\.p/([1-9]\d{0,2}))?")

# The highest level there can be: 256^8 is more than any table holds.
_LEVELS = 8

_LINES = "application/x-ndjson"

_HEAD = {"cache-control": "public, max-age=1"}
_FULL = {"cache-control": "public, max-age=31536000, immutable"}


def log_router(db: Database, keyring: Keyring) -> APIRouter:
    """The routes."""
    routes = new_router()
    routes.include_router(_public(db, keyring))
    routes.include_router(_own(db))
    return routes


def _public(db: Database, keyring: Keyring) -> APIRouter:
    routes = new_router()

    @routes.get("/audit/log/keys")
    async def keys() -> PlainTextResponse:
        """The public keys of the log, one on a line."""
        return PlainTextResponse("".join(f"{one.text}\n" for one in keyring.verifiers), headers=_HEAD)

    @routes.get("/audit/log/checkpoint")
    async def global_checkpoint() -> PlainTextResponse:
        """The signed checkpoint of the global log."""
        async with db.sweep() as tx:
            note = (await sweeps.read_global(tx)).checkpoint
        if not note:
            raise NotFound("the global log is empty so far")
        return PlainTextResponse(note, headers=_HEAD)

    @routes.get("/audit/log/tile/{level}/{number:path}")
    async def tile(level: int, number: str) -> Response:
        """A tile of the global log, as https://c2sp.org/tlog-tiles has them."""
        place, width = _tile(level, number)
        async with db.sweep() as tx:
            hashes = (await sweeps.global_tiles(tx, [(level, place)])).get((level, place), b"")
        if len(hashes) < width * HASH_BYTES:
            raise NotFound("the global log has no such tile yet")
        headers = _FULL if width == TILE_WIDTH else _HEAD
        return Response(hashes[: width * HASH_BYTES], media_type="application/octet-stream", headers=headers)

    @routes.get("/audit/log/callmine_verify.py")
    async def verifier() -> PlainTextResponse:
        """The verifier: one file of Python that needs nothing else."""
        return _script("callmine_verify.py")

    @routes.get("/audit/log/callmine_verify_selection.py")
    async def verifier_of_selections() -> PlainTextResponse:
        """The verifier of filtered exports: a second file, which needs the first one beside it."""
        return _script("callmine_verify_selection.py")

    return routes


def _script(name: str) -> PlainTextResponse:
    return PlainTextResponse((files("audit") / "verify" / name).read_text(encoding="utf-8"), headers=_HEAD)


def _own(db: Database) -> APIRouter:
    routes = new_router()

    @routes.get(
        "/api/v1/audit/log/checkpoint",
        dependencies=[needs(Scope.AUDIT_READ)],
        response_class=PlainTextResponse,
        responses={404: {}},
    )
    async def checkpoint(session: Admin) -> PlainTextResponse:
        """The signed checkpoint of the workspace's own log. 404 while nothing has been sealed."""
        async with db.workspace(session.workspace_id) as tx:
            note = (await store.head(tx)).checkpoint
        if not note:
            raise NotFound("nothing of this workspace has been sealed yet: try again when there is an audit entry")
        return PlainTextResponse(note)

    @routes.get(
        "/api/v1/audit/log/export",
        dependencies=[needs(Scope.AUDIT_READ)],
        response_class=StreamingResponse,
        responses={200: {"content": {_LINES: {"schema": {"type": "string"}}}}, 404: {}},
    )
    async def exported(session: Admin) -> StreamingResponse:
        """The workspace's whole log, entries and steps of staff access, with its proof, as JSON lines for the verifier.

        404 while nothing has been sealed.
        """
        lines = export.lines(db, session.workspace_id)
        # The first line before the answer begins: a log that is empty is told as an error.
        first = await anext(lines)

        async def whole() -> AsyncIterator[bytes]:
            yield first
            async for chunk in lines:
                yield chunk

        name = f'attachment; filename="audit-{session.workspace_id}.jsonl"'
        return StreamingResponse(whole(), media_type=_LINES, headers={"content-disposition": name})

    return routes


def _tile(level: int, number: str) -> tuple[int, int]:
    """Number and width of a tile from its path, in groups of three digits: x001/x234/067 or 000.p/5. Raises NotFound."""
    match = _NUMBER.fullmatch(number)
    width = int(match[2] or TILE_WIDTH) if match else 0
    if match is None or not 0 <= level < _LEVELS or not 0 < width <= TILE_WIDTH:
        raise NotFound("there is no such tile: expected tile/<level>/<number> in groups of three digits")
    return int(match[1].replace("x", "").replace("/", "")), width
