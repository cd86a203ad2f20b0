"""One gRPC channel to Pub/Sub, shared by all publishers and subscribers of a process."""

from __future__ import annotations

import grpc

_GOOGLE = "pubsub.googleapis.com"
_SCOPES = ("https://www.googleapis.com/auth/cloud-platform", "https://www.googleapis.com/auth/pubsub")

# A streaming pull answers with up to 10 MB of messages and their framing; grpc's own default is 4 MB.
_MOST_BYTES = 32 * 1024 * 1024

# Half-open connections (a machine that vanished) are found within a minute.
_OPTIONS = (
    ("grpc.max_receive_message_length", _MOST_BYTES),
    ("grpc.max_send_message_length", _MOST_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
)


def open_channel(endpoint: str = "", ca: bytes | None = None, token: str = "") -> grpc.aio.Channel:
    """A channel to `endpoint` (`host:port`) over TLS, with `token` as bearer token; to Google, as the process's own service account, when
    `endpoint` is empty. `ca` is the certificate authority to trust, in PEM; None trusts the public ones.

    The client library reads PUBSUB_EMULATOR_HOST only when it opens the channel itself, which is why it never does here.
    """
    if not endpoint:
        return _own_channel()
    credentials = grpc.ssl_channel_credentials(root_certificates=ca)
    if token:
        credentials = grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
    return grpc.aio.secure_channel(endpoint, credentials, options=_OPTIONS)


def _own_channel() -> grpc.aio.Channel:
    """What the client library opens by itself, without the rest of it: it is loaded later. Raises GoogleAuthError without an identity."""
    from google.api_core import grpc_helpers_async

    channel: grpc.aio.Channel = grpc_helpers_async.create_channel(
        _GOOGLE, default_scopes=_SCOPES, default_host=_GOOGLE, options=_OPTIONS
    )
    return channel
