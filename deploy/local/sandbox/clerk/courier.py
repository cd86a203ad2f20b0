"""Delivers webhooks the way Svix does for Clerk: signed, over TLS, again and again until the receiver accepts."""

from __future__ import annotations

import logging
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio
import httpx
from svix.webhooks import Webhook

from local.sandbox.clerk.webhook_events import WebhookMessage
from local.sandbox.clock import Clock

FIRST_WAIT = 0.5
"""Seconds before the first repetition; doubled each time."""
LONGEST_WAIT = 15.0
REQUEST_SECONDS = 10.0
"""Svix gives a receiver 15 s; a receiver on the same machine needs less."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Courier:
    """Takes messages to one receiver."""

    url: str
    secret: str
    trusted_ca: Path | None
    clock: Clock

    async def deliver(self, messages: Sequence[WebhookMessage]) -> None:
        """Delivers all messages in order; returns when the last has been accepted."""
        trust = ssl.create_default_context(cafile=self.trusted_ca)
        async with httpx.AsyncClient(verify=trust, timeout=REQUEST_SECONDS, trust_env=False) as client:
            for message in messages:
                await self._until_accepted(client, message)

    async def _until_accepted(self, client: httpx.AsyncClient, message: WebhookMessage) -> None:
        wait = FIRST_WAIT
        while not await self._attempt(client, message):
            await anyio.sleep(wait)
            wait = min(2 * wait, LONGEST_WAIT)

    async def _attempt(self, client: httpx.AsyncClient, message: WebhookMessage) -> bool:
        try:
            response = await client.post(self.url, content=message.body, headers=self._headers(message))
        except httpx.HTTPError as error:
            _log.info("webhook %s: no answer (%s); it will be sent again", message.message_id, type(error).__name__)
            return False
        if not response.is_success:
            _log.info("webhook %s: status %d; it will be sent again", message.message_id, response.status_code)
        return response.is_success

    def _headers(self, message: WebhookMessage) -> dict[str, str]:
        now = self.clock.now()
        signature = Webhook(self.secret).sign(message.message_id, now, message.body)
        return {
            "content-type": "application/json",
            "user-agent": "Svix-Webhooks/1.0 (sandbox)",
            "svix-id": message.message_id,
            "svix-timestamp": str(int(now.timestamp())),
            "svix-signature": signature,
        }
