"""The five senders: how each one's webhook becomes what is done in a workspace."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

from msgspec import Struct

from core.errors import InvalidInput
from ingest.domain.billing import workspace_of
from ingest.domain.webhooks import Outcome, Reason, Revocation, Sender
from ingest.handlers.billing import BillingHandlers
from ingest.handlers.noticed import note_call
from ingest.handlers.revocations import RevocationHandlers
from ingest.handlers.webhooks import ClerkHandlers
from ingest.store import webhooks as store
from ingest.webhooks import clerk, gong, hubspot, slack, stripe
from ingest.webhooks.arrival import Arrival
from ingest.webhooks.front import Front, Heard
from ingest.webhooks.refusal import Refused
from web.keys import JWT

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

GONG_PATH = "/webhooks/gong/"
HUBSPOT_PATH = "/webhooks/hubspot"

_ENDPOINT = re.compile(r"[0-9a-f]{32}")

_IGNORED = Heard(Outcome.IGNORED)
_NO_WORKSPACE = Heard(Outcome.NO_WORKSPACE)


class Desk(Struct, frozen=True):
    """Each method takes what came in and says what became of it. Raises Refused, InvalidInput, Transient."""

    front: Front
    clerk: ClerkHandlers
    billing: BillingHandlers
    revocations: RevocationHandlers

    async def hear_clerk(self, arrival: Arrival) -> Heard:
        """A workspace, a member or an invitation has changed."""
        message_id = clerk.check_signature(await self.front.secrets_of(Sender.CLERK), arrival)
        told = clerk.read_webhook(message_id, arrival.body)
        if told is None:
            return _IGNORED
        return await self.front.within(told.workspace_id, told.type, partial(self.clerk.hear, told=told))

    async def hear_stripe(self, arrival: Arrival) -> Heard:
        """Something has to be read at Stripe again. What is nobody's is another installation's, and is not asked for again."""
        stripe.check_signature(await self.front.secrets_of(Sender.STRIPE), arrival)
        news = stripe.read_event(arrival.body)
        if news is None:
            return _IGNORED
        owners = await store.customer_owners(self.front.db, news.customer_id) if news.customer_id else ()
        workspace_id = workspace_of(news, owners)
        if workspace_id is None:
            return _NO_WORKSPACE
        return await self.front.within(workspace_id, news.type, partial(self.billing.hear, news=news))

    async def hear_gong(self, endpoint: str, arrival: Arrival) -> Heard:
        """There is a call. Whose it is follows from the address, once the key of that address has signed for it."""
        rule = await self._gong_rule(endpoint, arrival)
        call = gong.read_notice(arrival.body)
        if call is None:
            return _IGNORED
        return await self.front.within(rule.workspace_id, "call", partial(note_call, call=call))

    async def _gong_rule(self, endpoint: str, arrival: Arrival) -> store.GongRule:
        found = await store.gong_rules(self.front.db, endpoint) if _ENDPOINT.fullmatch(endpoint) else []
        if len(found) != 1:
            raise Refused(Reason.UNKNOWN_ADDRESS)
        [rule] = found
        # Loads what reads the rule's key and the token.
        await JWT.get()
        gong.check_token(_key(rule), self.front.url(GONG_PATH + endpoint), arrival)
        return rule

    async def hear_hubspot(self, arrival: Arrival) -> Heard:
        """Some of many things that happened in some of many accounts."""
        secrets = await self.front.secrets_of(Sender.HUBSPOT)
        hubspot.check_signature(secrets, self.front.url(HUBSPOT_PATH), arrival)
        return await self._revoked(hubspot.read_events(arrival.body))

    async def hear_slack(self, arrival: Arrival) -> Heard:
        """Slack's question is answered; a team may have taken the app away."""
        slack.check_signature(await self.front.secrets_of(Sender.SLACK), arrival)
        question = slack.challenge(arrival.body)
        if question:
            return Heard(Outcome.IGNORED, question)
        told = slack.read_event(arrival.body)
        return await self._revoked([told] if told else [])

    async def _revoked(self, revocations: Iterable[Revocation]) -> Heard:
        """Tell the vault for each workspace that has connected the account. Taken, if any of it was news."""
        outcomes = {heard.outcome for each in revocations for heard in await self._revoked_one(each)}
        ranked = (Outcome.TAKEN, Outcome.KNOWN, Outcome.NO_WORKSPACE)
        return Heard(next((outcome for outcome in ranked if outcome in outcomes), Outcome.IGNORED))

    async def _revoked_one(self, told: Revocation) -> list[Heard]:
        owners = await store.account_owners(self.front.db, told.provider.value, told.account_id)
        work = partial(self.revocations.hear, told=told)
        return [await self.front.within(one, told.type, work) for one in owners] or [_NO_WORKSPACE]


def _key(rule: store.GongRule) -> RSAPublicKey:
    try:
        return gong.public_key(rule.public_key)
    except InvalidInput:
        raise Refused(Reason.UNKNOWN_ADDRESS) from None
