"""What admins do with the workspace's stream. Each change is audited, with the host and the state, never with a secret or a path."""

from __future__ import annotations

from collections.abc import Callable

from msgspec import Struct, field

from audit import events
from audit.log import store as log_store
from audit.streaming import address, store
from audit.streaming.grants import Grant, Secrets
from audit.streaming.items import Batch, read, trial
from audit.streaming.posting import Post
from audit.streaming.signing import headers
from audit.streaming.stream import Attempt, State, Stream
from audit.streaming.vault import Vault
from contracts import Actor
from core.clock import Clock, SystemClock
from core.errors import Conflict, NotFound
from core.ids import WorkspaceId, uuid7
from database import Database, Tx
from messaging import Outbox

# A test event is a request that somebody else's server has to answer: not more often than this, in seconds.
TEST_EVERY = 5.0

# How long a person waits for the vault's answer, in seconds, and how often it is looked at.
PATIENCE, LOOK_EVERY = 5.0, 0.2

TEST_PURPOSE = "stream-test"


class ChangedElsewhere(Conflict):
    """Another admin has changed the stream since this one looked."""

    title = "Somebody else changed this in the meantime"


class Shown(Struct, frozen=True):
    """The stream, where there is one, and why there is nothing to sign with: the vault's word for it, empty where there is."""

    stream: Stream | None
    denied: str


class Setup(Struct, frozen=True):
    """The use cases. `sandbox` is the beginning of addresses on this machine that are right all the same; empty in the cloud."""

    db: Database
    outbox: Outbox
    vault: Vault
    post: Post
    sandbox: str = ""
    wake: Callable[[], None] = lambda: None
    clock: Clock = field(default_factory=SystemClock)

    async def shown(self, workspace_id: WorkspaceId) -> Shown:
        """The stream as it is now."""
        async with self.db.workspace(workspace_id) as tx:
            return Shown(await store.stream(tx), (await store.grant(tx)).denied)

    async def pulled(self, workspace_id: WorkspaceId, first: int, most: int, largest: int) -> tuple[Batch, int]:
        """Items of the log from a position on, and the log's size."""
        async with self.db.workspace(workspace_id) as tx:
            size = (await log_store.head(tx)).range.size
            return await read(tx, first, size, most, largest), size

    async def set(
        self, workspace_id: WorkspaceId, url: str, version: int, actor: Actor, *, everything: bool = False
    ) -> Stream:
        """Send the log to `url` from now on; a new stream begins with `everything` there is, or with what comes.

        `version` is the one that was seen, 0 for no stream. Raises InvalidInput, and ChangedElsewhere.
        """
        checked = address.checked(url, self.sandbox)
        async with self.db.workspace(workspace_id) as tx:
            before, now = await store.locked(tx), self.clock.now()
            if before is None:
                first = 0 if everything else (await log_store.head(tx)).range.size
                done = version == 0 and await store.add(tx, checked, first, now)
            elif before.url == checked and before.version == version:
                return before
            else:
                done = await store.move(tx, checked, version, now)
            await self.vault.ask(tx, "stream", now)
            return await self._told(tx, before, actor, done=done)

    async def pause(self, workspace_id: WorkspaceId, version: int, actor: Actor) -> Stream:
        """Send nothing more. Raises NotFound, Conflict where it is not active, ChangedElsewhere."""
        async with self.db.workspace(workspace_id) as tx:
            before = await self._there(tx)
            if before.version == version and before.state is not State.ACTIVE:
                raise Conflict("Nothing is being sent: there is nothing to pause.")
            return await self._told(tx, before, actor, done=await store.pause(tx, version))

    async def resume(self, workspace_id: WorkspaceId, version: int, actor: Actor) -> Stream:
        """Go on where it stopped: nothing is left out. Raises NotFound, Conflict where it is active, ChangedElsewhere."""
        async with self.db.workspace(workspace_id) as tx:
            before = await self._there(tx)
            if before.version == version and before.state is State.ACTIVE:
                raise Conflict("It is being sent already: there is nothing to resume.")
            return await self._told(tx, before, actor, done=await store.resume(tx, version, self.clock.now()))

    async def remove(self, workspace_id: WorkspaceId, version: int, actor: Actor) -> None:
        """End the stream. Raises NotFound, ChangedElsewhere."""
        async with self.db.workspace(workspace_id) as tx:
            before = await self._there(tx)
            if not await store.remove(tx, version):
                raise _changed()
            told = events.stream_changed(workspace_id, _state(before), {})
            await self._tell(tx, told, before.version + 1, actor)

    async def test(self, workspace_id: WorkspaceId) -> Attempt:
        """Send a test event now, and say how that ended. Raises NotFound, and Conflict just after another one or without a secret."""
        now = self.clock.now()
        async with self.db.workspace(workspace_id) as tx:
            url = (await self._there(tx)).url
            if not await store.take_test(tx, TEST_EVERY, now):
                raise Conflict("A test event was sent a moment ago: wait a few seconds.")
        secrets = await self._secrets(workspace_id)
        body = trial(workspace_id, now)
        return await self.post(url, headers(secrets.all, f"test_{uuid7()}", int(now.timestamp()), body), body)

    async def _secrets(self, workspace_id: WorkspaceId) -> Secrets:
        """What to sign with, waited for as long as a person does. Raises Conflict."""
        ends = self.clock.monotonic() + PATIENCE
        async with self.db.workspace(workspace_id) as tx:
            found = await self.vault.secrets(tx, TEST_PURPOSE)
        while found is None:
            await self.clock.sleep(LOOK_EVERY)
            async with self.db.workspace(workspace_id) as tx:
                grant = await store.grant(tx)
            usable = grant.usable(self.clock.now())
            if usable is not None and not grant.asked:
                found = self.vault.door.open(workspace_id, usable)
            elif not grant.asked or self.clock.monotonic() >= ends:
                raise Conflict(_unsigned(grant))
        return found

    async def _there(self, tx: Tx) -> Stream:
        found = await store.locked(tx)
        if found is None:
            raise NotFound("The log is not sent anywhere: say where to first.")
        return found

    async def _told(self, tx: Tx, before: Stream | None, actor: Actor, *, done: bool) -> Stream:
        after = await store.stream(tx)
        if not done or after is None:
            raise _changed()
        moved = before is not None and before.url != after.url and address.place(before.url) == address.place(after.url)
        told = events.stream_changed(
            tx.workspace_id, _state(before) if before else {}, _state(after, " (another path)" if moved else "")
        )
        await self._tell(tx, told, after.version, actor)
        tx.on_commit(self.wake)
        return after

    async def _tell(self, tx: Tx, told: events.AdminAction, sequence: int, actor: Actor) -> None:
        aggregate = f"{tx.workspace_id}:audit-stream"
        await self.outbox.add(tx, told, aggregate_id=aggregate, sequence=sequence, actor=actor)


def _state(stream: Stream, note: str = "") -> dict[str, str]:
    return {"audit_stream": stream.state.value, "audit_stream_to": address.place(stream.url) + note}


def _changed() -> ChangedElsewhere:
    return ChangedElsewhere("The stream is another one by now. Look at it, and do it again if you still want to.")


def _unsigned(grant: Grant) -> str:
    if grant.denied and not grant.asked:
        return "There is no signing secret yet: make one under Settings, Integrations, and try again."
    return "The signing secret is not here yet: try again in a few seconds."
