"""A Cloud KMS for one machine: Encrypt and Decrypt of Google's gRPC API over TLS, symmetric keys in one owner-only file.

    async with await KmsServer.start(KmsSettings(directory / "kms.json", certificate=...)) as server:
        channel = grpc.aio.secure_channel(server.address, ...)   # then google.cloud.kms_v1

A key is there as soon as its resource name stands in the settings. Its bytes lie in the file (the file mode is the wall); production uses
Google's service, where nobody can read them.
"""

from local.kms.server import KmsPolicy, KmsServer, KmsSettings

__all__ = ["KmsPolicy", "KmsServer", "KmsSettings"]
