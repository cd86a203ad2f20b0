"""What comes close together is done together: one transaction instead of one for each.

Whoever comes first leads: it does its own and those of all that have come by then, while later ones gather for the next batch. There is no
task besides those that wait, so that a batch cannot outlive them:

- a leader that is cancelled takes nobody with it: the others begin anew, led by the first of them;
- where the work fails, it is done again one by one, so that one that cannot be done does not hold the others back; Transient, which would
  hit each of them, is told to all;
- what is no Exception (the process is at its end) is told to all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from core.errors import Transient

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")
R = TypeVar("R")


class _Lead:
    """Told to the one that leads the next batch."""


@dataclass(slots=True, eq=False)
class _Entry(Generic[T, R]):
    """One that waits, and what it is told in the end."""

    item: T
    told: asyncio.Future[R | _Lead] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def tell(self, outcome: R | _Lead) -> None:
        if not self.told.done():
            self.told.set_result(outcome)

    @property
    def is_to_lead(self) -> bool:
        """Whether it has been told to lead."""
        told = self.told
        return told.done() and not told.cancelled() and not told.exception() and isinstance(told.result(), _Lead)

    def fail(self, error: BaseException) -> None:
        if not self.told.done():
            self.told.set_exception(error)


class Batches(msgspec.Struct, Generic[K, T, R]):
    """Does `work` for the items of one key, at most `most` at a time and one batch of a key after the other.

    `linger` says for how many seconds a leader waits for others before it begins. The work gives a result for each item, in their order.
    """

    work: Callable[[K, Sequence[T]], Awaitable[Sequence[R]]]
    most: int = 100
    linger: Callable[[], float] = lambda: 0.0
    _lines: dict[K, list[_Entry[T, R]]] = msgspec.field(default_factory=dict)

    async def do(self, key: K, item: T) -> R:
        """The result for `item`. Raises what the work raises."""
        entry: _Entry[T, R] = _Entry(item)
        line = self._lines.get(key)
        if line is None:
            self._lines[key] = []
            return await self._lead(key, entry)
        line.append(entry)
        try:
            outcome = await entry.told
        except asyncio.CancelledError:
            self._leave(key, entry)
            raise
        return await self._lead(key, entry) if isinstance(outcome, _Lead) else outcome

    async def _lead(self, key: K, entry: _Entry[T, R]) -> R:
        followers: list[_Entry[T, R]] = []
        try:
            if (seconds := self.linger()) > 0:
                await asyncio.sleep(seconds)
            line = self._lines[key]
            followers, self._lines[key] = line[: self.most - 1], line[self.most - 1 :]
            return await self._done(key, entry, followers)
        except asyncio.CancelledError:
            # Those that had not been told begin anew.
            self._lines[key] = [one for one in followers if not one.told.done()] + self._lines[key]
            raise
        finally:
            self._pass_on(key)

    async def _done(self, key: K, leader: _Entry[T, R], followers: Sequence[_Entry[T, R]]) -> R:
        """The leader's own result, once all have been told theirs."""
        batch = [leader, *followers]
        try:
            results = await self.work(key, [entry.item for entry in batch])
        except asyncio.CancelledError:
            raise
        except Exception as error:
            if not followers or isinstance(error, Transient):
                _fail(followers, error)
                raise
            return await self._one_by_one(key, leader, followers)
        except BaseException as error:
            _fail(followers, error)
            raise
        for entry, result in zip(followers, results[1:], strict=True):
            entry.tell(result)
        return results[0]

    async def _one_by_one(self, key: K, leader: _Entry[T, R], followers: Sequence[_Entry[T, R]]) -> R:
        for follower in followers:
            if follower.told.done():
                continue
            try:
                (result,) = await self.work(key, [follower.item])
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - it is told to the one that it is about
                follower.fail(error)
            except BaseException as error:
                _fail(followers, error)
                raise
            else:
                follower.tell(result)
        (own,) = await self.work(key, [leader.item])
        return own

    def _pass_on(self, key: K) -> None:
        """Let the first of those that wait lead the next batch."""
        line = self._lines[key]
        while line:
            following = line.pop(0)
            if not following.told.done():
                following.tell(_Lead())
                return
        del self._lines[key]

    def _leave(self, key: K, entry: _Entry[T, R]) -> None:
        """Somebody who waited is gone; where it was to lead, the next one does."""
        line = self._lines.get(key)
        if line is not None and entry in line:
            line.remove(entry)
        elif entry.is_to_lead:
            self._pass_on(key)


def _fail(entries: Sequence[_Entry[T, R]], error: BaseException) -> None:
    for entry in entries:
        entry.fail(error)
