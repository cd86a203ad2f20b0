"""The smallest app that is ready when its database is: what a service's start is compared with. Run as a program of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import uvicorn
from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """A pool for as long as the app lives."""
    async with asyncpg.create_pool(os.environ["APP_DATABASE_URL"], min_size=1) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.get("/readyz")
async def ready() -> dict[str, bool]:
    """Whether the database answers."""
    return {"ready": await app.state.pool.fetchval("SELECT true")}


if __name__ == "__main__":
    uvicorn.run(
        app,
        port=int(os.environ["PORT"]),
        ssl_certfile=os.environ["TLS_CERT"],
        ssl_keyfile=os.environ["TLS_KEY"],
        log_level="warning",
    )
