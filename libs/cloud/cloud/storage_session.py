"""Google's storage client over a session of our own making: explicit authority, no proxy, no surprise from the environment."""

from __future__ import annotations

import google.auth
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.transport.requests import AuthorizedSession
from google.cloud.storage import Client
from google.oauth2.credentials import Credentials as TokenCredentials
from requests.adapters import HTTPAdapter

from cloud.endpoint import Endpoint

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

# At once, as many as there are threads that use them; the default of 10 drops some.
CONNECTIONS = 32


def storage_client(project: str, endpoint: Endpoint | None) -> Client:
    """A client for Google, or for `endpoint`. Raises ValueError for an endpoint without TLS."""
    if endpoint is not None and not endpoint.address.startswith("https://"):
        raise ValueError("the storage endpoint must start with https://")
    credentials = _credentials(endpoint)
    session = AuthorizedSession(credentials)  # type: ignore[no-untyped-call] # Google's
    session.trust_env = False
    session.mount("https://", HTTPAdapter(pool_maxsize=CONNECTIONS))
    if endpoint is None:
        return Client(project=project, credentials=credentials, _http=session)
    if endpoint.ca_file is not None:
        session.verify = str(endpoint.ca_file)
    options = {"api_endpoint": endpoint.address}
    return Client(project=project, credentials=credentials, _http=session, client_options=options)


def _credentials(endpoint: Endpoint | None) -> Credentials:
    if endpoint is None:
        return google.auth.default(scopes=[_SCOPE])[0]
    if endpoint.token:
        return TokenCredentials(endpoint.token)  # type: ignore[no-untyped-call] # Google's
    return AnonymousCredentials()  # type: ignore[no-untyped-call] # Google's
