"""The embedded broker alone: identities, the policy, TLS, and the tokens on pushed messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import jwt
import pytest
from google.api_core import exceptions
from google.pubsub_v1 import types

from contract.broker.backends import Backend
from contract.broker.clients import PROJECT, Clients
from contract.broker.pushed import PushEndpoint
from local.broker import Broker, BrokerSettings, Certificate, Policy
from local.tls import Authority

TOPIC = f"{PROJECT}/topics/guarded"
SUBSCRIPTION = f"{PROJECT}/subscriptions/guarded"
POLICY = Policy(
    tokens={"t-admin": "admin@p", "t-writer": "writer@p", "t-reader": "reader@p", "t-other": "other@p"},
    publishers={TOPIC: frozenset({"writer@p"})},
    consumers={SUBSCRIPTION: frozenset({"reader@p"})},
    admins=frozenset({"admin@p"}),
)


class Bearer(grpc.aio.UnaryUnaryClientInterceptor):
    """Adds a token to each call, as call credentials do over TLS."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def intercept_unary_unary(self, continuation, client_call_details, request):  # type: ignore[no-untyped-def]
        metadata = grpc.aio.Metadata(*(client_call_details.metadata or ()))
        metadata.add("authorization", f"Bearer {self._token}")
        return await continuation(client_call_details._replace(metadata=metadata), request)


@asynccontextmanager
async def clients_of(broker: Broker, token: str) -> AsyncIterator[Clients]:
    async with grpc.aio.insecure_channel(broker.address, interceptors=[Bearer(token)]) as channel:
        yield Clients(channel)


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Broker]:
    async with await Broker.start(BrokerSettings(tmp_path, policy=POLICY)) as broker:
        async with clients_of(broker, "t-admin") as admin:
            await admin.publisher.create_topic(name=TOPIC)
            await admin.subscriber.create_subscription(name=SUBSCRIPTION, topic=TOPIC)
        yield broker


async def test_those_named_may_publish_and_consume(guarded: Broker) -> None:
    async with clients_of(guarded, "t-writer") as writer, clients_of(guarded, "t-reader") as reader:
        await writer.publish(TOPIC, b"x")
        assert len(await reader.pull(SUBSCRIPTION, 1)) == 1


@pytest.mark.parametrize("token", ["t-reader", "t-other", "t-admin"])
async def test_others_may_not_publish(guarded: Broker, token: str) -> None:
    async with clients_of(guarded, token) as clients:
        with pytest.raises(exceptions.PermissionDenied, match="publish"):
            await clients.publish(TOPIC, b"x")


@pytest.mark.parametrize("token", ["t-writer", "t-other", "t-admin"])
async def test_others_may_not_consume(guarded: Broker, token: str) -> None:
    async with clients_of(guarded, token) as clients:
        with pytest.raises(exceptions.PermissionDenied, match="consume"):
            await clients.pull_once(SUBSCRIPTION)
        with pytest.raises(exceptions.PermissionDenied, match="consume"):
            await clients.subscriber.acknowledge(subscription=SUBSCRIPTION, ack_ids=["x"])


async def test_only_administrators_create_and_delete(guarded: Broker) -> None:
    async with clients_of(guarded, "t-writer") as clients:
        with pytest.raises(exceptions.PermissionDenied):
            await clients.topic()
        with pytest.raises(exceptions.PermissionDenied):
            await clients.subscriber.delete_subscription(subscription=SUBSCRIPTION)


async def test_unknown_and_missing_tokens_are_unauthenticated(guarded: Broker) -> None:
    async with clients_of(guarded, "guess") as clients:
        with pytest.raises(exceptions.Unauthenticated):
            await clients.publish(TOPIC, b"x")
    async with Backend("embedded", guarded.address).channel() as channel:
        stream = await Clients(channel).stream(SUBSCRIPTION)
        with pytest.raises(exceptions.Unauthenticated):
            await stream.receive(1)
        await stream.close()


async def test_policy_is_read_from_plain_data() -> None:
    policy = Policy.read({"tokens": {"t": "a@p"}, "publishers": {TOPIC: ["a@p"]}, "admins": ["a@p"]})
    assert policy == Policy({"t": "a@p"}, {TOPIC: frozenset({"a@p"})}, {}, frozenset({"a@p"}))
    with pytest.raises(TypeError, match="list"):
        Policy.read({"publishers": {TOPIC: "a@p"}})
    assert "t-admin" not in repr(POLICY)


async def test_pushed_token_verifies_with_the_published_keys(tmp_path: Path) -> None:
    authority = Authority.open(tmp_path / "tls")
    server = authority.server("broker")
    settings = BrokerSettings(
        tmp_path / "log", certificate=Certificate(server.key, server.chain), trust=authority.ca_file
    )
    endpoint = PushEndpoint(context=authority.server("service").context())
    async with (
        await Broker.start(settings) as broker,
        Backend("embedded", broker.address, authority.ca_pem).channel() as channel,
        endpoint,
    ):
        clients = Clients(channel)
        topic = await clients.topic()
        oidc = types.PushConfig.OidcToken(service_account_email="push@p", audience="https://analysis.example")
        await clients.subscription(topic, push_config={"push_endpoint": endpoint.url, "oidc_token": oidc})
        await clients.publish(topic, b"x")
        headers, _ = await endpoint.next()
        keys = jwt.PyJWKSet.from_dict(broker.jwks())
    token = headers["Authorization"].removeprefix("Bearer ")
    key = keys[jwt.get_unverified_header(token)["kid"]]
    claims = jwt.decode(
        token, key, ["RS256"], audience="https://analysis.example", issuer="https://accounts.google.com"
    )
    assert (claims["email"], claims["email_verified"]) == ("push@p", True)
    with pytest.raises(jwt.InvalidAudienceError):
        jwt.decode(token, key, ["RS256"], audience="https://audit.example")


async def test_push_to_an_endpoint_of_another_authority_is_not_made(tmp_path: Path) -> None:
    ours, theirs = Authority.open(tmp_path / "ours"), Authority.open(tmp_path / "theirs")
    endpoint = PushEndpoint(context=theirs.server("service").context())
    async with (
        await Broker.start(BrokerSettings(tmp_path / "log", trust=ours.ca_file)) as broker,
        Backend("embedded", broker.address).channel() as channel,
        endpoint,
    ):
        clients = Clients(channel)
        topic = await clients.topic()
        graveyard = await clients.topic()
        buried = await clients.subscription(graveyard)
        await clients.subscription(
            topic,
            push_config={"push_endpoint": endpoint.url},
            dead_letter_policy={"dead_letter_topic": graveyard, "max_delivery_attempts": 5},
        )
        await clients.publish(topic, b"x")
        assert len(await clients.pull(buried, 1)) == 1


async def test_push_key_survives_restarts(tmp_path: Path) -> None:
    keys = []
    for _ in range(2):
        async with await Broker.start(BrokerSettings(tmp_path)) as broker:
            keys.append(broker.jwks())
    assert keys[0] == keys[1]
    assert (tmp_path / "push-key.pem").stat().st_mode & 0o777 == 0o600
