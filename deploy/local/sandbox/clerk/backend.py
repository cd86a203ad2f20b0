"""Clerk's back-end API, ``/v1``: the calls about organisations that Callmine makes, and one control of the sandbox's own.

Each change is told by webhook, as Clerk does, after it has been answered.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.sandbox.clerk.directory import Directory, Invitation, Membership
from local.sandbox.clerk.people import Organization, Role
from local.sandbox.clerk.records import invitation_record, membership_record, organization_record
from local.sandbox.clerk.webhook_events import (
    WebhookMessage,
    invitation_event,
    membership_event,
    organization_event,
)
from local.sandbox.vendors import clerk_error

LONGEST_NAME = 256
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]+\.[^@\s]+")
_ROLES = {role.prefixed: role for role in Role}

Body = dict[str, object]
Tell = Callable[[list[WebhookMessage]], object]


class Refused(Exception):
    """The call is not honoured; carries the answer."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.response = clerk_error(status, code, message)


@dataclass(frozen=True, slots=True)
class ClerkBackend:
    """The routes. ``tell`` sends webhooks; ``secret_key`` is what the application shows as bearer."""

    directory: Directory
    secret_key: str
    tell: Tell

    def routes(self) -> list[Route]:
        """The routes below ``/clerk``."""
        of = "/v1/organizations/{organization_id}"
        return [
            self._route(of, "GET", self._show),
            self._route(of, "PATCH", self._rename),
            self._route(of, "DELETE", self._delete),
            self._route(f"{of}/memberships", "GET", self._members),
            self._route(f"{of}/memberships/{{user_id}}", "PATCH", self._change_role),
            self._route(f"{of}/memberships/{{user_id}}", "DELETE", self._remove),
            self._route(f"{of}/invitations", "GET", self._invitations),
            self._route(f"{of}/invitations", "POST", self._invite),
            self._route(f"{of}/invitations/{{invitation_id}}/revoke", "POST", self._revoke),
        ]

    def accept(self, invitation: Invitation) -> Membership:
        """Somebody follows the link in the invitation's e-mail, signing up if need be. Raises Refused."""
        organization = self._organization(invitation.organization_id)
        if invitation.status != "pending":
            raise _not_pending()
        person = self.directory.newcomer(invitation.email)
        settled = self.directory.settle(invitation, "accepted")
        membership = self.directory.place(organization, person, invitation.role)
        created = membership_event("organizationMembership.created", self.directory, membership, membership.updated_ms)
        self.tell([invitation_event("organizationInvitation.accepted", settled, person.user_id), created])
        return membership

    def _route(
        self, path: str, method: str, answer: Callable[[Organization, Request, Body], Awaitable[Response]]
    ) -> Route:
        async def checked(request: Request) -> Response:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            try:
                if not self.secret_key or not hmac.compare_digest(given.encode(), self.secret_key.encode()):
                    raise Refused(HTTPStatus.UNAUTHORIZED, "authentication_invalid", "Invalid authentication")
                organization = self._organization(request.path_params["organization_id"])
                return await answer(organization, request, await _body(request))
            except Refused as refusal:
                return refusal.response

        return Route(path, checked, methods=[method])

    def _organization(self, organization_id: str) -> Organization:
        found = self.directory.organization(organization_id)
        if found is None:
            raise _not_found()
        return found

    async def _show(self, organization: Organization, _request: Request, _body: Body) -> Response:
        return JSONResponse(organization_record(self.directory, organization))

    async def _rename(self, organization: Organization, _request: Request, body: Body) -> Response:
        name = body.get("name")
        if set(body) != {"name"} or not isinstance(name, str) or not 0 < len(name.strip()) <= LONGEST_NAME:
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "form_param_format_invalid", "name is not valid")
        renamed = self.directory.rename(organization, name.strip())
        event = organization_event("organization.updated", self.directory, renamed, self.directory.changed_ms(renamed))
        return self._told(organization_record(self.directory, renamed), event)

    async def _delete(self, organization: Organization, _request: Request, _body: Body) -> Response:
        event = organization_event("organization.deleted", self.directory, organization, self.directory.now_ms())
        self.directory.delete(organization)
        deleted: dict[str, object] = {
            "object": "organization",
            "id": organization.organization_id,
            "deleted": True,
        }
        return self._told(deleted, event)

    async def _members(self, organization: Organization, _request: Request, _body: Body) -> Response:
        found = [membership_record(self.directory, one) for one in self.directory.memberships(organization)]
        return JSONResponse({"data": found, "total_count": len(found)})

    async def _change_role(self, organization: Organization, request: Request, body: Body) -> Response:
        role = _role(body)
        known = self._membership(organization, request)
        if role is not Role.ADMIN:
            self._keep_an_admin(organization, known)
        changed = self.directory.place(organization, known.person, role)
        event = membership_event("organizationMembership.updated", self.directory, changed, changed.updated_ms)
        return self._told(membership_record(self.directory, changed), event)

    async def _remove(self, organization: Organization, request: Request, _body: Body) -> Response:
        known = self._membership(organization, request)
        self._keep_an_admin(organization, known)
        record = membership_record(self.directory, known)
        event = membership_event("organizationMembership.deleted", self.directory, known, self.directory.now_ms())
        self.directory.remove(known)
        return self._told(record, event)

    async def _invitations(self, organization: Organization, request: Request, _body: Body) -> Response:
        status = request.query_params.get("status")
        found = [one for one in self.directory.invitations(organization) if status in {None, one.status}]
        return JSONResponse({"data": [invitation_record(one) for one in found], "total_count": len(found)})

    async def _invite(self, organization: Organization, _request: Request, body: Body) -> Response:
        email, role = body.get("email_address"), _role(body)
        if not isinstance(email, str) or not _EMAIL.fullmatch(email):
            text = "email_address must be a valid email address."
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "form_param_format_invalid", text)
        self._refuse_known(organization, email)
        inviter = self._admin(organization, body.get("inviter_user_id"))
        made = self.directory.invite(organization, email, role, inviter.person)
        return self._told(invitation_record(made), invitation_event("organizationInvitation.created", made))

    async def _revoke(self, organization: Organization, request: Request, body: Body) -> Response:
        self._admin(organization, body.get("requesting_user_id"))
        found = self.directory.invitation(request.path_params["invitation_id"])
        if found is None or found.organization_id != organization.organization_id:
            raise _not_found()
        if found.status != "pending":
            raise _not_pending()
        settled = self.directory.settle(found, "revoked")
        return self._told(invitation_record(settled), invitation_event("organizationInvitation.revoked", settled))

    def _refuse_known(self, organization: Organization, email: str) -> None:
        members = {one.person.email.lower() for one in self.directory.memberships(organization)}
        if email.lower() in members:
            text = f"{email} is already a member of the organization."
            raise Refused(HTTPStatus.BAD_REQUEST, "already_a_member_in_organization", text)
        invited = {one.email.lower() for one in self.directory.invitations(organization) if one.status == "pending"}
        if email.lower() in invited:
            text = f"There is already a pending invitation for {email}."
            raise Refused(HTTPStatus.BAD_REQUEST, "duplicate_record", text)

    def _admin(self, organization: Organization, user_id: object) -> Membership:
        found = self.directory.membership(organization, str(user_id))
        if found is None or found.role is not Role.ADMIN:
            text = "Current user is not an administrator in the organization."
            raise Refused(HTTPStatus.FORBIDDEN, "not_an_admin_in_organization", text)
        return found

    def _membership(self, organization: Organization, request: Request) -> Membership:
        found = self.directory.membership(organization, request.path_params["user_id"])
        if found is None:
            raise _not_found()
        return found

    def _keep_an_admin(self, organization: Organization, leaving: Membership) -> None:
        admins = [one for one in self.directory.memberships(organization) if one.role is Role.ADMIN]
        if [one.person.user_id for one in admins] == [leaving.person.user_id]:
            text = "There has to be at least one organization member with the minimum required permissions"
            code = "organization_minimum_permissions_needed"
            raise Refused(HTTPStatus.UNPROCESSABLE_ENTITY, code, text)

    def _told(self, record: dict[str, object], event: WebhookMessage) -> Response:
        async def tell() -> None:
            self.tell([event])

        return JSONResponse(record, background=BackgroundTask(tell))


async def _body(request: Request) -> Body:
    raw = await request.body()
    try:
        found = json.loads(raw) if raw else {}
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Refused(HTTPStatus.BAD_REQUEST, "request_body_invalid", "Request body invalid")
    return found


def _role(body: Body) -> Role:
    found = _ROLES.get(str(body.get("role")))
    if found is None:
        raise Refused(HTTPStatus.NOT_FOUND, "resource_not_found", "Organization role not found")
    return found


def _not_found() -> Refused:
    return Refused(HTTPStatus.NOT_FOUND, "resource_not_found", "Resource not found")


def _not_pending() -> Refused:
    return Refused(HTTPStatus.BAD_REQUEST, "organization_invitation_not_pending", "The invitation is not pending")
