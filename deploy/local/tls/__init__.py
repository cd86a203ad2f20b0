"""Certificates for everything on this machine: a throw-away authority nobody else trusts.

    authority = Authority.open(directory)
    server = authority.server("broker")        # server.chain, server.key: PEM files
    context = authority.client_context()       # trusts this authority and nothing else

Not for production, where the platform terminates TLS with real certificates.
"""

from local.tls.authority import Authority, ServerCertificate

__all__ = ["Authority", "ServerCertificate"]
