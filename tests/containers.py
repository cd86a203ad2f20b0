"""`make test BACKEND=containers`: PostgreSQL and Google's Pub/Sub emulator in containers instead of the embedded server and a local Java.

The first process of a run starts PostgreSQL once and tells the others by CALLMINE_DATABASE_URL, which every fixture and stack heeds.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from house.image import bases
from local.postgres.embedded import FAST

EMBEDDED, CONTAINERS = "embedded", "containers"
BACKEND, DATABASE = "CALLMINE_TEST_BACKEND", "CALLMINE_DATABASE_URL"

_RUNNING = pytest.StashKey[ExitStack]()


def wanted() -> bool:
    """Whether containers were asked for. Raises pytest.UsageError for a backend that there is not."""
    backend = os.environ.get(BACKEND) or EMBEDDED
    if backend not in {EMBEDDED, CONTAINERS}:
        raise pytest.UsageError(f"BACKEND={backend}: there are {EMBEDDED} and {CONTAINERS}")
    return backend == CONTAINERS


def begin(session: pytest.Session) -> None:
    """Start PostgreSQL where containers were asked for, unless a server was named. Raises pytest.UsageError without a Docker engine."""
    if not wanted() or os.environ.get(DATABASE):
        return
    stack = ExitStack()
    os.environ[DATABASE] = _postgres(stack)
    session.config.stash[_RUNNING] = stack


def finish(session: pytest.Session) -> None:
    """Stop what was started."""
    stack = session.config.stash.get(_RUNNING, None)
    if stack is not None:
        stack.close()
        del os.environ[DATABASE]


def _postgres(stack: ExitStack) -> str:
    """The DSN of the administrator of a server that gives up durability against a power cut, as the embedded one does in tests."""
    from testcontainers.community.postgres import PostgresContainer

    settings = " ".join(f"-c {name}={value}" for name, value in FAST.items())
    with told():
        container = PostgresContainer(
            image("postgres"),
            username="postgres",
            password=secrets.token_urlsafe(24),
            dbname="postgres",
            driver=None,
        ).with_command(f"postgres {settings}")
        return stack.enter_context(container).get_connection_url()


def image(use: str) -> str:
    """The image of deploy/images.yaml for `use`; by its tag where no digest has been read yet, for nothing of it is shipped."""
    found = bases()[use]
    return f"{found.name}:{found.tag}" + (f"@{found.digest}" if found.digest else "")


@contextmanager
def told() -> Iterator[None]:
    """Within the block, a missing Docker engine is a pytest.UsageError that says what to do."""
    from docker.errors import DockerException

    try:
        yield
    except DockerException as error:
        raise pytest.UsageError(
            f"BACKEND={CONTAINERS} needs a Docker engine, and none answers here ({type(error).__name__}). Start one, name it with"
            f" DOCKER_HOST, or leave BACKEND out: the tests bring a PostgreSQL of their own"
        ) from error
