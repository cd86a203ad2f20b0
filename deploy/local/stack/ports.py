"""Which ports the parts listen on: the ones of last time where they are free, others where they are not."""

from __future__ import annotations

import json
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from contracts.registry import SERVICES

# The front door first: it is the one that people type.
PREFERRED = {"front-door": 8400, "sandbox": 8410, "broker": 8411, "storage": 8412, "secrets": 8413} | {
    service: 8420 + number for number, service in enumerate(SERVICES)
}

# Below those that systems give to connections that go out (Linux from 32768 on): between the choice of a port and the start of whoever
# listens on it, one of these could have it.
_FIRST, _AFTER, _TRIES = 10_240, 32_768, 1_000


@dataclass(frozen=True, slots=True)
class Ports:
    """A port for each part; `replaced` says which preferred ones were taken."""

    numbers: dict[str, int]
    replaced: dict[str, int]

    def __getitem__(self, part: str) -> int:
        """The port of `part`."""
        return self.numbers[part]

    @classmethod
    def choose(cls, kept: Path, *, fixed: bool) -> Ports:
        """Free ports, written to `kept`. `fixed` prefers those of last time, then PREFERRED; otherwise any will do."""
        wanted = (PREFERRED | _read(kept)) if fixed else dict.fromkeys(PREFERRED, 0)
        numbers: dict[str, int] = {}
        open_sockets = []
        for part, port in wanted.items():
            listener = (_listen(port) if port else None) or _listen_anywhere()
            open_sockets.append(listener)  # held until all are chosen, so that no port is given out twice
            numbers[part] = int(listener.getsockname()[1])
        for listener in open_sockets:
            listener.close()
        kept.write_text(json.dumps(numbers))
        return cls(numbers, {part: port for part, port in wanted.items() if port and numbers[part] != port})


def free_port() -> int:
    """A port that nobody listens on: for an instance of a service, whose address is another one."""
    with _listen_anywhere() as listener:
        return int(listener.getsockname()[1])


def _listen_anywhere() -> socket.socket:
    for _ in range(_TRIES):
        if (listener := _listen(_FIRST + secrets.randbelow(_AFTER - _FIRST))) is not None:
            return listener
    raise OSError("no free port on 127.0.0.1")


def _read(kept: Path) -> dict[str, int]:
    return dict(json.loads(kept.read_text())) if kept.exists() else {}


def _listen(port: int) -> socket.socket | None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
        listener.listen()
    except OSError:
        listener.close()
        return None
    return listener
