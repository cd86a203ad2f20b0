"""What every webhook goes through, whoever sends it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import Request
from fastapi.responses import PlainTextResponse, Response
from msgspec import Struct

from cloud.secrets import Secrets
from core.clock import Clock
from core.context import working_for
from core.errors import CallmineError, Gone, NotFound
from core.ids import WorkspaceId, uuid7
from core.log import logger
from database import Database, Tx
from ingest.domain.webhooks import Outcome, Sender, secret_name
from ingest.webhooks.arrival import Arrival, arrived
from ingest.webhooks.refusal import NotSetUp, reason_of
from ingest.webhooks.tally import Tally

log = logger("ingest.webhooks")

Work = Callable[[Tx], Awaitable[bool]]
"""Writes what a webhook means; False when it had been heard before."""


class Heard(Struct, frozen=True):
    """What became of a webhook, and the text to answer with."""

    outcome: Outcome
    answer: str = ""


Listen = Callable[[Arrival], Awaitable[Heard]]


class Front(Struct, frozen=True):
    """`base_url` is the https origin at which the senders reach `/webhooks`."""

    db: Database
    secrets: Secrets
    clock: Clock
    base_url: str
    tally: Tally

    async def take(self, sender: Sender, request: Request, listen: Listen) -> Response:
        """200 for what is the sender's, however often it comes; else 401, 400 unreadable, 413 too large, or 503 to be sent again."""
        try:
            heard = await listen(await arrived(request, self.clock.now()))
        except CallmineError as error:
            reason = reason_of(error)
            if reason is not None:
                self.tally.refused(sender, reason)
            raise
        self.tally.taken(sender, heard.outcome)
        return PlainTextResponse(heard.answer)

    async def secrets_of(self, sender: Sender) -> list[str]:
        """The secrets that the sender may sign with: one a line, two while one takes the other's place. Raises NotSetUp, Transient."""
        try:
            text = (await self.secrets.read(secret_name(sender))).decode()
        except NotFound:
            raise NotSetUp from None
        found = text.split()
        if not found:
            raise NotSetUp
        return found

    async def within(self, workspace_id: WorkspaceId, kind: str, work: Work) -> Heard:
        """Do `work` in one transaction of the workspace. `kind` is the sender's word for what it tells."""
        with working_for(workspace_id, str(uuid7())):
            try:
                async with self.db.workspace(workspace_id) as tx:
                    is_news = await work(tx)
            except Gone:
                # It is nobody's any more; the sender is not to send it again.
                return Heard(Outcome.NO_WORKSPACE)
            log.info("webhook heard", type=kind, news=is_news)
        return Heard(Outcome.TAKEN if is_news else Outcome.KNOWN)

    def url(self, path: str) -> str:
        """The whole public address of a path."""
        return f"{self.base_url}{path}"
