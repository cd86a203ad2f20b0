"""How a promise is proved: nothing that went wrong counts as passed, and nothing that was not noticed counts as red."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import SimpleNamespace
from typing import cast

import pytest
from msgspec.structs import replace

from promises import proving
from promises.checks import CHECKS, MUTANTS
from promises.proving import Proved, Source
from promises.system import Mutant, System, Verdict
from retention.catalogue import read_promises
from retention.domain.promises import Named, Promise

PROMISE = next(one for one in read_promises() if one.id == "R3")
CHECK, MUTANT = PROMISE.checks[0].id, PROMISE.mutants[0].id


async def proved(check: Callable[[SimpleNamespace], Verdict], flip: object, promise: Promise = PROMISE) -> Proved:
    """The promise proved with one check and one mutant, on a system that is nothing but a switch."""

    async def checked(system: System) -> Verdict:
        return check(cast(SimpleNamespace, system))

    made = cast(Callable[[System], AbstractAsyncContextManager[None]], flip)
    system = cast(System, SimpleNamespace(broken=False))
    mutants = {MUTANT: Mutant(CHECK, made)}
    return await proving.prove(system, promise, Source("0" * 40, False), lambda _: None, {CHECK: checked}, mutants)


def honest(system: SimpleNamespace) -> Verdict:
    return Verdict({"looked at": 1}, ("it is broken",) if system.broken else ())


@asynccontextmanager
async def broken(system: SimpleNamespace) -> AsyncIterator[None]:
    system.broken = True
    yield
    system.broken = False


@asynccontextmanager
async def broken_for_good(system: SimpleNamespace) -> AsyncIterator[None]:
    system.broken = True
    yield


@asynccontextmanager
async def harmless(_: SimpleNamespace) -> AsyncIterator[None]:
    yield


@asynccontextmanager
async def impossible(system: SimpleNamespace) -> AsyncIterator[None]:
    if not system.broken:
        raise OSError("no such thing")
    yield


def raising(_: SimpleNamespace) -> Verdict:
    raise OSError("cannot look")


async def test_a_check_that_passes_and_notices_its_mutant_proves() -> None:
    one = await proved(honest, broken)
    assert (one.holds, one.passed, one.red) == (True, 1, 1)
    assert one.evidence is not None
    assert one.evidence.figures == {CHECK: {"looked at": 1}}
    assert one.evidence.sentence == PROMISE.sentence


@pytest.mark.parametrize(
    ("check", "flip", "passed", "red", "words"),
    [
        (honest, harmless, 1, 0, "did not notice"),
        (honest, impossible, 1, 0, "could not be tried"),
        (honest, broken_for_good, 0, 1, "after its mutants"),
        (lambda _: Verdict({}, ("always",)), broken, 0, 1, "always"),
        (lambda _: Verdict({}), broken, 1, 0, "did not notice"),
        (raising, broken, 0, 0, "could not be made: OSError: cannot look"),
    ],
    ids=[
        "a mutant that does nothing",
        "a mutant that cannot be",
        "a mutant that stays",
        "always red",
        "always green",
        "raises",
    ],
)
async def test_anything_else_does_not(
    check: Callable[[SimpleNamespace], Verdict], flip: object, passed: int, red: int, words: str
) -> None:
    one = await proved(check, flip)
    assert not one.holds
    assert one.evidence is not None
    assert (one.passed, one.red) == (passed, red)
    assert any(words in problem for problem in one.problems), one.problems


async def test_a_promise_that_nothing_checks_has_no_evidence() -> None:
    bare = replace(read_promises()[0], checks=(), mutants=())
    assert not (await proved(honest, broken, bare)).holds
    assert (await proved(honest, broken, bare)).evidence is None


def test_every_name_of_the_trust_page_has_a_check_or_a_mutant_and_none_is_left_over() -> None:
    def ids(lists: list[tuple[Named, ...]]) -> list[str]:
        return [one.id for some in lists for one in some]

    promises = read_promises()
    checks, mutants = ids([one.checks for one in promises]), ids([one.mutants for one in promises])
    assert sorted(checks) == sorted(CHECKS)
    assert sorted(mutants) == sorted(MUTANTS)
    own = {one.id: {check.id for check in one.checks} for one in promises}
    strayed = [m.id for one in promises for m in one.mutants if MUTANTS[m.id].check not in own[one.id]]
    assert strayed == [], "a mutant belongs to a check of its own promise"
    tried = {mutant.check for mutant in MUTANTS.values()}
    assert tried == set(CHECKS), "every check is shown to be able to fail"
