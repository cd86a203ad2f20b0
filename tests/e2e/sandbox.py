"""The outside world made to misbehave, and what was asked of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from local.journey import Json
from local.stack import Stack


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The switchboard of a stack's sandbox."""

    stack: Stack

    @asynccontextmanager
    async def misbehaving(self, *faults: Json) -> AsyncIterator[None]:
        """Within the block, only these faults are armed; after it none is."""
        await self._ask("DELETE", "/_faults")
        for fault in faults:
            await self._ask("POST", "/_faults", fault)
        try:
            yield
        finally:
            await self._ask("DELETE", "/_faults")

    async def struck(self) -> list[int]:
        """How often each armed fault has struck."""
        return [fault["struck"] for fault in (await self._ask("GET", "/_faults"))["faults"]]

    async def model_requests(self) -> list[Json]:
        """The requests to language models since the journal was cleared."""
        found: list[Json] = (await self._ask("GET", "/_journal"))["model_requests"]
        return found

    async def slack_messages(self) -> list[Json]:
        """What was posted to Slack, oldest first."""
        found: list[Json] = (await self._ask("GET", "/_slack/messages"))["messages"]
        return found

    async def clear_slack(self) -> None:
        """Forget what was posted to Slack."""
        await self._ask("DELETE", "/_slack/messages")

    async def watch(self, *texts: str) -> None:
        """From now on each model request says which of `texts` it held, in `watched`."""
        await self._ask("PUT", "/_journal/watched", list(texts))

    async def stripe(self, method: str, path: str) -> Json:
        """One of the controls of Stripe; its whole state for GET without a path."""
        return await self._ask(method, f"/_stripe{path}")

    async def clear_journal(self) -> None:
        """Forget the requests so far."""
        await self._ask("DELETE", "/_journal")

    async def _ask(self, method: str, path: str, body: object = None) -> Json:
        site = self.stack.site
        headers = {"authorization": f"Bearer {site.keys.admin_token}"}
        answer = await self.stack.client.request(method, site.sandbox_url + path, headers=headers, json=body)
        assert answer.is_success, answer.text
        found: Json = answer.json() if answer.content else {}
        return found
