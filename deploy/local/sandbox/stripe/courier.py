"""Delivers Stripe's webhooks: signed, over TLS, until the receiver accepts; on demand twice and in any order, as Stripe says it may."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import random
import ssl
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import httpx
from anyio.abc import TaskGroup

from local.sandbox.clock import Clock
from local.sandbox.stripe.records import Record

FIRST_WAIT = 0.5
"""Seconds before the first repetition; doubled each time."""
LONGEST_WAIT = 15.0
REQUEST_SECONDS = 10.0
SHUFFLED_WITHIN = 0.5
"""Seconds within which events change places where that is wanted."""

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Manners:
    """How events are delivered: so many times each, in any order, or not at all until that is taken back."""

    copies: int = 1
    shuffled: bool = False
    held: bool = False
    dice: random.Random = field(default_factory=lambda: random.Random(1))


@dataclass(slots=True)
class Courier:
    """Takes events to one receiver, each in a task of its own."""

    url: str
    secret: str
    trusted_ca: Path | None
    clock: Clock
    manners: Manners = field(default_factory=Manners)
    _tasks: TaskGroup | None = None
    _waiting: list[Record] = field(default_factory=list)

    def deliver_in(self, tasks: TaskGroup) -> None:
        """From now on events are delivered, in ``tasks``."""
        self._tasks = tasks
        self.release()

    def take(self, event: Record) -> None:
        """Deliver an event, now or when it may be."""
        self._waiting.append(event)
        if not self.manners.held:
            self.release()

    def release(self) -> None:
        """Deliver what waits."""
        if self._tasks is None:
            return
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            for _ in range(self.manners.copies):
                self._tasks.start_soon(self._deliver, event)

    async def _deliver(self, event: Record) -> None:
        if self.manners.shuffled:
            await anyio.sleep(self.manners.dice.uniform(0, SHUFFLED_WITHIN))
        trust = ssl.create_default_context(cafile=self.trusted_ca)
        wait = FIRST_WAIT
        async with httpx.AsyncClient(verify=trust, timeout=REQUEST_SECONDS, trust_env=False) as client:
            while not await self._attempt(client, event):
                await anyio.sleep(wait)
                wait = min(2 * wait, LONGEST_WAIT)

    async def _attempt(self, client: httpx.AsyncClient, event: Record) -> bool:
        body = json.dumps(event, indent=2).encode()
        headers = {
            "content-type": "application/json; charset=utf-8",
            "stripe-signature": signature(self.secret, body, int(self.clock.now().timestamp())),
            "user-agent": "Stripe/1.0 (sandbox)",
        }
        try:
            response = await client.post(self.url, content=body, headers=headers)
        except httpx.HTTPError as error:
            _log.info("event %s: no answer (%s); it will be sent again", event["id"], type(error).__name__)
            return False
        if not response.is_success:
            _log.info("event %s: status %d; it will be sent again", event["id"], response.status_code)
        return response.is_success


def signature(secret: str, body: bytes, at: int) -> str:
    """The header that Stripe signs an event with; the key is the whole text of the secret."""
    digest = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"
