"""Clerk's back-end API: the changes that admins make here.

No call is repeated by itself: after a lost answer nobody can tell whether it took effect, and the webhook that follows says so. Errors come
in two kinds, for what is done about the intent that was written before the call:

    ClerkRefused, ClerkBusy    certainly nothing was changed
    ClerkSilent                it may have been changed all the same
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import TypeVar

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, ValidationError

from cloud.secrets import Secrets
from core.errors import CallmineError, InvalidInput, Permanent, Transient
from core.ids import UserId, WorkspaceId
from egress import Egress, EgressError, ProviderRejected, ProviderUnavailable, TooManyRequests
from ingest.clerk_records import invitation_of, membership_of, organisation_of
from ingest.domain.intents import CALL_SECONDS
from ingest.domain.invitations import Invitation, InvitationState
from ingest.domain.members import Membership, Organisation, Role

DESTINATION = "clerk"
SECRET_KEY = "clerk-secret-key"  # noqa: S105 - the name of the secret, not the secret

# An answer is one record of a few KB.
LARGEST_ANSWER = 256 * 1024

_LONGEST_WORDS = 300

T = TypeVar("T")


class ClerkRefused(Permanent):
    """The sign-in service said no; nothing was changed."""

    status = 409
    problem = "sign-in-service-refused"
    title = "The sign-in service refused this"


class ClerkUnknown(ClerkRefused):
    """The sign-in service does not know what the call is about."""


class ClerkBusy(Transient):
    """The sign-in service did not take the call; nothing was changed."""

    problem = "sign-in-service-away"
    title = "The sign-in service is not available"


class ClerkSilent(Transient):
    """Nobody knows whether the sign-in service made the change."""

    problem = "sign-in-service-silent"
    title = "The sign-in service did not answer"


class _Fault(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    long_message: str = ""
    message: str = ""
    code: str = ""


class _Faults(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)

    errors: tuple[_Fault, ...] = ()


class ClerkBackend(Struct, frozen=True):
    """The calls. Each raises ClerkRefused, ClerkBusy or ClerkSilent."""

    egress: Egress
    secrets: Secrets

    async def rename(self, workspace_id: WorkspaceId, name: str) -> Organisation:
        """Call the organisation `name`."""
        return await self._ask("PATCH", f"/organizations/{workspace_id}", {"name": name}, organisation_of)

    async def invite(self, workspace_id: WorkspaceId, email: str, role: Role, inviter: UserId) -> Invitation:
        """Invite `email`; Clerk writes the e-mail, in the name of `inviter`."""
        body = {"email_address": email, "role": _named(role), "inviter_user_id": inviter}
        return await self._ask("POST", f"/organizations/{workspace_id}/invitations", body, _pending)

    async def revoke(self, workspace_id: WorkspaceId, invitation_id: str, admin: UserId) -> Invitation:
        """Make an invitation worthless. `invitation_id` is one that Clerk told."""
        path = f"/organizations/{workspace_id}/invitations/{invitation_id}/revoke"
        return await self._ask("POST", path, {"requesting_user_id": admin}, _revoked)

    async def change_role(self, workspace_id: WorkspaceId, user_id: UserId, role: Role) -> Membership:
        """Give a member another role."""
        path = f"/organizations/{workspace_id}/memberships/{user_id}"
        return await self._ask("PATCH", path, {"role": _named(role)}, _present)

    async def remove(self, workspace_id: WorkspaceId, user_id: UserId) -> Membership:
        """End a membership; the answer is the one that ended."""
        return await self._ask("DELETE", f"/organizations/{workspace_id}/memberships/{user_id}", None, _ended)

    async def delete(self, workspace_id: WorkspaceId) -> None:
        """Delete the organisation with its memberships and invitations; fine where there is none any more. Again is fine."""
        try:
            await self._ask("DELETE", f"/organizations/{workspace_id}", None, _nothing)
        except ClerkUnknown:
            return

    async def _ask(self, method: str, path: str, body: Mapping[str, object] | None, read: Callable[[bytes], T]) -> T:
        key = await self._key()
        try:
            answer = await self.egress.request(
                DESTINATION,
                method,
                path,
                json=body,
                headers={"authorization": f"Bearer {key}"},
                timeout=CALL_SECONDS,
                idempotent=False,
            )
        except EgressError as error:
            raise _in_words(error) from error
        try:
            return read(answer.content)
        except InvalidInput:
            raise ClerkSilent(
                "The sign-in service gave an answer that cannot be read. If the change was made, it appears here within a minute."
            ) from None

    async def _key(self) -> str:
        try:
            return (await self.secrets.read(SECRET_KEY)).decode().strip()
        except CallmineError as error:
            raise ClerkBusy("Callmine cannot reach the sign-in service right now. Nothing was changed.") from error


def _named(role: Role) -> str:
    return f"org:{role.value}"


def _nothing(body: bytes) -> None:
    """Nothing of the answer counts."""
    del body


def _pending(body: bytes) -> Invitation:
    return invitation_of(body, InvitationState.PENDING)


def _revoked(body: bytes) -> Invitation:
    return invitation_of(body, InvitationState.REVOKED)


def _present(body: bytes) -> Membership:
    return membership_of(body, removed=False)


def _ended(body: bytes) -> Membership:
    return membership_of(body, removed=True)


def _in_words(error: EgressError) -> ClerkRefused | ClerkBusy | ClerkSilent:
    if isinstance(error, ProviderRejected):
        kind = ClerkUnknown if error.provider_status == HTTPStatus.NOT_FOUND else ClerkRefused
        return kind(_refusal(error))
    if isinstance(error, TooManyRequests):
        return ClerkBusy("The sign-in service is busy. Nothing was changed; try again in a moment.", error.retry_after)
    if isinstance(error, ProviderUnavailable) and error.never_sent:
        return ClerkBusy("The sign-in service cannot be reached. Nothing was changed; try again in a moment.")
    return ClerkSilent(
        "The sign-in service did not answer. If the change was made all the same, it appears here within a minute."
    )


def _refusal(rejection: ProviderRejected) -> str:
    """What a person can do about it; the reasons Clerk names by code first, then its own words."""
    fault = _fault(rejection.body)
    known = _REASONS.get(fault.code)
    if known:
        return known
    if rejection.provider_status == HTTPStatus.UNAUTHORIZED:
        return "The sign-in service does not accept Callmine's key. Nothing was changed; please write to support."
    if rejection.provider_status == HTTPStatus.NOT_FOUND:
        return "The sign-in service does not know this any more. The list here follows within a minute."
    said = " ".join(
        "".join(each if each.isprintable() else " " for each in fault.long_message or fault.message).split()
    )
    return f'The sign-in service answered: "{said[:_LONGEST_WORDS]}"' if said else "The sign-in service refused this."


_REASONS = {
    "already_a_member_in_organization": "This person is a member already.",
    "duplicate_record": "This address has an invitation already. Revoke it first, to send another.",
    "organization_invitation_not_pending": "This invitation has been accepted or revoked already.",
    "organization_minimum_permissions_needed": "A workspace needs an admin. Make somebody else an admin first.",
    "organization_membership_quota_exceeded": "The organization has as many members as its sign-in plan allows.",
    "not_an_admin_in_organization": "You are no longer an admin of this organization.",
}


def _fault(body: bytes) -> _Fault:
    try:
        faults = _Faults.model_validate_json(body).errors
    except ValidationError:
        return _Fault()
    return faults[0] if faults else _Fault()
