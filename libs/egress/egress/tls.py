"""The TLS every outgoing request uses."""

from __future__ import annotations

import ssl
from pathlib import Path


def tls_context(ca_file: Path | str | None = None) -> ssl.SSLContext:
    """A client context: TLS 1.2 or later, certificate and host name checked.

    `ca_file` (PEM) replaces the machine's own authorities; a sandbox's throw-away authority is given that way.
    Nothing is taken from the environment: neither authorities (SSL_CERT_FILE, SSL_CERT_DIR) nor a file to write
    session keys to (SSLKEYLOGFILE), both of which `ssl.create_default_context` obeys. Raises OSError where there
    are no authorities.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = True
    context.verify_mode = ssl.CERT_REQUIRED
    if ca_file:
        context.load_verify_locations(cafile=str(ca_file))
    else:
        _trust_machine(context)
    return context


def _trust_machine(context: ssl.SSLContext) -> None:
    """Trust the authorities at the places that OpenSSL was built with."""
    places = ssl.get_default_verify_paths()
    file = places.openssl_cafile if Path(places.openssl_cafile).is_file() else None
    folder = places.openssl_capath if Path(places.openssl_capath).is_dir() else None
    if not file and not folder:
        raise FileNotFoundError("this machine has no certificate authorities where OpenSSL looks for them")
    context.load_verify_locations(cafile=file, capath=folder)
