"""The gRPC channel to a stand-in for a Google API."""

from __future__ import annotations

import grpc

from cloud.endpoint import Endpoint
from cloud.engine import keep_engine


def open_channel(endpoint: Endpoint) -> grpc.aio.Channel:
    """A channel over TLS, with the endpoint's authority and token. Open it on the event loop that uses it."""
    keep_engine()
    authority = endpoint.ca_file.read_bytes() if endpoint.ca_file else None
    credentials = grpc.ssl_channel_credentials(root_certificates=authority)
    if endpoint.token:
        token = grpc.access_token_call_credentials(endpoint.token)
        credentials = grpc.composite_channel_credentials(credentials, token)
    return grpc.aio.secure_channel(endpoint.address, credentials)
