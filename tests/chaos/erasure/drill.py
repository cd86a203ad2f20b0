"""The whole of an erasure, and a restore after it, in a running Callmine.

    main job in two workspaces, which pay for a plan; a canary in every column of two more, in every folder of the bucket
    backup; erasure of one of each, and of one report and one person's data of a workspace that stays; the search, and what providers
    still have
    restore of the backup; the ledger is replayed before anybody serves; the search once more

The search is `python -m remains`', which knows nothing of what erases. `make restore-drill` runs all this alone.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
import yaml

from chaos.erasure.callmine import LEAVES, STAYS, Backup, Callmine, completed, objects_of
from chaos.erasure.deaths import DYING_PATIENCE, Deaths
from chaos.erasure.one_person import OnePerson
from chaos.erasure.one_report import OneReport
from chaos.erasure.providers import KINDS, Providers
from chaos.harness import Verdict
from chaos.server import stack_folder
from contracts.registry import SERVICES
from e2e.commands import command
from e2e.settled import settled
from e2e.snapshot import database_of
from house.projects import ROOT
from integration.remains.canaries import Filled, fill, kept, let_anything_in
from local.journey import BRIEFS, Outcome, admin_of, everything, quotes_of
from local.stack import Stack, StackSettings
from remains.__main__ import look
from remains.databases import Place
from remains.needles import Needles, total

FILLED, NEIGHBOUR = "org_filled", "org_beside"

# Who took part in three calls of the workspace that stays; its report has read all three.
WHO = "m.oyelaran@fernhollow.example"

# Where what a workspace says may lie: objects, messages, logs.
_MESSAGES = "broker"
PLACES = ("storage", _MESSAGES, "logs")

# Ingest is asked for a person by this: the one thing that a message may still hold, for its seven days, as the certificate says.
_ADDRESS = "the person's address"

# Its rows are requests for erasure themselves: what tells of a person in them is put in with the request.
_REQUESTS = frozenset({"erasures"})

# The beginnings of what is said of the replay: of both workspaces, the report, and the person, of whom a second attempt may know more.
_REPLAYED = (
    "2 erasures are in the ledger; 2 of them",
    "1 erasures of reports are in the ledger; 1 of them",
    "[12] attempts at people's data are in the ledger; [12] of them",
)

# A sentence of a call that nobody else has said.
_SENTENCE = 40

ROLE = ROOT / "deploy/remains/role.sql"

Tell = Callable[[int, int], None]
"""Called with how many of its parts are done, and how many there are."""


@dataclass(slots=True)
class Canaries:
    """What must be gone afterwards, and what must be there, each by the place it was put into."""

    gone: dict[str, str] = field(default_factory=dict)
    kept: dict[str, str] = field(default_factory=dict)

    def needles(self) -> Needles:
        """For the search."""
        return Needles(self.gone, self.kept)


async def drill(tell: Tell, seed: int) -> Verdict:
    """Erase while services die, search, restore, search. The figures are those of `make prove P=erasure`."""
    steps = 7
    with stack_folder("callmine-erasure-") as folder:
        async with Stack.start(StackSettings(folder)) as stack, objects_of(stack) as objects:
            callmine = Callmine(stack, objects, FILLED)
            tell(1, steps)
            outcomes = await everything(stack, lambda *_: None)
            report = await OneReport.made(admin_of(stack, STAYS), STAYS, _canary())
            person = OnePerson.of(stack, STAYS, WHO)
            providers = Providers(stack)
            await asyncio.gather(providers.pay(LEAVES), providers.pay(STAYS))
            await settled(stack)
            tell(2, steps)
            await callmine.stop()
            canaries = await filled(callmine)
            _said(outcomes, person, canaries)
            canaries.gone["words of the erased report"] = report.words
            url = await verifiers(stack)
            before = await providers.kept([LEAVES, STAYS])
            problems = [*await _all_there(stack, url, canaries), *_not_there(before)]
            backup = await Backup.made(callmine)
            tell(3, steps)
            await callmine.start()
            asked_by, ticket = (canaries.gone[f"retention erasures.{one}"] for one in ("asked_by", "ticket"))
            await callmine.ask(asked_by, ticket)
            await asyncio.gather(report.ask(), person.ask())
            problems += await _ended(callmine, "the erasure", deaths := Deaths(stack, seed))
            problems += [*await callmine.certificates(), *await report.problems(), *await person.problems()]
            tell(4, steps)
            first = await _searched(callmine, url, canaries)
            still = await providers.kept([LEAVES, STAYS])
            problems += [f"{one} is still there at its provider" for one in sorted(still[LEAVES])]
            problems += _not_there({STAYS: still[STAYS]})
            tell(5, steps)
            await callmine.stop()
            await backup.restore(callmine)
            problems += await _replayed(stack)
            url = await verifiers(stack)
            came_back = await _count(stack, url, canaries)
            await callmine.start()
            tell(6, steps)
            problems += await _ended(callmine, "the erasure after the restore")
            problems += [*await report.problems(), *await person.problems()]
            second = await _searched(callmine, url, canaries)
            tell(7, steps)
    problems += [*_little(came_back, canaries), *deaths.missing(), *first.problems, *second.problems]
    at_providers = {"provider_objects": len(before[LEAVES]), "provider_objects_left": len(still[LEAVES])}
    return Verdict(
        {**_figures(canaries, first, second), **at_providers, "kills": deaths.kills.total()}, tuple(problems)
    )


@dataclass(frozen=True, slots=True)
class Searched:
    """How many canaries were found of those that had to be gone, and of the neighbours'; where something is wrong, in words."""

    left: int
    there: int
    problems: tuple[str, ...]


