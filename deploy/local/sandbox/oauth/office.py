"""Gives out codes and tokens, and takes them back. One for each provider; every act is done in one go."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from local.sandbox.clock import Clock
from local.sandbox.journal import Journal, TokenCall
from local.sandbox.oauth.ledger import SHOWN, Code, Denial, Ending, Family, Ledger, Token, digest_of
from local.sandbox.oauth.rules import Rules
from local.sandbox.oauth.shelf import Shelf
from local.sandbox.vendors import Provider

REMEMBERED = timedelta(days=1)
"""How long an expired code or access token is still known as one that expired."""
TIDIED_EVERY = timedelta(hours=1)
"""How often what need not be remembered is dropped: looking through everything at each call would slow a long run down."""
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


class TokenRefused(Exception):
    """A code or refresh token is not honoured."""

    def __init__(self, denial: Denial) -> None:
        super().__init__(denial.value)
        self.denial = denial


class Standing(StrEnum):
    """What becomes of a token that is shown."""

    LIVE = "live"
    EXPIRED = "expired"
    ENDED = "ended"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Consent:
    """What somebody agreed to. ``challenge`` is the S256 challenge of RFC 7636, where the client sent one."""

    client_id: str
    redirect_uri: str
    challenge: str | None
    account: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Issued:
    """New tokens. ``expires_in`` in seconds; no refresh token where the access token has no end. The repr shows neither."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)
    expires_in: int | None
    family: Family


@dataclass(frozen=True, slots=True)
class Shown:
    """A token that was shown to the provider, and whose it is."""

    standing: Standing
    family: Family | None = None
    expires_at: datetime | None = None
    is_refresh: bool = False


