"""What must be true when a schedule has come to rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from chaos.delivery.world import World
from database import Database


@dataclass(slots=True)
class Findings:
    """Sums over schedules; `problems` in words."""

    schedules: int = 0
    messages: int = 0
    lost: int = 0
    twice: int = 0
    out_of_order: int = 0
    crashes: int = 0
    problems: list[str] = field(default_factory=list)

    def __add__(self, other: Findings) -> Findings:
        """What two lanes of schedules found."""
        figures = {name: value + other.figures()[name] for name, value in self.figures().items()}
        return Findings(**figures, problems=[*self.problems, *other.problems])

    def figures(self) -> dict[str, int]:
        """What is written to the result."""
        names = ("schedules", "messages", "lost", "twice", "out_of_order", "crashes")
        return {name: int(getattr(self, name)) for name in names}


@dataclass(frozen=True, slots=True)
class Rest:
    """What the database holds for some workspaces: how often each event had its effect, and each aggregate's state."""

    times: Mapping[str, int]
    states: Mapping[str, int]


async def rest_of(db: Database, world: World) -> Rest:
    """The effects and states of the schedule's own workspaces."""
    mine = set(world.producers.workspaces)
    async with db.sweep() as tx:
        effects = await tx.fetch("effects_of", workspace_ids=sorted(mine))
        states = await tx.fetch("states_of", workspace_ids=sorted(mine))
    return Rest(
        {str(row["event_id"]): row["times"] for row in effects},
        {row["aggregate_id"]: row["sequence"] for row in states},
    )


def judge(world: World, rest: Rest, findings: Findings) -> None:
    """Add what `world` shows to `findings`."""
    announced = world.producers.announced
    findings.schedules += 1
    findings.messages += len(announced)
    findings.crashes += world.crashes + world.producers.crashes
    lost = [event for event in announced if str(event.event_id) not in rest.times]
    twice = [event_id for event_id, times in rest.times.items() if times > 1]
    ghosts = [str(event_id) for event_id in world.producers.withdrawn if str(event_id) in rest.times]
    disordered = [*_wrong_states(world, rest), *_wrong_lanes(world), *world.broker.stale]
    findings.lost += len(lost)
    findings.twice += len(twice) + len(ghosts)
    findings.out_of_order += len(disordered)
    findings.problems += [f"schedule {world.number}: lost {event.aggregate_id}/{event.sequence}" for event in lost]
    findings.problems += [f"schedule {world.number}: {event_id} had its effect more than once" for event_id in twice]
    findings.problems += [
        f"schedule {world.number}: {event_id} was rolled back and had its effect" for event_id in ghosts
    ]
    findings.problems += [f"schedule {world.number}: {what}" for what in disordered]


def _wrong_states(world: World, rest: Rest) -> list[str]:
    """Aggregates whose state is not the last one announced."""
    latest: dict[str, int] = {}
    for event in world.producers.announced:
        latest[event.aggregate_id] = max(event.sequence, latest.get(event.aggregate_id, 0))
    return [
        f"{aggregate_id} rests at {rest.states.get(aggregate_id)}, not at {sequence}"
        for aggregate_id, sequence in latest.items()
        if rest.states.get(aggregate_id, sequence) != sequence
    ]


def _wrong_lanes(world: World) -> list[str]:
    """Lanes in which the broker stored an event for the first time after a later one."""
    highest: dict[str, int] = {}
    seen: set[str] = set()
    wrong: list[str] = []
    for stored in world.broker.log:
        if stored.event_id in seen or stored.event_id in world.poisoned:
            continue
        seen.add(stored.event_id)
        if stored.sequence < highest.get(stored.lane, 0):
            wrong.append(f"{stored.lane}/{stored.sequence} was first published after {highest[stored.lane]}")
        highest[stored.lane] = max(stored.sequence, highest.get(stored.lane, 0))
    return wrong
