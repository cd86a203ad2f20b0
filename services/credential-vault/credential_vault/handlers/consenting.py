"""Connecting by OAuth: a person is sent to the provider to agree, and comes back with a code.

    begin    (transaction) a state is kept, for ten minutes and one use
    finish   (transaction) the state is taken -> code for tokens -> the provider vouches for them -> (transaction) they are stored

The state is bound to the workspace, the person and their session. The PKCE verifier lies encrypted in the state's row and not in a cookie,
sealed or not: the browser brings the code, so whoever can read what the browser sends would have both halves.

Tokens that were received and are not stored are let go of, whatever went wrong.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import Struct

from contracts import Actor
from core.clock import Clock
from core.errors import CallmineError, Conflict, InvalidInput, Permanent
from core.ids import WorkspaceId
from core.log import logger
from credential_vault.domain.connections import Connected, missing
from credential_vault.domain.credentials import Provider
from credential_vault.domain.oauth import Account, Tokens
from credential_vault.handlers.connecting import Connecting, Received
from credential_vault.providers.port import OAuthProvider, Refused, Unusable
from credential_vault.store import oauth_states as store
from credential_vault.store.oauth_states import Pending
from database import Database

log = logger("credential_vault.consenting")

# A person reads the provider's page and perhaps signs in there: minutes. What lies around longer is a stranger's chance.
STATE_SECONDS: Final = 600.0

# Providers' codes have some tens or hundreds of characters, our state has 43.
_LONGEST_CODE, _LONGEST_STATE = 2048, 128

_NOTHING_STORED: Final = "Nothing was stored."


class StateRefused(InvalidInput):
    """The answer belongs to no consent that this session has asked for."""

    problem = "oauth-state"
    title = "This answer does not belong to a request of yours"


class NotAgreed(InvalidInput):
    """The person, or the provider, said no."""

    problem = "oauth-not-agreed"
    title = "Access was not given"


class ScopesMissing(InvalidInput):
    """The provider granted less than is needed."""

    problem = "oauth-scopes-missing"
    title = "Access was given in part only"


class NotSetUp(Conflict):
    """This installation has no client with the provider."""

    problem = "oauth-not-set-up"


class Consenter(Struct, frozen=True):
    """Who asks."""

    workspace_id: WorkspaceId
    session_id: str
    actor: Actor


@dataclass(frozen=True, slots=True)
class Comeback:
    """What the browser brought back; each is empty where it was not there."""

    state: str = field(repr=False)
    code: str = field(repr=False)
    error: str


class Consenting(Struct, frozen=True):
    """The use cases. `providers` are those that this installation is set up for; `origin` is where browsers reach it."""

    db: Database
    connecting: Connecting
    providers: Mapping[Provider, OAuthProvider]
    clock: Clock
    origin: str

    async def begin(self, who: Consenter, provider: Provider) -> str:
        """The address of the provider's page to agree on. Raises NotSetUp."""
        oauth = self._provider(provider)
        state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        async with self.db.workspace(who.workspace_id) as tx:
            pending = Pending(uuid.uuid4(), provider, who.session_id, who.actor.id, None)
            if oauth.pkce:
                key = await self.connecting.keyring.data_key(tx)
                sealed = self.connecting.keyring.encrypt(key, pending.slot(tx), verifier)
                pending = Pending(pending.id, provider, who.session_id, who.actor.id, sealed)
            await store.add(tx, _digest(state), pending, STATE_SECONDS)
        return oauth.authorize_url(state, _challenge(verifier), self._callback(provider))

    async def finish(self, who: Consenter, provider: Provider, came: Comeback) -> Connected:
        """Connect with what the browser brought back; it can be brought once.

        Raises StateRefused, NotAgreed, Refused, ScopesMissing, NotSpent, Unknown, NotSetUp; nothing is stored then.
        """
        oauth = self._provider(provider)
        verifier = await self._taken(who, provider, came.state)
        if came.error:
            raise _declined(provider, came.error)
        if not came.code or len(came.code) > _LONGEST_CODE:
            raise InvalidInput(f"{provider.title} sent no code along. {_NOTHING_STORED} Connect again.")
        try:
            tokens = await oauth.exchange(came.code, verifier, self._callback(provider))
        except Unusable as error:
            await self._let_go(who.workspace_id, oauth, error.tokens, stored=False)
            raise
        return await self._kept(who, oauth, tokens)

    async def _taken(self, who: Consenter, provider: Provider, state: str) -> str:
        """The verifier of a consent, empty without PKCE. Whatever is wrong with the state is told in the same words."""
        refused = StateRefused(
            f"This answer from {provider.title} is too old, was used before, or was asked for in another session or workspace."
            f" {_NOTHING_STORED} Connect again."
        )
        if not state or len(state) > _LONGEST_STATE:
            raise refused
        async with self.db.workspace(who.workspace_id) as tx:
            pending = await store.take(tx, _digest(state))
            key = None if pending is None or pending.verifier is None else await self.connecting.keyring.data_key(tx)
            slot = None if pending is None else pending.slot(tx)
        if pending is None or slot is None:
            raise refused
        mine = (provider.value, who.session_id, who.actor.id)
        its = (pending.provider.value, pending.session_id, pending.user_id)
        same = [hmac.compare_digest(a.encode(), b.encode()) for a, b in zip(mine, its, strict=True)]
        if not all(same):
            raise refused
        if key is None or pending.verifier is None:
            return ""
        return self.connecting.keyring.decrypt(key, slot, pending.verifier)

    async def _kept(self, who: Consenter, oauth: OAuthProvider, tokens: Tokens) -> Connected:
        received_at, storing = self.clock.monotonic(), False
        try:
            account = await self._vouched(oauth, tokens)
            scopes = _granted(oauth, tokens, account)
            storing = True
            async with self.db.workspace(who.workspace_id) as tx:
                received = Received(tokens, account, scopes, self.clock.monotonic() - received_at)
                return await self.connecting.connect_tokens(tx, oauth.provider, received, who.actor)
        except BaseException as error:
            # Cancelled or not: the provider has handed out something that nobody will use.
            perhaps = storing and not isinstance(error, Permanent)
            await asyncio.shield(self._let_go(who.workspace_id, oauth, tokens, stored=perhaps))
            raise

    async def _vouched(self, oauth: OAuthProvider, tokens: Tokens) -> Account:
        try:
            return await oauth.verify(tokens.access_token, tokens.base_url)
        except Refused as error:
            raise Refused(f"{error} {_NOTHING_STORED}") from None

    async def _let_go(self, workspace_id: WorkspaceId, oauth: OAuthProvider, tokens: Tokens, *, stored: bool) -> None:
        """Have tokens revoked, by the worker that does not give up; by hand where not even that can be written down.

        `stored` says that they may be in their row all the same, since a commit can succeed without our hearing of it: the worker looks
        whether they are in use.
        """
        try:
            async with self.db.workspace(workspace_id) as tx:
                await self.connecting.let_go_received(tx, oauth.provider, tokens)
            return
        except CallmineError as error:
            log.warning("received tokens could not be handed to revocation", cause=type(error).__name__)
        if stored:
            return
        try:
            await oauth.revoke(tokens.access_token, tokens.refresh_token)
        except CallmineError as error:
            log.error("received tokens were neither stored nor revoked", error=error, provider=oauth.provider.value)

    def _provider(self, provider: Provider) -> OAuthProvider:
        found = self.providers.get(provider)
        if found is None:
            raise NotSetUp(f"Connecting {provider.title} by OAuth is not set up in this installation.")
        return found

    def _callback(self, provider: Provider) -> str:
        return f"{self.origin}/oauth/{provider.value}/callback"


