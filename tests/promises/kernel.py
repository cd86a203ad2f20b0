"""Which sockets the system's processes have, by the kernel's own list (proc(5)): nothing that a program says of itself."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_LISTENING, _ESTABLISHED = "0A", "01"


@dataclass(frozen=True, slots=True)
class Socket:
    """One TCP socket: its own port, and the address at the other end (of a listener: none)."""

    host: str
    port: int
    peer: str
    peer_port: int
    listens: bool


def sockets_of(roots: Iterable[int]) -> set[Socket]:
    """The listening and connected TCP sockets of the processes `roots` and of all below them."""
    pids = _with_descendants(set(roots))
    inodes = {inode for pid in pids for inode in _inodes(pid)}
    if not pids:
        return set()
    namespace = next(iter(pids))
    return {one for name in ("tcp", "tcp6") for inode, one in _table(namespace, name) if inode in inodes}


def _with_descendants(roots: set[int]) -> set[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                # The name may hold spaces and brackets; the parent is the second field after its closing one.
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError, ValueError):
                continue
    found = {pid for pid in roots if pid in parents}
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def _inodes(pid: int) -> Iterator[str]:
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")
        except OSError:
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def _table(pid: int, name: str) -> Iterator[tuple[str, Socket]]:
    try:
        lines = Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        if fields[3] in {_LISTENING, _ESTABLISHED}:
            (host, port), (peer, peer_port) = _address(fields[1]), _address(fields[2])
            yield fields[9], Socket(host, port, peer, peer_port, fields[3] == _LISTENING)


def _address(text: str) -> tuple[str, int]:
    """`0100007F:1F90`: the address in words of 32 bits, each in the machine's order (little-endian here), and the port."""
    host, _, port = text.partition(":")
    raw = bytes.fromhex(host)
    ordered = b"".join(raw[place : place + 4][::-1] for place in range(0, len(raw), 4))
    address = ipaddress.ip_address(ordered)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)


def is_loopback(host: str) -> bool:
    """Whether an address is this machine's own."""
    return ipaddress.ip_address(host).is_loopback
