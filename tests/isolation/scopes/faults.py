"""What befalls a transaction: an interruption at one of its awaits, or something that happens inside it."""

from __future__ import annotations

import asyncio
import random
import types
from collections import Counter
from collections.abc import Callable, Coroutine, Generator, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar, cast

T = TypeVar("T")

Inside = Literal[
    "nothing",
    "raises",
    "raises before commit",
    "raises after commit",
    "fails",
    "fails unheard",
    "lingers",
    "loses its connection",
]
INSIDE: tuple[Inside, ...] = (
    "raises",
    "raises before commit",
    "raises after commit",
    "fails",
    "fails unheard",
    "lingers",
)

# Most transactions go undisturbed: they are the ones that would see what others left behind.
DISTURBED = 0.4
# A new connection costs a hundred times what a transaction does.
LOST_CONNECTIONS = 0.001
IMPATIENT = 0.02

# Awaits of a transaction that has to open a connection first; interruptions are drawn up to what was seen, and a little beyond.
BEYOND = 2


class Thrown(Exception):
    """An exception that nothing else raises."""


Interruption = Literal["cancel", "throw"]


@dataclass(frozen=True, slots=True)
class Fault:
    """`at` says which awaits are interrupted, and how; `inside` what the transaction itself does; `impatient` that it will not queue."""

    at: Mapping[int, Interruption] = field(default_factory=dict)
    inside: Inside = "nothing"
    impatient: bool = False


def draw(rng: random.Random, awaits: int) -> Fault:
    """A fault for a transaction in which about `awaits` awaits have been seen."""
    if rng.random() < LOST_CONNECTIONS:
        return Fault(inside="loses its connection")
    if rng.random() < IMPATIENT:
        return Fault(impatient=True)
    if rng.random() >= DISTURBED:
        return Fault()
    if rng.random() < 0.4:
        return Fault(inside=rng.choice(INSIDE))
    at: dict[int, Interruption] = {rng.randrange(awaits + BEYOND): "cancel" if rng.random() < 0.7 else "throw"}
    if rng.random() < 0.3:
        # A second one strikes while the first is being cleared up.
        at[max(at) + rng.randrange(1, 4)] = "cancel"
    return Fault(at=at)


def thrown(rng: random.Random) -> Exception:
    """An exception such as any await may raise."""
    return rng.choice((Thrown("thrown"), OSError("the network is gone"), MemoryError("no memory")))


@types.coroutine
def interrupted(
    steps: Coroutine[object, object, T],
    at: Mapping[int, Interruption],
    error: Exception,
    happened: Counter[int],
    awaits: Callable[[int], None],
) -> Generator[object, object, T]:
    """Drive `steps`; when it awaits for the n-th time, cancel its task or throw `error` into it if `at` says so.

    A cancellation comes as the event loop brings it, while the coroutine waits. An exception is thrown in place of what was waited for,
    which stays under way: as unkind as it gets.
    """
    count = 0
    coming: BaseException | None = None
    while True:
        try:
            waited_for = steps.send(None) if coming is None else steps.throw(coming)
        except StopIteration as end:
            awaits(count)
            return cast(T, end.value)
        act, count, coming = at.get(count), count + 1, None
        if act is not None:
            happened[count - 1] += 1
        if act == "throw":
            _let_go(waited_for)
            coming = error
            continue
        if act == "cancel" and (task := asyncio.current_task()) is not None:
            task.cancel()
        try:
            yield waited_for
        except BaseException as came:  # noqa: BLE001 - it is passed on, whatever it is
            coming = came


def _let_go(future: object) -> None:
    """Nobody waits for `future` any more: hear what it raises, so that nobody complains."""
    if isinstance(future, asyncio.Future):
        future._asyncio_future_blocking = False
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