def _granted(oauth: OAuthProvider, tokens: Tokens, account: Account) -> tuple[str, ...]:
    """The scopes that were granted: what the provider says with the token or of it; what was asked where it says nothing (RFC 6749, 5.1).

    Raises ScopesMissing.
    """
    granted = tokens.scopes or account.scopes or oauth.scopes
    lacking = missing(oauth.scopes, granted)
    if lacking:
        raise ScopesMissing(
            f"{oauth.provider.title} did not grant {', '.join(lacking)}, which Callmine needs. {_NOTHING_STORED}"
            " Connect again and agree to everything that is asked."
        )
    return granted


def _declined(provider: Provider, error: str) -> NotAgreed:
    """The provider's own code is not shown: it comes with the browser, so anybody can have written it."""
    if error == "access_denied":
        return NotAgreed(f"Access to {provider.title} was not given. {_NOTHING_STORED} You can connect at any time.")
    return NotAgreed(f"{provider.title} could not ask for access. {_NOTHING_STORED} Try again in a moment.")


def _digest(state: str) -> bytes:
    """What is kept of a state. It has 256 random bits, so that looking it up by its hash tells nobody how close a guess was."""
    return hashlib.sha256(state.encode()).digest()


def _challenge(verifier: str) -> str:
    """RFC 7636, 4.2."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
