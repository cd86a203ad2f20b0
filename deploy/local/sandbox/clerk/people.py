"""Who can sign in at the beginning: five people, two organisations. `directory` has who belongs where now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """A role in an organisation, as Clerk's version 2 tokens spell it; elsewhere it carries the prefix ``org:``."""

    ADMIN = "admin"
    MEMBER = "member"

    @property
    def prefixed(self) -> str:
        """The role with Clerk's prefix."""
        return f"org:{self.value}"


@dataclass(frozen=True, slots=True)
class Organization:
    """A Clerk Organization: one workspace of Callmine."""

    organization_id: str
    slug: str
    name: str


@dataclass(frozen=True, slots=True)
class Person:
    """A user with the organisations they belong to."""

    user_id: str
    first_name: str
    last_name: str
    email: str
    job: str
    roles: tuple[tuple[str, Role], ...]

    @property
    def name(self) -> str:
        """First and last name."""
        return f"{self.first_name} {self.last_name}"

    @property
    def initials(self) -> str:
        """Two letters for the picture nobody uploaded."""
        return self.first_name[0] + self.last_name[0]

    def role_in(self, organization_id: str) -> Role | None:
        """The role in an organisation; ``None`` for someone who does not belong to it."""
        return dict(self.roles).get(organization_id)


HARBORLINE = Organization("org_harborline01", "harborline", "Harborline")
QUILLSTONE = Organization("org_quillstone01", "quillstone", "Quillstone")
ORGANIZATIONS = (HARBORLINE, QUILLSTONE)

PEOPLE = (
    Person(
        "user_harborline01",
        "Helen",
        "Achebe",
        "helen.achebe@harborline.example",
        "VP Sales",
        ((HARBORLINE.organization_id, Role.ADMIN),),
    ),
    Person(
        "user_harborline02",
        "Tobias",
        "Lindgren",
        "tobias.lindgren@harborline.example",
        "Sales Operations",
        ((HARBORLINE.organization_id, Role.MEMBER),),
    ),
    Person(
        "user_quillstone01",
        "Leonor",
        "Vasquez",
        "leonor.vasquez@quillstone.example",
        "VP Revenue",
        ((QUILLSTONE.organization_id, Role.ADMIN),),
    ),
    Person(
        "user_quillstone02",
        "Jonas",
        "Keller",
        "jonas.keller@quillstone.example",
        "Revenue Operations",
        ((QUILLSTONE.organization_id, Role.MEMBER),),
    ),
    Person(
        "user_northlight01",
        "Yuki",
        "Tanabe",
        "yuki.tanabe@northlight.example",
        "Sales Consultant",
        ((HARBORLINE.organization_id, Role.MEMBER), (QUILLSTONE.organization_id, Role.ADMIN)),
    ),
)
