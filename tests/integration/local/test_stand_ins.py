"""docker-compose.yml without Docker: what stands in for the cloud prepares everything, and a service starts from it as its container would.

A broker without TLS takes the place of Google's emulator, which is not on every machine: both speak the same API in the clear.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from local.broker.server import Broker, BrokerSettings
from local.front_door import INTERNAL
from local.stack import Process, Stack, StackSettings
from local.stack.stack import PREPARED
from messaging.topology import Topology

ROOT = Path(__file__).resolve().parents[3]
SERVICE = "retention"


@dataclass(frozen=True, slots=True)
class Running:
    """The stand-ins, and the service started as docker-compose.yml starts it."""

    stack: Stack
    directory: Path


def containers(directory: Path) -> tuple[list[str], dict[str, str], list[str]]:
    """The command, environment and health check of the service's container, in this folder instead of /state."""
    told: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"][SERVICE]
    start = [part.replace("/state/", f"{directory}/") for part in told["entrypoint"]]
    assert told["command"] == ["service", "serve"]
    service = [sys.executable, *start[1:], sys.executable, "-m", SERVICE, "serve"]
    healthy = [sys.executable, *start[1:], sys.executable, str(ROOT / "deploy/house/healthy.py")]
    return service, {**told["environment"], "PATH": os.environ["PATH"]}, healthy


def wait_for(path: Path) -> None:
    """Until the file is there. Raises TimeoutError."""
    until = time.monotonic() + 90
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"{path.name} is not there after 90 s")
        time.sleep(0.1)


async def started_when_prepared(directory: Path) -> Process:
    """As `depends_on` does it: when the stand-ins say so."""
    await asyncio.to_thread(wait_for, directory / PREPARED)
    command, environment, _ = containers(directory)
    process = Process(SERVICE, command, environment, directory / "logs" / f"{SERVICE}.log", ROOT)
    await process.start()
    return process


@pytest.fixture
def directory() -> Iterator[Path]:
    """Not pytest's own folder: as root, PostgreSQL runs as another user, who may not enter that."""
    made = Path(tempfile.mkdtemp(prefix="callmine-compose-"))
    made.chmod(0o711)
    (made / "emulator").mkdir()
    yield made
    shutil.rmtree(made)


@pytest.fixture
async def running(directory: Path) -> AsyncIterator[Running]:
    async with await Broker.start(BrokerSettings(directory / "emulator")) as emulator:
        service = asyncio.create_task(started_when_prepared(directory))
        settings = StackSettings(directory, services=(SERVICE,), emulator=emulator.address)
        async with Stack.start(settings) as stack:
            yield Running(stack, directory)
            await (await service).stop()


async def test_a_container_is_served_by_the_stand_ins(running: Running) -> None:
    """`Stack.start` has returned: the service has said that it is ready, by way of TLS in front of the emulator."""
    _, environment, healthy = containers(running.directory)
    child = await asyncio.create_subprocess_exec(*healthy, env=environment)
    assert await asyncio.wait_for(child.wait(), 60) == 0
    topology = Topology.load(running.directory / "topology.yaml")
    assert {one.mode for one in topology.subscriptions} == {"pull"}
    kept = json.loads((running.directory / "environment" / f"{SERVICE}.json").read_text())
    assert kept["CALLMINE_TOPOLOGY_FILE"] == str(running.directory / "topology.yaml")
    front_door = json.loads((running.directory / "front-door.json").read_text())
    assert front_door["host"] == "0.0.0.0"  # noqa: S104 - a container's own
    for path in INTERNAL:
        assert (await running.stack.client.get(running.stack.url + path)).status_code == 404
    assert (await running.stack.client.get(f"{running.stack.url}/sub-processors")).status_code == 200
