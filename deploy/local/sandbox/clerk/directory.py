"""Who belongs where right now: what the back-end API changes. It begins with the shipped people and lasts as long as the process."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from local.sandbox.clerk.people import ORGANIZATIONS, PEOPLE, Organization, Person, Role
from local.sandbox.clock import Clock, SystemClock

FOUNDED_MS = 1_767_225_600_000
"""When the organisations were made: 2026-01-01 UTC, in milliseconds like all of Clerk's times in ``data``."""
INVITATION_MS = 30 * 86_400_000
"""How long an invitation can be accepted; Clerk's default of 30 days."""


@dataclass(frozen=True, slots=True)
class Membership:
    """Somebody in an organisation."""

    person: Person
    organization: Organization
    role: Role
    created_ms: int = FOUNDED_MS
    updated_ms: int = FOUNDED_MS


@dataclass(frozen=True, slots=True)
class Invitation:
    """An invitation by e-mail; ``status`` is pending, accepted or revoked."""

    invitation_id: str
    organization_id: str
    email: str
    role: Role
    inviter: Person | None
    status: str
    created_ms: int
    updated_ms: int


@dataclass(slots=True)
class Directory:
    """The state. Times of changes rise strictly, as Clerk's do for one thing."""

    clock: Clock = field(default_factory=SystemClock)
    _organizations: dict[str, Organization] = field(
        default_factory=lambda: {each.organization_id: each for each in ORGANIZATIONS}
    )
    _renamed: dict[str, int] = field(default_factory=dict)
    _people: dict[str, Person] = field(default_factory=lambda: {each.user_id: each for each in PEOPLE})
    _since: dict[tuple[str, str], tuple[int, int]] = field(default_factory=dict)
    _invitations: dict[str, Invitation] = field(default_factory=dict)
    _last_ms: int = FOUNDED_MS

    def people(self) -> list[Person]:
        """Everybody who can sign in."""
        return list(self._people.values())

    def organizations(self) -> list[Organization]:
        """All organisations."""
        return list(self._organizations.values())

    def person(self, user_id: str) -> Person | None:
        """The person with this id."""
        return self._people.get(user_id)

    def organization(self, organization_id: str) -> Organization | None:
        """The organisation with this id."""
        return self._organizations.get(organization_id)

    def changed_ms(self, organization: Organization) -> int:
        """When the organisation was last changed."""
        return self._renamed.get(organization.organization_id, FOUNDED_MS)

    def memberships(self, organization: Organization) -> Iterator[Membership]:
        """Everybody in an organisation."""
        for person in self._people.values():
            found = self.membership(organization, person.user_id)
            if found is not None:
                yield found

    def membership(self, organization: Organization, user_id: str) -> Membership | None:
        """Somebody's membership."""
        person = self._people.get(user_id)
        role = person.role_in(organization.organization_id) if person else None
        if person is None or role is None:
            return None
        created, updated = self._since.get((organization.organization_id, user_id), (FOUNDED_MS, FOUNDED_MS))
        return Membership(person, organization, role, created, updated)

    def invitations(self, organization: Organization) -> list[Invitation]:
        """All invitations into an organisation, newest first."""
        found = [one for one in self._invitations.values() if one.organization_id == organization.organization_id]
        return sorted(found, key=lambda one: one.created_ms, reverse=True)

    def invitation(self, invitation_id: str) -> Invitation | None:
        """The invitation with this id."""
        return self._invitations.get(invitation_id)

    def rename(self, organization: Organization, name: str) -> Organization:
        """Call an organisation otherwise."""
        renamed = replace(organization, name=name)
        self._organizations[organization.organization_id] = renamed
        self._renamed[organization.organization_id] = self._tick()
        return renamed

    def delete(self, organization: Organization) -> None:
        """Remove an organisation, with all memberships and invitations."""
        for membership in list(self.memberships(organization)):
            self.remove(membership)
        for invitation in self.invitations(organization):
            del self._invitations[invitation.invitation_id]
        del self._organizations[organization.organization_id]

    def place(self, organization: Organization, person: Person, role: Role) -> Membership:
        """Make somebody a member, or give a member another role."""
        before = self.membership(organization, person.user_id)
        others = [(each, held) for each, held in person.roles if each != organization.organization_id]
        placed = replace(person, roles=(*others, (organization.organization_id, role)))
        now = self._tick()
        self._people[person.user_id] = placed
        self._since[organization.organization_id, person.user_id] = (before.created_ms if before else now, now)
        return Membership(placed, organization, role, before.created_ms if before else now, now)

    def remove(self, membership: Membership) -> None:
        """End a membership."""
        person, organization_id = membership.person, membership.organization.organization_id
        kept = tuple((each, held) for each, held in person.roles if each != organization_id)
        self._people[person.user_id] = replace(person, roles=kept)
        self._since.pop((organization_id, person.user_id), None)

    def invite(self, organization: Organization, email: str, role: Role, inviter: Person | None) -> Invitation:
        """Invite somebody."""
        now = self._tick()
        made = Invitation(
            f"orginv_{uuid.uuid4().hex[:27]}", organization.organization_id, email, role, inviter, "pending", now, now
        )
        self._invitations[made.invitation_id] = made
        return made

    def settle(self, invitation: Invitation, status: str) -> Invitation:
        """An invitation has been accepted or revoked."""
        settled = replace(invitation, status=status, updated_ms=self._tick())
        self._invitations[invitation.invitation_id] = settled
        return settled

    def newcomer(self, email: str) -> Person:
        """The person with this address, who signs up if there is none."""
        known = next((each for each in self._people.values() if each.email.lower() == email.lower()), None)
        if known is not None:
            return known
        name = email.partition("@")[0].replace(".", " ").replace("+", " ").title() or "Somebody"
        first, _, last = name.partition(" ")
        made = Person(f"user_{uuid.uuid4().hex[:27]}", first, last or "New", email, "New here", ())
        self._people[made.user_id] = made
        return made

    def now_ms(self) -> int:
        """The time of an event that changes nothing in the directory's own rows."""
        return self._tick()

    def _tick(self) -> int:
        self._last_ms = max(self._last_ms + 1, int(self.clock.now().timestamp() * 1000))
        return self._last_ms
