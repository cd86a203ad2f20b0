"""Broken versions of the real parts: each leaves out one thing that a run rests on. A proof that lets one pass proves nothing.

They are put in place in a worker's process, which is no test's, so that nothing has to be put back.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from analysis.domain.request import RunId
from analysis.handlers.lifecycle import Lifecycle
from analysis.models.port import Prompt, Reply
from analysis.models.with_openai import OpenAIModel
from analysis.store.calls import CallEnd
from analysis.workers.calls import CallWork
from core.faultpoints import reach
from core.ids import WorkspaceId
from database import Queries, Tx
from messaging import Draft, Outbox

Key = tuple[WorkspaceId, RunId]


def no_fence() -> None:
    """Whoever comes late stores its result too, where nothing of the tables' keys stands in its way."""
    left_out = {
        "finish_calls": ("AND c.fence = e.fence AND c.done_at IS NULL", ""),
        "insert_analyses": ("span_ms, models)", "span_ms, models) ON CONFLICT DO NOTHING"),
        "insert_findings": ("claim, sentiment)", "claim, sentiment) ON CONFLICT DO NOTHING"),
        "insert_quotes": ("start_ms, body)", "start_ms, body) ON CONFLICT DO NOTHING"),
        "meter_calls": ("FROM wanted w", "FROM wanted w ON CONFLICT DO NOTHING"),
    }
    of = Queries.of

    def changed(cls: type[Queries], *packages: str) -> Queries:
        del cls
        queries = of(*packages)
        for name, (there, instead) in left_out.items():
            before, found, after = queries[name].sql.rpartition(there)
            if not found:
                raise LookupError(f"{name} has no {there}: the mutant is another one than it was")
            queries._statements[name] = replace(queries[name], sql=before + instead + after)
        return queries

    Queries.of = classmethod(changed)  # type: ignore[method-assign, assignment]


def meters_apart() -> None:
    """Results are metered in a transaction of their own, once they are stored."""
    meter, store = Lifecycle.meter, CallWork._store

    async def not_now(self: Lifecycle, tx: Tx, run_id: RunId, call_ids: Sequence[str]) -> None:
        """It is done later."""

    async def stored(self: CallWork, key: Key, ends: Sequence[CallEnd]) -> list[None]:
        told = await store(self, key, ends)
        reach("analysis.call.metered")
        async with self.db.workspace(key[0]) as tx:
            await meter(self.lifecycle, tx, key[1], [end.claim.call_id for end in ends if end.analysis])
        return told

    Lifecycle.meter = not_now  # type: ignore[method-assign]
    CallWork._store = stored  # type: ignore[method-assign]


def announces_apart() -> None:
    """What happened is announced in a transaction of its own, once it is stored."""
    add_many, store = Outbox.add_many, CallWork._store
    waiting: list[Draft] = []

    async def not_now(self: Outbox, tx: Tx, drafts: Sequence[Draft]) -> list[uuid.UUID]:
        waiting.extend(drafts)
        return [uuid.uuid4() for _ in drafts]

    async def stored(self: CallWork, key: Key, ends: Sequence[CallEnd]) -> list[None]:
        told = await store(self, key, ends)
        reach("analysis.call.before_commit")
        drafts = list(waiting)
        waiting.clear()
        async with self.db.workspace(key[0]) as tx:
            await add_many(self.outbox, tx, drafts)
        return told

    Outbox.add_many = not_now  # type: ignore[method-assign]
    CallWork._store = stored  # type: ignore[method-assign]


def asks_twice() -> None:
    """The model is asked again although it has answered."""
    answer = OpenAIModel.answer

    async def twice(self: OpenAIModel, prompt: Prompt, most_output_tokens: int) -> Reply:
        await answer(self, prompt, most_output_tokens)
        return await answer(self, prompt, most_output_tokens)

    OpenAIModel.answer = twice  # type: ignore[method-assign]


MUTANTS: Mapping[str, Callable[[], None]] = {
    "no fence": no_fence,
    "meters apart": meters_apart,
    "announces apart": announces_apart,
    "asks twice": asks_twice,
}
