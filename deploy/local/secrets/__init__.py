"""A Secret Manager for one machine: Google's gRPC API over TLS, one owner-only file behind it.

    async with await SecretServer.start(SecretSettings(directory / "secrets.json", certificate=...)) as server:
        channel = grpc.aio.secure_channel(server.address, ...)   # then google.cloud.secretmanager_v1

Payloads are not encrypted in the file (the file mode is the wall); production uses Google's service.
"""

from local.secrets.server import SecretPolicy, SecretServer, SecretSettings

__all__ = ["SecretPolicy", "SecretServer", "SecretSettings"]
