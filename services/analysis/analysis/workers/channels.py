"""Reading the channels of a workspace's Slack, so that an admin can choose one."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

import core.log
from analysis import events
from analysis.domain.notices import GrantId
from analysis.handlers.deliveries import LIST_SUBJECT, ask_vault
from analysis.slack.client import AskedToWait, CredentialRefused, Declined, NotPosted, Slack
from analysis.slack.credential import REQUESTER, Credential, Door
from analysis.store import channels, slack_grants
from analysis.store.channels import DueList, ListClaim
from analysis.workers.backoff import Backoff
from analysis.workers.notices import MARGIN_SECONDS, RENEWAL_SECONDS
from core.errors import Permanent
from core.faultpoints import reach
from core.ids import uuid7
from database import Database, Tx
from messaging import Outbox

log = core.log.logger("analysis.channels")

# Somebody waits for it, and can ask again: with the waits in between, about half a minute.
MOST_ATTEMPTS = 5


class ChannelWork(Struct, frozen=True):
    """The work of reading one workspace's channels. To read them twice does no harm."""

    db: Database
    outbox: Outbox
    door: Door
    slack: Slack
    backoff: Backoff = field(default_factory=Backoff)

    async def claim(self, limit: int, seconds: float) -> Sequence[ListClaim]:
        """Lists that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            return await channels.claim(tx, limit, seconds)

    async def renew(self, claim: ListClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await channels.renew(tx, claim, seconds)

    async def do(self, claim: ListClaim) -> None:
        """Read one list, or end it. No transaction is open while Slack is asked."""
        async with self.db.workspace(claim.workspace_id) as tx:
            due = await channels.claimed(tx, claim, MARGIN_SECONDS)
            if due is None or await self._settled(tx, claim, due):
                return
        sealed = due.granted.sealed
        assert sealed is not None, "what has no grant was settled before"  # noqa: S101
        try:
            credential = self.door.open(claim.workspace_id, sealed)
        except Permanent:
            await self._fail(claim, due, "credential_closed")
            return
        await self._read(claim, due, credential)

    async def _settled(self, tx: Tx, claim: ListClaim, due: DueList) -> bool:
        if due.granted.denial:
            await self._failed(tx, claim, due, due.granted.denial)
        elif claim.attempts > MOST_ATTEMPTS:
            await self._failed(tx, claim, due, "given_up")
        elif due.granted.expired:
            grant_id = GrantId(uuid7())
            await slack_grants.end(tx, due.granted.id)
            await slack_grants.ask(tx, grant_id)
            if await channels.ask_again(tx, claim, grant_id):
                await ask_vault(tx, self.outbox, grant_id, LIST_SUBJECT)
        else:
            return False
        return True

    async def _read(self, claim: ListClaim, due: DueList, credential: Credential) -> None:
        try:
            found, truncated = await self.slack.channels(credential)
        except CredentialRefused as error:
            await self._refused(claim, due, error)
        except AskedToWait as error:
            await self._put_back(claim, self.backoff.wait(claim.attempts, error.retry_after))
        except NotPosted:
            await self._put_back(claim, self.backoff.wait(claim.attempts))
        except Declined as error:
            await self._fail(claim, due, "list_missing_scope" if error.code == "missing_scope" else error.code)
        else:
            async with self.db.workspace(claim.workspace_id) as tx:
                if await channels.replace(tx, claim, found, truncated=truncated):
                    await slack_grants.end(tx, due.granted.id)
                    log.info("the channels of a Slack were read", channels=len(found))
                reach("analysis.channels.before_commit")

    async def _refused(self, claim: ListClaim, due: DueList, error: CredentialRefused) -> None:
        sealed = due.granted.sealed
        assert sealed is not None, "what has no grant was settled before"  # noqa: S101
        async with self.db.workspace(claim.workspace_id) as tx:
            if sealed.credential_version == due.refused_version:
                held = await self._failed(tx, claim, due, "credential_refused")
            else:
                held = await channels.refused(tx, claim, sealed.credential_version, RENEWAL_SECONDS)
                await slack_grants.end(tx, sealed.grant_id)
            if held:
                told = events.credential_rejected(sealed, error.provider_status)
                # After the request of the same grant, whose number is 1.
                await self.outbox.add(tx, told, aggregate_id=str(sealed.grant_id), sequence=2, requester=REQUESTER)

    async def _put_back(self, claim: ListClaim, seconds: float) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await channels.put_back(tx, claim, seconds, counts=True)

    async def _fail(self, claim: ListClaim, due: DueList, reason: str) -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await self._failed(tx, claim, due, reason)

    async def _failed(self, tx: Tx, claim: ListClaim, due: DueList, reason: str) -> bool:
        if not await channels.fail(tx, claim, reason):
            return False
        await slack_grants.end(tx, due.granted.id)
        log.info("the channels of a Slack cannot be read", cause=reason)
        return True
