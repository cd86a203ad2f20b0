"""The TLS every outgoing request uses."""

from __future__ import annotations

import ssl
from pathlib import Path


def tls_context(ca_file: Path | str | None = None) -> ssl.SSLContext:
    """A client context: TLS 1.2 or later, certificate and host name checked.

    `ca_file` (PEM) replaces the machine's own authorities; a sandbox's throw-away authority is given that way.
    """
    context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    return context
