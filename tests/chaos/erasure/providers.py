"""What providers keep of a workspace: a customer with a subscription at Stripe, and the organisation at Clerk."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from e2e.sandbox import Sandbox
from local.journey import JourneyFailed, Person, admin_of, until
from local.stack import Stack

PLAN = "starter"

KINDS = frozenset({"customer", "subscription", "organisation"})


@dataclass(frozen=True, slots=True)
class Providers:
    """The stand-ins of a stack."""

    stack: Stack

    async def pay(self, workspace: str) -> None:
        """The admin of a demo workspace pays for a plan, and has it. Raises JourneyFailed."""
        person = admin_of(self.stack, workspace)
        form = {"request_id": str(uuid.uuid4()), "plan": PLAN}
        answer = await person.call("POST", "/settings/billing/checkout", data=form)
        session = re.search(r"/pay/(cs_\w+)", answer.headers.get("refresh", ""))
        if session is None:
            raise JourneyFailed(f"{workspace} was not led to Stripe: {answer.status_code}")
        await Sandbox(self.stack).stripe("POST", f"/sessions/{session[1]}/pay")
        await until(
            lambda: person.call("GET", "/api/v1/plan"),
            lambda told: told.is_success and told.json()["plan"] == PLAN,
            f"{workspace} has paid and not got its plan",
        )

    async def kept(self, workspaces: Iterable[str]) -> dict[str, set[str]]:
        """What there is of each demo workspace, by its name; of KINDS."""
        told = await Sandbox(self.stack).stripe("GET", "")
        found: dict[str, set[str]] = {}
        for workspace in workspaces:
            person = admin_of(self.stack, workspace)
            of = [one for one in told["customers"] if one["metadata"].get("workspace_id") == person.organization_id]
            customers = {one["id"] for one in of if not one.get("deleted")}
            paid = {one["customer"] for one in told["subscriptions"] if one["status"] != "canceled"}
            there = {"customer": bool(customers), "subscription": bool(paid & {one["id"] for one in of})}
            there["organisation"] = await self._organisation(person)
            found[workspace] = {name for name, is_there in there.items() if is_there}
        return found

    async def _organisation(self, person: Person) -> bool:
        site = self.stack.site
        address = f"{site.sandbox_url}/clerk/v1/organizations/{person.organization_id}"
        headers = {"authorization": f"Bearer {site.keys.clerk_secret_key}"}
        answer = await self.stack.client.get(address, headers=headers)
        if answer.status_code not in {HTTPStatus.OK, HTTPStatus.NOT_FOUND}:
            raise JourneyFailed(f"Clerk answered {answer.status_code}")
        return answer.status_code == HTTPStatus.OK
