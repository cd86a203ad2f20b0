"""What every composition root does alike, so that a service's `main.py` shows only what is its own.

    @asynccontextmanager
    async def compose(settings: Settings) -> AsyncIterator[Assembly]:
        async with assembled("audit", settings) as parts:
            parts.consume("audit", routes())
            parts.serve(router(parts.db))
            yield parts

The command line is `runtime.commands`; a process that serves does not load it. Not for: anything a single service does, or any decision
about messages (that is `messaging`).
"""

import runtime.lean  # noqa: F401 - before anything else imports FastAPI
from runtime.assembly import Assembly, assembled, endpoint, secrets_for

__all__ = ["Assembly", "assembled", "endpoint", "secrets_for"]
