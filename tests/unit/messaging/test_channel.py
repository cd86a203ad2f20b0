"""The channel that is opened without Google's client is the one that the client would open."""

from __future__ import annotations

from typing import Any

import pytest
from google.api_core import grpc_helpers_async
from google.pubsub_v1.services.publisher.transports.grpc_asyncio import PublisherGrpcAsyncIOTransport as Publishing
from google.pubsub_v1.services.subscriber.transports.grpc_asyncio import SubscriberGrpcAsyncIOTransport as Pulling

from messaging.google import open_channel


@pytest.mark.parametrize("transport", [Publishing, Pulling], ids=["publishing", "pulling"])
def test_it_is_the_clients_own(transport: type[Publishing | Pulling], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[dict[str, Any]] = []

    def create_channel(host: str, **given: Any) -> object:
        opened.append(
            {"host": host.removesuffix(":443"), **{name: one for name, one in given.items() if one is not None}}
        )
        return object()

    monkeypatch.setattr(grpc_helpers_async, "create_channel", create_channel)
    ours, options = open_channel(), opened[0].pop("options")
    assert ours is not None
    assert dict(options)["grpc.keepalive_time_ms"] == 30_000
    transport.create_channel()
    assert opened[0] == opened[1]
