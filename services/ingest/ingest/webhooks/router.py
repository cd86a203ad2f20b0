"""`POST /webhooks/…`: open to the world, so that each is checked before anything of it is read; and what operators are told of them."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, Request
from fastapi.responses import Response

from ingest.domain.webhooks import Sender
from ingest.webhooks.desk import GONG_PATH, HUBSPOT_PATH, Desk
from ingest.webhooks.tally import Counted, Tally
from web.routes import new_router


def router(desk: Desk) -> APIRouter:
    """The routes. No content type is asked for: what counts is the raw body."""
    routes = new_router()
    front = desk.front

    @routes.post("/webhooks/clerk")
    async def hear_clerk(request: Request) -> Response:
        return await front.take(Sender.CLERK, request, desk.hear_clerk)

    @routes.post("/webhooks/stripe")
    async def hear_stripe(request: Request) -> Response:
        return await front.take(Sender.STRIPE, request, desk.hear_stripe)

    @routes.post(f"{GONG_PATH}{{endpoint}}")
    async def hear_gong(request: Request, endpoint: str) -> Response:
        return await front.take(Sender.GONG, request, partial(desk.hear_gong, endpoint))

    @routes.post(HUBSPOT_PATH)
    async def hear_hubspot(request: Request) -> Response:
        return await front.take(Sender.HUBSPOT, request, desk.hear_hubspot)

    @routes.post("/webhooks/slack")
    async def hear_slack(request: Request) -> Response:
        return await front.take(Sender.SLACK, request, desk.hear_slack)

    return routes


def add_counts(tally: Tally, routes: APIRouter) -> None:
    """`GET /webhooks`: how many came to which end. `routes` are open to operators only."""

    @routes.get("/webhooks")
    async def counted() -> list[Counted]:
        return tally.counted()
