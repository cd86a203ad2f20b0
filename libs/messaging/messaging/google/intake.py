"""All subscriptions of one service, connected to its consumer: pull streams to run in the background, push routes to serve."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import grpc
from fastapi import APIRouter

from database import Database
from messaging.consumer import Consumer
from messaging.dead_letters import DeadLetters
from messaging.google.subscriber import PullSettings, PullSubscriber
from messaging.oidc import Verifier
from messaging.parked import Parked
from messaging.ports import Processor
from messaging.push import push_router
from messaging.topology import Topology, dead_letter_subscription


@dataclass(frozen=True, slots=True)
class Intake:
    """What a composition root needs: `background` to run, `router` to include, `parked` for the command line and the operators."""

    background: tuple[Callable[[], Awaitable[None]], ...]
    router: APIRouter
    parked: Parked


def open_intake(
    topology: Topology,
    service: str,
    consumer: Consumer,
    db: Database,
    channel: grpc.aio.Channel,
    project: str,
    verifier: Verifier,
) -> Intake:
    """Connect every subscription that `topology` gives to `service`, dead letters included, in the mode it says."""
    processors: dict[str, Processor] = {one.name: consumer for one in topology.of(service)}
    processors[dead_letter_subscription(service)] = DeadLetters(db)
    pulls = [
        PullSubscriber(channel, project, one.name, processors[one.name], PullSettings(deadline=one.ack_deadline))
        for one in topology.of(service, "pull")
    ]
    pushed = {one.name: processors[one.name] for one in topology.of(service, "push")}
    consumers = {one.name: consumer for one in topology.of(service)}
    return Intake(tuple(pull.run for pull in pulls), push_router(pushed, verifier), Parked(db, consumers))
