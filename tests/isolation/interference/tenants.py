"""The subject, whose answers are compared, and the rivals, who are to make no difference to them.

All of them have the same people: one person may belong to many workspaces, and ids that differ could not collide.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from contract.sandbox.stage import HARBORLINE, QUILLSTONE
from core.ids import WorkspaceId
from isolation.interference.sources import drawing_from
from local.sandbox.clerk.keys import SigningKey, new_key
from local.sandbox.clerk.people import Organization, Person, Role
from local.sandbox.clerk.tokens import Mint, TokenOptions, new_session
from local.sandbox.clock import SystemClock
from testkit.outside import ORIGIN, Outside
from testkit.services import PUSH_AUDIENCE

# Longer than any proof; that tokens expire is tested elsewhere.
_TOKEN_SECONDS = 6 * 3600

# Pub/Sub's identity tokens of the sandbox live a minute.
_PUSH_SECONDS = 30


# Where a request or message leaves room for what differs from workspace to workspace. Letters only: they pass any encoding.
WORD, ORG, GONG_KEY, GONG_SECRET = "Zzword", "Zzorg", "Zzkey", "Zzsecret"

_RIVAL = WorkspaceId("org_rival01")


@dataclass(frozen=True, slots=True)
class Tenant:
    """One workspace. `word` stands in everything it writes, so that whatever of it is seen elsewhere can be told.

    `other` is whose ids and objects it names where it has no business to.
    """

    workspace_id: WorkspaceId
    word: str
    gong: tuple[str, str]
    other: WorkspaceId

    def says(self, text: str) -> str:
        """`text` with this workspace's word and id where it leaves room for them."""
        key, secret = self.gong
        fields = {WORD: self.word, ORG: self.workspace_id, GONG_KEY: key, GONG_SECRET: secret}
        for name, value in fields.items():
            text = text.replace(name, value)
        return text


def subject(chapter: int) -> Tenant:
    """Whose answers are compared in a chapter."""
    return Tenant(_subject_id(chapter), "Harborline", HARBORLINE, _RIVAL)


def rivals(chapter: int) -> tuple[Tenant, ...]:
    """The others: two that stay, one with the subject's own Gong, one whose id differs from the subject's by its end only."""
    one = _subject_id(chapter)
    return (
        Tenant(_RIVAL, "Quillstone", QUILLSTONE, one),
        Tenant(WorkspaceId("org_rival02"), "Brightforge", HARBORLINE, one),
        Tenant(WorkspaceId(f"{one}0"), "Marlowe", QUILLSTONE, one),
    )


def _subject_id(chapter: int) -> WorkspaceId:
    return WorkspaceId(f"org_subject{chapter:04}")


def person(role: Role, tenant: Tenant) -> Person:
    """The admin or the member: the same two people in every workspace."""
    name = "helen" if role is Role.ADMIN else "jonas"
    email = f"{name}@people.example"
    return Person(f"user_{name}01", name.title(), "Achebe", email, "Sales", ((tenant.workspace_id, role),))


@dataclass(slots=True)
class Gate:
    """Makes what callers show at the door; tokens are kept, for signing one costs more than most requests."""

    outside: Outside
    _genuine: SigningKey = field(init=False)
    _forged: SigningKey = field(default_factory=new_key, init=False)
    _tokens: dict[tuple[WorkspaceId, str], str] = field(default_factory=dict)
    _push: tuple[float, str] = (float("-inf"), "")

    def __post_init__(self) -> None:
        """Reading the key takes longer than signing with it."""
        self._genuine = self.outside.clerk_key()

    def session(self, tenant: Tenant, who: str) -> str:
        """A session token of `who`: admin, member, expired, forged, homeless (in no workspace) or somebody of unknown role."""
        key = (tenant.workspace_id, who)
        if key not in self._tokens:
            with drawing_from(None):
                self._tokens[key] = self._mint(tenant, who)
        return self._tokens[key]

    def push(self) -> str:
        """What Pub/Sub shows when it pushes."""
        since, token = self._push
        if time.monotonic() - since > _PUSH_SECONDS:
            token = self.outside.push_token(PUSH_AUDIENCE)
            self._push = (time.monotonic(), token)
        return token

    def _mint(self, tenant: Tenant, who: str) -> str:
        role = Role.MEMBER if who == "member" else Role.ADMIN
        key = self._forged if who == "forged" else self._genuine
        organization = Organization(tenant.workspace_id, tenant.word.lower(), tenant.word)
        session = new_session(person(role, tenant), None if who == "homeless" else organization)
        options = TokenOptions(
            version=1 if who == "member" else 2,
            lifetime=-60 if who == "expired" else _TOKEN_SECONDS,
            role="owner" if who == "stranger" else None,
        )
        return Mint(key, self.outside.issuer, _TOKEN_SECONDS, SystemClock()).session_token(session, ORIGIN, options)
