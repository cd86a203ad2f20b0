"""Starts each broker once per session; what is not on this machine is skipped by name."""

from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack

import containers
import pytest

from contract.broker.backends import (
    Backend,
    BrokerProcess,
    docker_answers,
    emulator_from_docker,
    emulator_from_jar,
    emulator_jar,
)
from contract.broker.clients import Clients
from contract.broker.pushed import PushEndpoint
from local.tls import Authority

EMULATOR_DEPARTS = {
    "test_two_keys_in_one_request_are_refused": "the emulator takes several ordering keys in one request",
    "test_message_above_ten_megabytes_is_refused": "the emulator has no limit on the size of a message",
    "test_message_is_posted_in_wrapped_form": "the emulator leaves the ordering key out of the push body",
    "test_retry_policy_holds_a_message_back": "the emulator ignores the retry policy",
    "test_acknowledgement_on_the_stream_counts": "the emulator ignores a stream's flow control",
    "test_two_streams_share_the_messages": "the emulator ignores a stream's flow control",
}
"""Where Google's emulator does not do what Google documents; strict, so that a better emulator is noticed."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        name, _, variant = item.name.partition("[")
        if name in EMULATOR_DEPARTS and variant.startswith("emulator"):
            item.add_marker(pytest.mark.xfail(reason=EMULATOR_DEPARTS[name], strict=True))


@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    directory = tmp_path_factory.mktemp("broker")
    authority = Authority.open(directory / "tls")
    server = authority.server("broker")
    process = BrokerProcess(
        directory / "log", "--certificate", str(server.chain), "--key", str(server.key), "--ca", str(authority.ca_file)
    )
    yield Backend("embedded", process.address, authority.ca_pem)
    process.stop()


@pytest.fixture(scope="session")
def emulator() -> Iterator[Backend]:
    jar = emulator_jar()
    with ExitStack() as stack:
        if containers.wanted():
            yield stack.enter_context(emulator_from_docker())
        elif jar is not None:
            yield stack.enter_context(emulator_from_jar(jar))
        elif docker_answers():
            yield stack.enter_context(emulator_from_docker())
        else:
            pytest.skip("Google's Pub/Sub emulator: neither gcloud with java nor a Docker engine on this machine")


@pytest.fixture(scope="session", params=["embedded", pytest.param("emulator", marks=pytest.mark.emulator)])
def backend(request: pytest.FixtureRequest) -> Backend:
    found: Backend = request.getfixturevalue(request.param)
    return found


@pytest.fixture
async def clients(backend: Backend) -> AsyncIterator[Clients]:
    async with backend.channel() as channel:
        yield Clients(channel)


@pytest.fixture
async def endpoint() -> AsyncIterator[PushEndpoint]:
    async with PushEndpoint() as running:
        yield running
