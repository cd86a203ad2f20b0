"""Object storage for one machine: the wheel `gcp-storage-emulator`, on disk, behind TLS.

    with StorageServer.start(StorageSettings(directory, certificate, buckets=("calls",))) as server:
        storage.Client(project=..., credentials=AnonymousCredentials(), client_options={"api_endpoint": server.endpoint})

The client's requests session must verify with the authority's `ca.pem` and have `trust_env = False`: otherwise a
REQUESTS_CA_BUNDLE in the environment silently wins over `verify`. Not for production.
"""

from local.storage.server import StorageServer, StorageSettings

__all__ = ["StorageServer", "StorageSettings"]
