"""What an image's health check says of a service that lives, one that does not, and one that is not there."""

from __future__ import annotations

import http.server
import os
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from house.image import PROBE
from house.projects import ROOT
from local.tls import Authority


class _Service(http.server.BaseHTTPRequestHandler):
    status = 200

    def do_GET(self) -> None:
        self.send_response(self.status if self.path == "/livez" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[http.server.HTTPServer]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Service) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def asked(port: int | str, **more: str) -> subprocess.CompletedProcess[str]:
    # A proxy in the environment, which is not asked.
    environment = {"PATH": os.environ["PATH"], "CALLMINE_PORT": str(port), "http_proxy": "http://127.0.0.1:1", **more}
    return subprocess.run(
        [sys.executable, ROOT / PROBE], env=environment, capture_output=True, text=True, check=False, timeout=60
    )


def test_a_service_that_lives(service: http.server.HTTPServer) -> None:
    assert asked(service.server_port).returncode == 0


def test_one_that_does_not(service: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_Service, "status", 503)
    assert asked(service.server_port).returncode == 1


@pytest.mark.parametrize("port", ["1", ""])
def test_none_at_all(port: str) -> None:
    done = asked(port)
    assert done.returncode == 1
    assert done.stderr.startswith("http://127.0.0.1:")
    assert "Traceback" not in done.stderr


def test_by_tls_where_it_is_served_and_only_with_the_right_authority(
    service: http.server.HTTPServer, tmp_path: Path
) -> None:
    authority = Authority.open(tmp_path / "tls")
    certificate = authority.server("services")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.chain, certificate.key)
    service.socket = context.wrap_socket(service.socket, server_side=True)
    secured = {"CALLMINE_TLS_CERT": str(certificate.chain)}
    assert asked(service.server_port, **secured, CALLMINE_CA_FILE=str(authority.ca_file)).returncode == 0
    assert asked(service.server_port, **secured).returncode == 1
