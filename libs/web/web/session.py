"""Who is asking: the session, read from the claims of a checked Clerk token.

v1   {"sub": "user_…", "sid": "sess_…", "org_id": "org_…", "org_slug": "acme", "org_role": "org:admin"}
v2   {"v": 2, "sub": "user_…", "sid": "sess_…", "o": {"id": "org_…", "slg": "acme", "rol": "admin"}}
"""

from __future__ import annotations

import enum
import uuid
from collections.abc import Mapping

from msgspec import Struct

from contracts import Actor, ActorKind, Source
from core.errors import Forbidden, InvalidInput, Unauthenticated
from core.ids import UserId, WorkspaceId, parse_user_id, parse_workspace_id

Claims = Mapping[str, object]


class NoWorkspace(Forbidden):
    """The person is signed in, but in no workspace, or with no role in it."""

    problem = "no-workspace"
    title = "Choose a workspace first"


class UnknownRole(Forbidden):
    """The person has a role in the workspace that this product does not know."""

    title = "Your role is not known here"


class Role(enum.StrEnum):
    """The two roles of a workspace."""

    MEMBER = "member"
    ADMIN = "admin"


class KeyInUse(Struct, frozen=True):
    """The API key that a request came with, and what it may do."""

    key_id: uuid.UUID
    scopes: frozenset[str]


class Session(Struct, frozen=True):
    """A signed-in person in one workspace. `email` is empty unless the token carries it as a custom claim.

    With an API key, `key` says which: the request is then made for the person who made the key, as far as its scopes go.
    """

    user_id: UserId
    workspace_id: WorkspaceId
    workspace_slug: str
    role: Role
    email: str
    session_id: str
    from_cookie: bool = True
    key: KeyInUse | None = None

    @property
    def actor(self) -> Actor:
        """This person as the actor of an event."""
        source = Source.WEB if self.from_cookie else Source.API
        return Actor(kind=ActorKind.USER, id=self.user_id, email=self.email, source=source)

    @property
    def is_admin(self) -> bool:
        """Whether the person is an admin of the workspace."""
        return self.role is Role.ADMIN

    def may(self, scope: str) -> bool:
        """Whether `scope` is among what an API key was given; a person has all of them, within the role."""
        return self.key is None or scope in self.key.scopes


def session_of(claims: Claims, *, from_cookie: bool) -> Session:
    """The session that checked `claims` describe.

    Raises Unauthenticated for a sign-in that is not finished or names nobody, Forbidden where no workspace is active or
    the role is not one of ours.
    """
    if _text(claims, "sts") == "pending":
        raise Unauthenticated("The sign-in is not finished yet. Complete it and come back.")
    try:
        user_id = parse_user_id(_text(claims, "sub"))
    except InvalidInput as error:
        raise Unauthenticated("The session names no person. Please sign in again.") from error
    organisation = claims.get("o")
    found = _v2(organisation) if isinstance(organisation, Mapping) else _v1(claims)
    return Session(
        user_id,
        _workspace(found[0]),
        found[1],
        _role(found[2]),
        _text(claims, "email"),
        _text(claims, "sid"),
        from_cookie,
    )


def _v1(claims: Claims) -> tuple[str, str, str]:
    return _text(claims, "org_id"), _text(claims, "org_slug"), _text(claims, "org_role").removeprefix("org:")


def _v2(organisation: Claims) -> tuple[str, str, str]:
    return _text(organisation, "id"), _text(organisation, "slg"), _text(organisation, "rol")


def _workspace(text: str) -> WorkspaceId:
    if not text:
        raise NoWorkspace("You are signed in, but no workspace is active. Choose or create a workspace and come back.")
    try:
        return parse_workspace_id(text)
    except InvalidInput as error:
        raise Unauthenticated("The session names no valid workspace. Please sign in again.") from error


def _role(text: str) -> Role:
    try:
        return Role(text)
    except ValueError as error:
        # A role added in Clerk that this product does not know must not silently count as one it does.
        raise Forbidden(
            "Your role in this workspace is not known here. Ask an admin to make you member or admin."
        ) from error


def _text(claims: Claims, name: str) -> str:
    value = claims.get(name, "")
    return value if isinstance(value, str) else ""
