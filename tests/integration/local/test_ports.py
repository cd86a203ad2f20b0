"""Ports for those who listen: nobody else's, and none that a connection that goes out could be given before they do."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from local.stack.ports import PREFERRED, Ports, free_port

_GIVEN_OUT = Path("/proc/sys/net/ipv4/ip_local_port_range")


@pytest.fixture
def first_given_out() -> int:
    """The first of the ports that this system gives to connections that go out."""
    if not _GIVEN_OUT.exists():
        pytest.skip(f"there is no {_GIVEN_OUT}")
    return int(_GIVEN_OUT.read_text().split()[0])


def test_ports_are_below_those_of_connections_that_go_out(tmp_path: Path, first_given_out: int) -> None:
    chosen = Ports.choose(tmp_path / "ports.json", fixed=False).numbers
    assert set(chosen) == set(PREFERRED)
    assert len(set(chosen.values())) == len(chosen)
    assert max(*chosen.values(), *(free_port() for _ in range(50))) < first_given_out


def test_a_port_of_last_time_that_is_taken_is_replaced(tmp_path: Path) -> None:
    kept = tmp_path / "ports.json"
    with socket.create_server(("127.0.0.1", free_port())) as taken:
        number = int(taken.getsockname()[1])
        kept.write_text(json.dumps({"storage": number}))
        chosen = Ports.choose(kept, fixed=True)
    assert chosen.replaced["storage"] == number
    assert chosen["storage"] != number
    assert json.loads(kept.read_text()) == chosen.numbers
