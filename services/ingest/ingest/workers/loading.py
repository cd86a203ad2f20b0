"""One batch of calls, from Gong into object storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime

from msgspec import Struct, field

from cloud.objects import LARGEST_OBJECT, ObjectStore, StoredObject
from core.errors import CallmineError
from core.faultpoints import reach
from core.log import logger
from egress import ResponseTooLarge
from ingest.call_object import call_object
from ingest.domain.calls import CallId, Transcript
from ingest.domain.deals import DealSource
from ingest.domain.jobs import CallState, Claim
from ingest.domain.packing import Packed, pack_call, unpack
from ingest.gong.client import GongClient
from ingest.store.run_calls import WaitingCall

log = logger("ingest.fetch")

# Uploads at once of one job: each is one small object, bound by round trips. It also bounds the calls that are in memory unpacked.
UPLOADS = 16

# Seconds after which a transcript that was not ready is asked for again: Gong has most of them within minutes of the call.
TRANSCRIPT_WAITS = (120.0, 300.0, 900.0)


class KeptCall(Struct, frozen=True):
    """A call in object storage; `checksum` is empty where it was held before."""

    call_id: CallId
    started_at: datetime
    duration_seconds: int
    kept: StoredObject
    checksum: str


class Loaded(Struct, frozen=True):
    """What became of a batch, in the order of the run. `deferred`: to be asked for again in so many seconds.

    `too_long`: of those left out, the ones whose transcript is longer than is read.
    """

    kept: list[KeptCall] = field(default_factory=list)
    left_out: list[tuple[CallId, CallState]] = field(default_factory=list)
    deferred: list[tuple[CallId, float]] = field(default_factory=list)
    too_long: list[CallId] = field(default_factory=list)

    @property
    def call_ids(self) -> list[CallId]:
        """All calls of the batch."""
        return [
            *(call.call_id for call in self.kept),
            *(call_id for call_id, _ in self.left_out),
            *(call_id for call_id, _ in self.deferred),
        ]

    def without(self, erased: frozenset[CallId]) -> Loaded:
        """The batch without calls that were erased meanwhile."""
        if not erased:
            return self
        return Loaded(
            [call for call in self.kept if call.call_id not in erased],
            [one for one in self.left_out if one[0] not in erased],
            [one for one in self.deferred if one[0] not in erased],
            [call_id for call_id in self.too_long if call_id not in erased],
        )


class _Described(Struct, frozen=True):
    """A call's metadata as it is to be stored."""

    packed: Packed
    started_at: datetime
    duration_seconds: int


class Loader:
    """Loads batches of one job; all of them together upload at most UPLOADS calls at once."""

    def __init__(
        self,
        gong: GongClient,
        deals: DealSource,
        objects: ObjectStore,
        claim: Claim,
        waits: Sequence[float],
        *,
        refresh: bool,
    ) -> None:
        """`refresh`: the metadata noted with the choice is too old, so Gong is asked for it again."""
        self._gong = gong
        self._deals = deals
        self._folder = objects.workspace(claim.workspace_id)
        self._waits = waits
        self._refresh = refresh
        self._slots = asyncio.Semaphore(UPLOADS)

    async def load(self, batch: Sequence[WaitingCall]) -> Loaded:
        """Fetch and store the batch. Raises what the client and the object store raise."""
        loaded = Loaded()
        missing = [row for row in batch if row.held is None]
        described = await self._describe(missing, loaded)
        stored = await self._store(described, loaded)
        reach("fetch.after_object")
        for row in batch:
            self._judge(row, described.get(row.call_id), stored, loaded)
        return loaded

    async def _describe(self, rows: Sequence[WaitingCall], loaded: Loaded) -> dict[CallId, _Described]:
        """The metadata of `rows`; calls that are gone or have become private are left out."""
        known: dict[CallId, _Described] = {}
        unknown: list[CallId] = []
        for row in rows:
            if row.metadata is None or row.started_at is None or self._refresh:
                unknown.append(row.call_id)
            else:
                packed = Packed(row.metadata, row.checksum)
                known[row.call_id] = _Described(packed, row.started_at, row.duration_seconds)
        listed = await self._gong.calls(unknown) if unknown else {}
        calls = {call.call_id: call for call in await self._deals.complete(list(listed.values()))}
        for call_id in unknown:
            call = calls.get(call_id)
            if call is None or call.is_private:
                loaded.left_out.append((call_id, CallState.PRIVATE if call else CallState.GONE))
            else:
                known[call_id] = _Described(pack_call(call), call.started_at, call.duration_seconds)
        return known

    async def _store(self, described: Mapping[CallId, _Described], loaded: Loaded) -> dict[CallId, StoredObject | None]:
        """The objects by call; None where nothing was said, or too much. A call that Gong has no transcript of is not among them."""
        stored: dict[CallId, StoredObject | None] = {}
        failure: CallmineError | None = None
        try:
            async with asyncio.TaskGroup() as uploads:
                async for call_id, transcript in _transcripts(self._gong, list(described)):
                    if call_id in stored or call_id not in described:
                        continue
                    stored[call_id] = None
                    if transcript is None:
                        loaded.too_long.append(call_id)
                    elif transcript:
                        await self._slots.acquire()
                        uploads.create_task(self._put(call_id, described[call_id].packed, transcript, stored, loaded))
                    # Reading a transcript keeps the process busy for milliseconds: let the others go on in between.
                    await asyncio.sleep(0)
        except* CallmineError as failures:
            failure = next(leaf for leaf in failures.exceptions if isinstance(leaf, CallmineError))
        if failure is not None:
            raise failure
        return stored

    async def _put(
        self,
        call_id: CallId,
        packed: Packed,
        transcript: Transcript,
        stored: dict[CallId, StoredObject | None],
        loaded: Loaded,
    ) -> None:
        try:
            made = call_object(unpack(packed.content), transcript)
            if len(made.content) > LARGEST_OBJECT:
                loaded.too_long.append(call_id)
            else:
                stored[call_id] = await self._folder.put(made.name, made.content)
        finally:
            self._slots.release()

    def _judge(
        self,
        row: WaitingCall,
        described: _Described | None,
        stored: Mapping[CallId, StoredObject | None],
        loaded: Loaded,
    ) -> None:
        """Note what became of one call."""
        kept = stored.get(row.call_id)
        if row.held is not None and row.started_at is not None:
            loaded.kept.append(KeptCall(row.call_id, row.started_at, row.duration_seconds, row.held, ""))
        elif described is None:
            return
        elif kept is not None:
            loaded.kept.append(
                KeptCall(row.call_id, described.started_at, described.duration_seconds, kept, described.packed.checksum)
            )
        elif row.call_id not in stored and row.is_young and row.refusals < len(self._waits):
            loaded.deferred.append((row.call_id, self._waits[row.refusals]))
        else:
            loaded.left_out.append((row.call_id, CallState.WITHOUT_TRANSCRIPT))


async def _transcripts(gong: GongClient, call_ids: Sequence[CallId]) -> AsyncIterator[tuple[CallId, Transcript | None]]:
    """The transcripts of a batch, some perhaps twice; in halves where they are too long to come together, None for one that is alone."""
    if not call_ids:
        return
    halves: list[Sequence[CallId]] = []
    try:
        async for one in gong.transcripts(call_ids):
            yield one
    except ResponseTooLarge:
        middle = len(call_ids) // 2
        if not middle:
            log.warning("a transcript is too long to be read", call_id=call_ids[0])
            yield call_ids[0], None
        else:
            halves = [call_ids[:middle], call_ids[middle:]]
    for half in halves:
        async for found in _transcripts(gong, half):
            yield found