def _little(came_back: Searched, canaries: Canaries) -> list[str]:
    if came_back.left >= len(canaries.gone) // 2:
        return []
    return ["the backup held too little of what was erased: restoring it proves nothing"]


def _not_there(kept: Mapping[str, set[str]]) -> list[str]:
    """What providers do not have of workspaces that are there."""
    return [f"{workspace} has no {one}" for workspace, found in kept.items() for one in sorted(KINDS - found)]


def _figures(canaries: Canaries, first: Searched, second: Searched) -> Mapping[str, int]:
    return {
        "canaries": len(canaries.gone),
        "canaries_left": first.left,
        "neighbour_canaries": len(canaries.kept),
        "neighbour_canaries_kept": min(first.there, second.there),
        "restore_canaries_left": second.left,
    }


async def _replayed(stack: Stack) -> list[str]:
    """Replay the ledger; what is wrong with that."""
    done = await command(stack, "retention", "erasures", "replay")
    lines = done.output.splitlines()
    if done.status or len(lines) != len(_REPLAYED) or not all(map(re.match, _REPLAYED, lines)):
        return [f"the ledger was not replayed: {done.output}{done.errors[-300:]}"]
    return []


async def filled(callmine: Callmine) -> Canaries:
    """Fill two workspaces: every column of every table that does not stay as it is, every folder of the bucket."""
    canaries = Canaries()
    for service in SERVICES:
        connection = await asyncpg.connect(database_of(callmine.stack, service))
        try:
            # Services read these before they erase: a word that the program does not have would be no row of theirs.
            fixed = await let_anything_in(connection)
            without = kept(service) | _REQUESTS
            for workspace, into in ((FILLED, canaries.gone), (NEIGHBOUR, canaries.kept)):
                _note(into, service, await fill(connection, service, workspace, without, fixed))
        finally:
            await connection.close()
    for column in ("asked_by", "ticket"):
        canaries.gone[f"retention erasures.{column}"] = _canary()
    for place in _folders():
        for workspace, into in ((FILLED, canaries.gone), (NEIGHBOUR, canaries.kept)):
            into[f"object {place}"] = _canary()
            into[f"object's name {place}"] = _canary()
            name = f"workspaces/{workspace}/{place}/{into[f'''object's name {place}''']}.json"
            await callmine.objects.put(name, into[f"object {place}"].encode())
    return canaries


def _note(into: dict[str, str], service: str, one: Filled) -> None:
    into |= {f"{service} {place}": canary for place, canary in one.going.items()}


