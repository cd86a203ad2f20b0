"""A certificate authority kept in a directory, and server certificates for loopback signed by it."""

import os
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import trustme
from cryptography import x509

LOOPBACK = ("127.0.0.1", "localhost", "::1")
RENEW_BEFORE = timedelta(days=7)
LIFETIME = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Paths of one server's PEM files; the key is readable by its owner only."""

    chain: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """For a server in this process."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.chain, self.key)
        return context


class Authority:
    """Made once per directory and reloaded afterwards, so that clients may keep `ca.pem` over restarts."""

    __slots__ = ("_ca", "directory")

    def __init__(self, directory: Path, ca: trustme.CA) -> None:
        self.directory = directory
        self._ca = ca

    @classmethod
    def open(cls, directory: Path) -> Self:
        """Loads the authority of that directory, or makes one."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        directory.chmod(0o700)
        certificate, key = directory / "ca.pem", directory / "ca-key.pem"
        if certificate.exists() and key.exists():
            return cls(directory, trustme.CA.from_pem(certificate.read_bytes(), key.read_bytes()))
        ca = trustme.CA()
        _write(key, ca.private_key_pem.bytes())
        _write(certificate, ca.cert_pem.bytes())
        return cls(directory, ca)

    @property
    def ca_file(self) -> Path:
        """PEM of the authority: what clients verify with."""
        return self.directory / "ca.pem"

    @property
    def ca_pem(self) -> bytes:
        return self.ca_file.read_bytes()

    def server(self, name: str) -> ServerCertificate:
        """The certificate of the server called `name` for loopback addresses; renewed a week before it ends."""
        certificate = ServerCertificate(self.directory / f"{name}.pem", self.directory / f"{name}-key.pem")
        if not self._usable(certificate):
            issued = self._ca.issue_cert(*LOOPBACK, common_name=f"{name} on localhost", not_after=_expiry())
            _write(certificate.key, issued.private_key_pem.bytes())
            _write(certificate.chain, b"".join(blob.bytes() for blob in issued.cert_chain_pems))
        return certificate

    def client_context(self) -> ssl.SSLContext:
        """For clients in this process: trusts this authority and no other."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.ca_file)
        return context

    def _usable(self, certificate: ServerCertificate) -> bool:
        if not certificate.chain.exists() or not certificate.key.exists():
            return False
        leaf = x509.load_pem_x509_certificate(certificate.chain.read_bytes())
        ca = x509.load_pem_x509_certificate(self.ca_pem)
        return leaf.issuer == ca.subject and leaf.not_valid_after_utc - datetime.now(UTC) > RENEW_BEFORE


def _expiry() -> datetime:
    return datetime.now(UTC) + LIFETIME


def _write(path: Path, content: bytes) -> None:
    """Owner-only from the first byte on, and replaced as a whole."""
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    partial.replace(path)
