"""`/trust`: each promise with what proves it; the evidence, and the keys to check it with. For everybody."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

from database import Database
from retention.domain.kept import Kept, with_requests
from retention.domain.promises import Judged, Promise, Standing, judge, latest
from retention.evidence import Shelf
from retention.store import erasures
from web import Pages
from web.state import web_of

_LINES = "application/x-ndjson"


def add_trust(routes: APIRouter, pages: Pages, promises: Sequence[Promise], shelf: Shelf, db: Database) -> None:
    """Add the public pages. Whether deletion keeps to its promise is read from the requests themselves, for each reader anew."""

    async def judged(request: Request, kept: Kept) -> list[Judged]:
        now = web_of(request).clock.now()
        newest = latest((await shelf.read()).found, now)
        return [with_requests(judge(one, newest.get(one.id), now), kept) for one in promises]

    @routes.get("/trust")
    async def trust(request: Request) -> Response:
        kept = await erasures.kept_to(db)
        found = await judged(request, kept)
        counts = Counter(one.standing for one in found)
        proofs = [one.evidence.proved_at for one in found if one.evidence is not None]
        return pages.render(
            request,
            "trust.html",
            None,
            found=found,
            counts=[(standing, counts[standing]) for standing in Standing],
            newest=max(proofs, default=None),
            now=web_of(request).clock.now(),
            keys=[key.text for key in shelf.keys],
            kept=kept,
        )

    @routes.get("/trust/evidence.intoto.jsonl")
    async def evidence() -> Response:
        """All evidence that verifies, as signed: an in-toto bundle, an envelope on each line."""
        return Response((await shelf.read()).lines, media_type=_LINES)

    @routes.get("/trust/keys")
    async def keys() -> PlainTextResponse:
        """The public keys of the evidence, one on a line."""
        return PlainTextResponse("".join(f"{key.text}\n" for key in shelf.keys))
