"""The first wall alone: a transaction that is used outside its time, or for something that has no name."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from database import Tx
from isolation.mutants.interfaces import A, Attacker, B, Undo, refusal
from isolation.mutants.mutant import KILLED, Outcome

Use = Callable[[Tx, str, dict[str, object]], Awaitable[object]]

USES: Mapping[str, Use] = {
    "fetch": lambda tx, name, given: tx.fetch(name, **given),
    "fetch_one": lambda tx, name, given: tx.fetch_one(name, **given),
    "fetch_value": lambda tx, name, given: tx.fetch_value(name, **given),
    "execute": lambda tx, name, given: tx.execute(name, **given),
}


async def after_its_block(one: Attacker) -> Tx:
    """The block has ended, the transaction is committed."""
    async with one.db.workspace(A) as tx:
        pass
    return tx


async def after_an_exception(one: Attacker) -> Tx:
    """The block has been left by an exception."""
    kept: list[Tx] = []
    try:
        async with one.db.workspace(A) as tx:
            kept.append(tx)
            raise Undo
    except Undo:
        return kept[0]


async def after_a_cancellation(one: Attacker) -> Tx:
    """The task has been cancelled inside the block."""
    kept: list[Tx] = []
    entered = asyncio.Event()

    async def work() -> None:
        async with one.db.workspace(A) as tx:
            kept.append(tx)
            entered.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await entered.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return kept[0]


async def after_its_sweep(one: Attacker) -> Tx:
    """The sweep has ended."""
    async with one.db.sweep() as tx:
        pass
    return tx


async def after_its_batch(one: Attacker) -> Tx:
    """The batch has ended."""
    async with one.db.batch() as batch:
        return await batch.enter(A)


ENDS: Mapping[str, Callable[[Attacker], Awaitable[Tx]]] = {
    "after its block": after_its_block,
    "after an exception": after_an_exception,
    "after a cancellation": after_a_cancellation,
    "after its sweep": after_its_sweep,
    "after its batch": after_its_batch,
}


async def used_too_late(one: Attacker, end: str, use: str) -> Outcome:
    """A transaction that is over is used once more."""
    tx = await ENDS[end](one)
    return await refusal(USES[use](tx, "scope_enter", {}), RuntimeError)


async def used_after_the_batch_moved(one: Attacker, use: str, how: str) -> Outcome:
    """Two scopes at once: a batch is in the second workspace, and the first one's transaction is used."""

    async def attempt() -> object:
        async with one.db.batch() as batch:
            first = await batch.enter(A)
            if how == "enter_with":
                await batch.enter_with(B, "scope_enter")
            elif how == "enter_each":
                await batch.enter_each("scope_enter", [B])
            else:
                await batch.enter(B)
            return await USES[use](first, "scope_enter", {})

    return await refusal(attempt(), RuntimeError)


async def used_on_commit(one: Attacker, use: str) -> Outcome:
    """What is called after the commit uses the transaction."""
    late: list[Awaitable[object]] = []
    async with one.db.workspace(A) as tx:
        tx.on_commit(lambda: late.append(USES[use](tx, "scope_enter", {})))
    return await refusal(late[0], RuntimeError)


async def unnamed(one: Attacker, text: str, use: str, where: str) -> Outcome:
    """SQL where a statement's name belongs; the refusal says where statements go."""

    async def attempt() -> object:
        block = one.db.workspace(A) if where == "workspace" else one.db.sweep()
        async with block as tx:
            return await USES[use](tx, text, {})

    try:
        answer = await attempt()
    except KeyError as error:
        return KILLED if "queries/*.sql" in str(error) else Outcome(f"says only {error}")
    return Outcome(f"ran {text}, which answered {str(answer)[:100]}")


async def relabelled(one: Attacker) -> Outcome:
    """The transaction is told to belong to another workspace."""

    async def attempt() -> object:
        async with one.db.workspace(A) as tx:
            tx.workspace_id = B  # type: ignore[misc]
            return tx.workspace_id

    return await refusal(attempt(), AttributeError)


async def rewritten(one: Attacker) -> Outcome:
    """A statement is given another text while the service runs."""

    async def attempt() -> object:
        statement = one.db.queries["scope_enter"]
        statement.sql = "SELECT 1"  # type: ignore[misc]
        return statement.sql

    return await refusal(attempt(), AttributeError)


async def named_by_a_sweep(one: Attacker) -> Outcome:
    """A sweep is asked which workspace it belongs to."""

    async def attempt() -> object:
        async with one.db.sweep() as tx:
            return tx.workspace_id

    return await refusal(attempt(), RuntimeError)


SINGLE: Mapping[str, Callable[[Attacker], Awaitable[Outcome]]] = {
    "relabel the transaction": relabelled,
    "rewrite a statement": rewritten,
    "take a sweep's workspace": named_by_a_sweep,
}