@dataclass(slots=True)
class TokenOffice:
    """The tokens of one provider. ``prefixes`` begin its access and its refresh tokens."""

    provider: Provider
    rules: Rules
    prefixes: tuple[str, str]
    clock: Clock
    journal: Journal
    shelf: Shelf | None = None
    ledger: Ledger = field(init=False)
    _tidied_at: datetime = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = self.shelf.load() if self.shelf else Ledger()
        self._tidied_at = self._now()

    def give_code(self, consent: Consent) -> str:
        """A code for the client, good once and for ``rules.code_seconds``."""
        code = secrets.token_urlsafe(24)
        expires_at = self._now() + timedelta(seconds=self.rules.code_seconds)
        self.ledger.codes[digest_of(code)] = Code(
            consent.client_id, consent.redirect_uri, consent.challenge, consent.account, consent.scopes, expires_at
        )
        self._keep()
        return code

    def exchange(self, client_id: str, code: str, redirect_uri: str, verifier: str | None) -> Issued:
        """Tokens for a code. Raises TokenRefused; a code that comes twice ends the tokens made from it."""
        return self._noted("code", code, lambda: self._exchange(client_id, code, redirect_uri, verifier))

    def refresh(self, client_id: str, refresh_token: str) -> Issued:
        """New tokens. Raises TokenRefused; a spent refresh token ends its whole family."""
        return self._noted("refresh", refresh_token, lambda: self._refresh(client_id, refresh_token))

    def give_tokens(self, client_id: str, account: str, scopes: tuple[str, ...]) -> Issued:
        """Tokens without a consent page, for tests that are about something else."""
        issued = self._begin(client_id, account, scopes)
        self._keep()
        return issued

    def show(self, token: str) -> Shown:
        """Whether an access or a refresh token is good at this moment."""
        digest = digest_of(token)
        known = self.ledger.access.get(digest) or self.ledger.refresh.get(digest)
        if known is None:
            return Shown(Standing.UNKNOWN)
        family = self.ledger.families[known.family_id]
        standing = Standing.LIVE
        if family.ended or known.spent:
            standing = Standing.ENDED
        elif self._is_over(known.expires_at):
            standing = Standing.EXPIRED
        return Shown(standing, family, known.expires_at, digest in self.ledger.refresh)

    def revoke(self, token: str) -> Shown:
        """Ends the family of a token of either kind; returns how the token stood before."""
        shown = self.show(token)
        self.note("revoke", token, shown.standing.value)
        if shown.family and shown.family.ended is None:
            shown.family.ended = Ending.REVOKED
            self._keep()
        return shown

    def uninstall(self, account: str) -> int:
        """Ends all access of an account, as its owner does in the provider's own settings; how many families that ended."""
        ended = [family for family in self._families(account) if family.ended is None]
        for family in ended:
            family.ended = Ending.UNINSTALLED
        self._keep()
        return len(ended)

    def expire(self, account: str | None, *, refresh_too: bool) -> int:
        """Lets access tokens (and refresh tokens) of an account, or of all, expire at once; how many tokens that were."""
        chosen = {family.family_id for family in self._families(account)}
        tokens = list(self.ledger.access.values()) + (list(self.ledger.refresh.values()) if refresh_too else [])
        struck = [token for token in tokens if token.family_id in chosen and not self._is_over(token.expires_at)]
        for token in struck:
            token.expires_at = self._now()
        for family_id in chosen:
            self.ledger.families[family_id].newest_expires_at = self._now()
        self._keep()
        return len(struck)

    def note(self, operation: str, token: str, outcome: str) -> None:
        """Writes a call down in the journal, under the digest of its code or token."""
        family = self.ledger.family_of(digest_of(token))
        self._write(operation, token, outcome, family, self._seconds_left(family))

    def _noted(self, operation: str, token: str, act: Callable[[], Issued]) -> Issued:
        family = self.ledger.family_of(digest_of(token))
        left = self._seconds_left(family)
        try:
            issued = act()
        except TokenRefused as refusal:
            self._write(operation, token, refusal.denial.value, family, left)
            raise
        finally:
            self._keep()
        self._write(operation, token, "granted", issued.family, left)
        return issued

    def _exchange(self, client_id: str, code: str, redirect_uri: str, verifier: str | None) -> Issued:
        known = self.ledger.codes.get(digest_of(code))
        if known is None:
            raise TokenRefused(Denial.UNKNOWN)
        if known.client_id != client_id:
            raise TokenRefused(Denial.OTHER_CLIENT)
        if known.family_id is not None:
            self._end_reused(self.ledger.families[known.family_id], Ending.CODE_REUSED)
            raise TokenRefused(Denial.SPENT)
        if self._is_over(known.expires_at):
            raise TokenRefused(Denial.EXPIRED)
        if known.redirect_uri != redirect_uri:
            raise TokenRefused(Denial.OTHER_REDIRECT)
        if not _proves(known.challenge, verifier):
            raise TokenRefused(Denial.WRONG_VERIFIER)
        issued = self._begin(client_id, known.account, (*known.scopes, *self.rules.extra_scopes))
        known.family_id = issued.family.family_id
        return issued

    def _refresh(self, client_id: str, refresh_token: str) -> Issued:
        known = self.ledger.refresh.get(digest_of(refresh_token))
        if known is None:
            raise TokenRefused(Denial.UNKNOWN)
        family = self.ledger.families[known.family_id]
        if family.client_id != client_id:
            raise TokenRefused(Denial.OTHER_CLIENT)
        if known.spent:
            self._end_reused(family, Ending.REFRESH_REUSED)
            raise TokenRefused(Denial.SPENT)
        if family.ended:
            raise TokenRefused(Denial.ENDED)
        if self._is_over(known.expires_at):
            raise TokenRefused(Denial.EXPIRED)
        family.refreshes += 1
        if self.rules.rotation:
            known.spent = True
            return self._issue(family)
        return self._issue(family, refresh_token)

    def _begin(self, client_id: str, account: str, scopes: tuple[str, ...]) -> Issued:
        family = Family(secrets.token_hex(8), client_id, account, scopes, self._now())
        self.ledger.families[family.family_id] = family
        return self._issue(family)

    def _issue(self, family: Family, same_refresh: str | None = None) -> Issued:
        rules = self.rules
        family.generation += 1
        access = self.prefixes[0] + secrets.token_urlsafe(32)
        family.newest_expires_at = self._after(rules.access_seconds)
        self.ledger.access[digest_of(access)] = Token(family.family_id, family.newest_expires_at)
        if rules.access_seconds is None:
            return Issued(access, None, None, family)
        refresh = same_refresh or self.prefixes[1] + secrets.token_urlsafe(32)
        self.ledger.refresh[digest_of(refresh)] = Token(family.family_id, self._after(rules.refresh_seconds))
        return Issued(access, refresh, rules.access_seconds, family)

    def _end_reused(self, family: Family, ending: Ending) -> None:
        family.reused += 1
        family.ended = family.ended or ending

    def _families(self, account: str | None) -> list[Family]:
        return [family for family in self.ledger.families.values() if account in {None, family.account}]

    def _write(self, operation: str, token: str, outcome: str, family: Family | None, left: float | None) -> None:
        name = digest_of(token)[:SHOWN]
        family_id = family.family_id if family else ""
        self.journal.note_token_call(TokenCall(self.provider, operation, name, family_id, outcome, left))

    def _seconds_left(self, family: Family | None) -> float | None:
        if family is None or family.newest_expires_at is None:
            return None
        return (family.newest_expires_at - self._now()).total_seconds()

    def _after(self, seconds: int | None) -> datetime | None:
        return None if seconds is None else self._now() + timedelta(seconds=seconds)

    def _is_over(self, moment: datetime | None) -> bool:
        return moment is not None and moment <= self._now()

    def _now(self) -> datetime:
        return self.clock.now()

    def _keep(self) -> None:
        if self._now() - self._tidied_at >= TIDIED_EVERY:
            self.ledger.forget(self._now() - REMEMBERED)
            self._tidied_at = self._now()
        if self.shelf:
            self.shelf.keep(self.ledger)


def _proves(challenge: str | None, verifier: str | None) -> bool:
    """Whether the verifier is the one of the challenge (RFC 7636, S256); without a challenge none may come."""
    if challenge is None:
        return not verifier
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    made = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=")
    return hmac.compare_digest(made, challenge.encode())
