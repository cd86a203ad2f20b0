"""Sending notices by Slack, each at most once.

"sending" is committed before Slack is asked. Whoever finds a notice in that state whose holder has gone cannot know whether it was posted,
and Slack cannot be asked: it ends as unknown.

posted                       sent
Slack asks to wait           due again then; nothing is counted
Slack was not reached        due again, later each time; given up after `MOST_ATTEMPTS`
Slack refuses the credential the vault is told and asked for another grant; the notice fails where that holds the version that was refused
Slack declines               failed, with Slack's word for it
no answer that tells         unknown
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

import core.log
from analysis import events
from analysis.domain.notices import GrantId, Notice, NoticeState, announcing_words, words
from analysis.slack.client import AskedToWait, CredentialRefused, Declined, NotPosted, Slack, Unclear
from analysis.slack.credential import REQUESTER, Credential, Door
from analysis.store import notices
from analysis.store.notices import NoticeClaim
from analysis.workers.backoff import Backoff
from core.clock import Clock, SystemClock
from core.errors import Permanent
from core.faultpoints import reach
from core.ids import uuid7
from database import Database, Tx
from messaging import Outbox

log = core.log.logger("analysis.notices")

# With the longest waits between them, about five minutes without Slack.
MOST_ATTEMPTS = 8
# Whoever has not been told within a day has seen the page by then, or a run that failed.
LONGEST_SECONDS = 86_400.0
# A grant that ends sooner is not used: its token may end on the way.
MARGIN_SECONDS = 30.0
# Before another grant is asked for: the vault asks Slack, and renews the token, in the meantime.
RENEWAL_SECONDS = 30.0


class NoticeWork(Struct, frozen=True):
    """The work of sending one notice. `address` is where Callmine's pages are."""

    db: Database
    outbox: Outbox
    door: Door
    slack: Slack
    address: str
    backoff: Backoff = field(default_factory=Backoff)
    clock: Clock = field(default_factory=SystemClock)

    async def claim(self, limit: int, seconds: float) -> Sequence[NoticeClaim]:
        """Notices that nobody works on, of any workspace."""
        async with self.db.sweep() as tx:
            return await notices.claim(tx, limit, seconds)

    async def renew(self, claim: NoticeClaim, seconds: float) -> bool:
        """Keep a claim."""
        async with self.db.workspace(claim.workspace_id) as tx:
            return await notices.renew(tx, claim, seconds)

    async def do(self, claim: NoticeClaim) -> None:
        """Send one notice, or end it. No transaction is open while Slack is asked."""
        async with self.db.workspace(claim.workspace_id) as tx:
            today = self.clock.now().date()
            notice = await notices.claimed(tx, claim, MARGIN_SECONDS, LONGEST_SECONDS, today)
            if notice is None or await self._settled(tx, claim, notice):
                return
        credential = await self._opened(claim, notice)
        if credential is not None and await self._begun(claim):
            reach("analysis.notice.sending")
            await self._sent(claim, notice, credential)

    async def _settled(self, tx: Tx, claim: NoticeClaim, notice: Notice) -> bool:
        """Whether there is nothing to be sent, or not with this grant."""
        if notice.state is NoticeState.SENDING:
            await self._ended(tx, claim, NoticeState.UNKNOWN)
        elif not notice.is_due:
            await self._ended(tx, claim, NoticeState.SKIPPED, "no_longer_due")
        elif notice.is_old:
            await self._ended(tx, claim, NoticeState.SKIPPED, "too_late")
        elif claim.attempts > MOST_ATTEMPTS and notice.announced is None:
            await self._ended(tx, claim, NoticeState.FAILED, "given_up")
        elif notice.grant_expired:
            await self._ask_again(tx, claim)
        else:
            return False
        return True

    async def _opened(self, claim: NoticeClaim, notice: Notice) -> Credential | None:
        """The credential; None, and the notice has ended, where it cannot be used or nobody is known to be told."""
        try:
            credential = self.door.open(claim.workspace_id, notice.grant)
        except Permanent:
            await self._end(claim, NoticeState.FAILED, "credential_closed")
            return None
        if not credential.person:
            await self._end(claim, NoticeState.SKIPPED, "nobody_known")
            return None
        return credential

    async def _begun(self, claim: NoticeClaim) -> bool:
        async with self.db.workspace(claim.workspace_id) as tx:
            begun = await notices.sending(tx, claim)
            reach("analysis.notice.before_sending")
        return begun

    async def _sent(self, claim: NoticeClaim, notice: Notice, credential: Credential) -> None:
        try:
            await self.slack.post(credential, self._words(claim, notice))
        except CredentialRefused as error:
            await self._refused(claim, notice, error)
        except AskedToWait as error:
            await self._put_back(claim, self.backoff.wait(claim.attempts, error.retry_after), counts=False)
        except NotPosted:
            await self._put_back(claim, self.backoff.wait(claim.attempts), counts=True)
        except Declined as error:
            await self._end(claim, NoticeState.FAILED, error.code)
        except Unclear:
            await self._end(claim, NoticeState.UNKNOWN)
        else:
            reach("analysis.notice.posted")
            await self._end(claim, NoticeState.SENT)

    def _words(self, claim: NoticeClaim, notice: Notice) -> str:
        name = notice.workspace_name
        if notice.announced is not None:
            return announcing_words(notice.announced, name, f"{self.address}/sub-processors")
        return words(claim.provider, name, f"{self.address}/settings/integrations")

    async def _refused(self, claim: NoticeClaim, notice: Notice, error: CredentialRefused) -> None:
        """Another grant may hold a token that was renewed meanwhile. A version that was refused twice is not asked for again.

        The vault hears of each grant that was refused once: the grant is over in the same transaction.
        """
        again = notice.grant.credential_version == notice.refused_version
        async with self.db.workspace(claim.workspace_id) as tx:
            if again:
                held = await self._ended(tx, claim, NoticeState.FAILED, "credential_refused")
            else:
                held = await notices.refused(tx, claim, RENEWAL_SECONDS)
            if held:
                told = events.credential_rejected(notice.grant, error.provider_status)
                grant_id = str(notice.grant.grant_id)
                # After the request of the same grant, whose number is 1.
                await self.outbox.add(tx, told, aggregate_id=grant_id, sequence=2, requester=REQUESTER)
            reach("analysis.notice.refused")

    async def _ask_again(self, tx: Tx, claim: NoticeClaim) -> None:
        grant_id = GrantId(uuid7())
        if await notices.ask_again(tx, claim, grant_id):
            request = events.credential_requested(grant_id, claim.subject)
            await self.outbox.add(tx, request, aggregate_id=str(grant_id), sequence=1, requester=REQUESTER)

    async def _put_back(self, claim: NoticeClaim, seconds: float, *, counts: bool) -> None:
        log.info("a notice is sent later", provider=claim.provider, seconds=round(seconds), attempts=claim.attempts)
        async with self.db.workspace(claim.workspace_id) as tx:
            await notices.put_back(tx, claim, seconds, counts=counts)

    async def _end(self, claim: NoticeClaim, state: NoticeState, reason: str = "") -> None:
        async with self.db.workspace(claim.workspace_id) as tx:
            await self._ended(tx, claim, state, reason)
            reach("analysis.notice.before_commit")

    async def _ended(self, tx: Tx, claim: NoticeClaim, state: NoticeState, reason: str = "") -> bool:
        ended = await notices.end(tx, claim, state, reason)
        if ended:
            tx.on_commit(lambda: _log_end(claim, state, reason))
        return ended


def _log_end(claim: NoticeClaim, state: NoticeState, reason: str) -> None:
    say = log.warning if state in (NoticeState.UNKNOWN, NoticeState.FAILED) else log.info
    say(_ENDS[state], provider=claim.provider, version=claim.version, cause=reason)


_ENDS = {
    NoticeState.SENT: "a notice was sent by Slack",
    NoticeState.SKIPPED: "a notice is not sent by Slack",
    NoticeState.FAILED: "a notice could not be sent by Slack",
    NoticeState.UNKNOWN: "whether a notice was sent by Slack is not known; it is not repeated",
}
