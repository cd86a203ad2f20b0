"""What every composition root does alike, so that a service's `main.py` shows only what is its own.

    @asynccontextmanager
    async def compose(settings: Settings) -> AsyncIterator[Assembly]:
        async with assembled("audit", settings) as parts:
            parts.consume("audit", routes())
            parts.serve(router(parts.db))
            yield parts

Not for: anything a single service does, or any decision about messages (that is `messaging`).
"""

from runtime.assembly import Assembly, assembled, endpoint
from runtime.commands import reporting_errors, service_app

__all__ = ["Assembly", "assembled", "endpoint", "reporting_errors", "service_app"]
