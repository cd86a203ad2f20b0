"""Session tokens as Clerk mints them, versions 1 and 2, and the client cookie a browser renews them with."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field, replace

import jwt

from local.sandbox.clerk.directory import Directory
from local.sandbox.clerk.keys import SigningKey
from local.sandbox.clerk.people import Organization, Person, Role
from local.sandbox.clock import Clock

BACKDATED_SECONDS = 10
"""Clerk sets ``nbf`` so far back, for verifiers whose clock is behind."""
CLIENT_SECONDS = 7 * 86_400
"""How long a browser stays signed in; Clerk's default."""
CLIENT_AUDIENCE = "clerk-client"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody signed in, with the organisation they work in at the moment."""

    session_id: str
    person: Person
    organization: Organization | None

    @property
    def role(self) -> Role | None:
        """The role in the active organisation."""
        return self.person.role_in(self.organization.organization_id) if self.organization else None

    def within(self, organization: Organization) -> Session:
        """The same session at work in another organisation."""
        return replace(self, organization=organization)


@dataclass(frozen=True, slots=True)
class TokenOptions:
    """How a token departs from the usual: version, life in seconds (negative: expired already), role, status."""

    version: int = 2
    lifetime: int | None = None
    role: str | None = None
    status: str = "active"


def new_session(person: Person, organization: Organization | None) -> Session:
    """A session begun now."""
    return Session(f"sess_{uuid.uuid4().hex[:27]}", person, organization)


@dataclass(frozen=True, slots=True)
class Mint:
    """Makes and reads tokens for one issuer. ``lifetime`` of a session token is in seconds."""

    key: SigningKey
    issuer: str
    lifetime: int
    clock: Clock
    directory: Directory = field(default_factory=Directory)

    def session_token(self, session: Session, origin: str, options: TokenOptions = TokenOptions()) -> str:
        """A session token for the application at ``origin`` (``azp``)."""
        now = int(self.clock.now().timestamp())
        claims: dict[str, object] = {
            "sub": session.person.user_id,
            "sid": session.session_id,
            "iss": self.issuer,
            "azp": origin,
            "iat": now,
            "nbf": now - BACKDATED_SECONDS,
            "exp": now + (self.lifetime if options.lifetime is None else options.lifetime),
            "jti": uuid.uuid4().hex[:20],
            "fva": [0, -1],
            "sts": options.status,
            "email": session.person.email,  # a claim an application adds under "Customize session token"
        }
        return self.key.sign(claims | _organization_claims(session, options))

    def client_token(self, session: Session) -> str:
        """The long-lived token of the ``__client`` cookie: it renews session tokens and opens nothing else."""
        now = int(self.clock.now().timestamp())
        return self.key.sign(
            {
                "aud": CLIENT_AUDIENCE,
                "iss": self.issuer,
                "sub": session.person.user_id,
                "sid": session.session_id,
                "org": session.organization.organization_id if session.organization else "",
                "exp": now + CLIENT_SECONDS,
            }
        )

    def read_client_token(self, token: str) -> Session | None:
        """The session behind a ``__client`` cookie; ``None`` for anything that is not one of ours and still good."""
        try:
            claims = jwt.decode(
                token,
                self.key.private.public_key(),
                algorithms=["RS256"],
                audience=CLIENT_AUDIENCE,
                issuer=self.issuer,
                options={"require": ["exp", "sub", "sid"], "verify_exp": False},
            )
        except jwt.InvalidTokenError:
            return None
        if int(claims["exp"]) <= self.clock.now().timestamp():
            return None
        person = self.directory.person(str(claims["sub"]))
        if person is None:
            return None
        return Session(str(claims["sid"]), person, self._active(person, str(claims.get("org"))))

    def _active(self, person: Person, organization_id: str) -> Organization | None:
        """The organisation a session works in; none any more for somebody who has been removed from it."""
        found = self.directory.organization(organization_id)
        return found if person.role_in(organization_id) else None


def _organization_claims(session: Session, options: TokenOptions) -> dict[str, object]:
    organization = session.organization
    role = options.role or (session.role.value if session.role else Role.MEMBER.value)
    if options.version == 1:
        if organization is None:
            return {}
        return {
            "org_id": organization.organization_id,
            "org_slug": organization.slug,
            "org_role": f"org:{role}",
            "org_permissions": [],
        }
    claims: dict[str, object] = {"v": 2, "pla": "u:free", "fea": ""}
    if organization is not None:
        claims["o"] = {"id": organization.organization_id, "slg": organization.slug, "rol": role}
    return claims