def _folders() -> list[str]:
    """The folders of the bucket, as the rules of all services name them."""
    paths = ROOT.glob("services/*/migrations/erasure.yaml")
    return sorted({name for path in paths for name in yaml.safe_load(path.read_text()).get("objects", {})})


def _said(outcomes: Sequence[Outcome], person: OnePerson, canaries: Canaries) -> None:
    """What was asked and said in the workspaces that did the main job: in one of them all goes, in the other what the person took part in.

    The other's report has read that, and goes with it; what was said in other calls stays where they are kept.
    """
    [leaves] = (one for one in outcomes if one.workspace == LEAVES)
    going = {BRIEFS[LEAVES][:60], *_sentences(leaves)} - person.said - person.others
    canaries.gone |= {f"words {number} of {LEAVES}": text for number, text in enumerate(sorted(going))}
    canaries.gone |= {f"words {number} of the person": text for number, text in enumerate(sorted(person.said))}
    canaries.gone[_ADDRESS] = person.email
    canaries.kept |= {f"words {number} of {STAYS}": text for number, text in enumerate(sorted(person.others))}


def _sentences(outcome: Outcome) -> set[str]:
    return {str(quote["text"]) for quote in quotes_of(outcome.report) if len(str(quote["text"])) > _SENTENCE}


def _canary() -> str:
    return f"canary{secrets.token_hex(12)}"


async def verifiers(stack: Stack) -> Mapping[str, str]:
    """The address of each database for the role that may only read, which is made as an administrator makes it."""
    password = secrets.token_hex(16)
    for service in SERVICES:
        connection = await asyncpg.connect(database_of(stack, service))
        try:
            await connection.execute(ROLE.read_text().replace(":'password'", f"'{password}'"))
        finally:
            await connection.close()
    return {name: _as_verifier(database_of(stack, name), password) for name in SERVICES}


def _as_verifier(dsn: str, password: str) -> str:
    scheme, _, rest = dsn.partition("://")
    return f"{scheme}://verifier:{password}@{rest.rpartition('@')[2]}"


async def _look(stack: Stack, urls: Mapping[str, str], needles: Needles) -> list[Place]:
    folder = stack.settings.directory
    return await look(list(urls.values()), [folder / place for place in PLACES], needles)


async def _all_there(stack: Stack, urls: Mapping[str, str], canaries: Canaries) -> list[str]:
    """What is not where it was put: then the proof would prove nothing. The requests are not made yet."""
    sought = {name: one for name, one in canaries.gone.items() if " erasures." not in name} | canaries.kept
    found = total(one.found for one in await _look(stack, urls, Needles({"nothing": _canary()}, sought)))
    return [f"it was not filled: {name}" for name in sought if not found[f"kept {name}"]]


async def _count(stack: Stack, urls: Mapping[str, str], canaries: Canaries) -> Searched:
    places = await _look(stack, urls, canaries.needles())
    counts = total(one.found for one in places)
    missing = [name for name in canaries.kept if not counts[f"kept {name}"]]
    found = {(name, f"left in {one.store} {one.name}") for one in places for name in canaries.gone if _left(one, name)}
    left, where = {name for name, _ in found}, {place for _, place in found}
    problems = (*sorted(where), *(f"gone, but a neighbour's: {name}" for name in missing))
    return Searched(len(left), len(canaries.kept) - len(missing), problems)


def _left(place: Place, name: str) -> bool:
    may_stay = name == _ADDRESS and Path(place.store).name == _MESSAGES
    return place.found[f"gone {name}"] > 0 and not may_stay


async def _searched(callmine: Callmine, urls: Mapping[str, str], canaries: Canaries) -> Searched:
    await callmine.tidy()
    return await _count(callmine.stack, urls, canaries)


async def _ended(callmine: Callmine, what: str, deaths: Deaths | None = None) -> list[str]:
    if deaths is None:
        done = await completed(callmine.stack)
    else:
        done = await deaths.during(lambda: completed(callmine.stack, DYING_PATIENCE, lambda: deaths.enough))
    return [] if done else [f"{what} did not end: {line}" for line in await callmine.how_far()]
