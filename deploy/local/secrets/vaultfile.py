"""Secrets and their versions in one JSON file, replaced as a whole with each change; and what Cloud Run mounts of them."""

import base64
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

import google_crc32c


class State(StrEnum):
    """States of a version, with Google's names."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"
    DESTROYED = "DESTROYED"


@dataclass(frozen=True, slots=True)
class Version:
    """One value of a secret. `created` is seconds since 1970; the payload is empty once destroyed."""

    created: float
    state: State
    payload: bytes = field(repr=False)

    @property
    def checksum(self) -> int:
        """CRC-32C of the payload, which Google's clients verify."""
        value: int = google_crc32c.value(self.payload)
        return value


@dataclass(frozen=True, slots=True)
class Secret:
    """A named secret; version numbers start at 1 and are never reused."""

    created: float
    labels: dict[str, str] = field(default_factory=dict)
    versions: tuple[Version, ...] = ()


class SecretFile:
    """Reads the file at the start and writes all of it, flushed to the device, on every change."""

    def __init__(self, path: Path, mounts: Mapping[str, Path] | None = None) -> None:
        """`mounts`: the file in which a secret's latest version is found where it is mounted, by the secret's name."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._mounts = dict(mounts or {})
        self.secrets: dict[str, Secret] = _read(path) if path.exists() else {}
        for name in self._mounts:
            self._show(name)

    def put(self, name: str, secret: Secret) -> None:
        changed = {**self.secrets, name: secret}
        self._write(changed)
        self.secrets = changed
        self._show(name)

    def set_state(self, name: str, number: int, state: State) -> Version:
        """Changes one version's state; destroying it wipes the payload from memory and file."""
        secret = self.secrets[name]
        old = secret.versions[number - 1]
        new = replace(old, state=state, payload=b"" if state is State.DESTROYED else old.payload)
        versions = (*secret.versions[: number - 1], new, *secret.versions[number:])
        self.put(name, replace(secret, versions=versions))
        return new

    def _show(self, name: str) -> None:
        """Where it is mounted: the latest version, and no file where that cannot be read."""
        file = self._mounts.get(name)
        if file is None:
            return
        secret = self.secrets.get(name)
        if secret is None or not secret.versions or secret.versions[-1].state is not State.ENABLED:
            file.unlink(missing_ok=True)
            return
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = file.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as content:
            content.write(secret.versions[-1].payload)
        partial.replace(file)

    def _write(self, secrets: dict[str, Secret]) -> None:
        partial = self._path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({name: _encode(secret) for name, secret in secrets.items()}, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)
        directory = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(directory)
        finally:
            os.close(directory)


def _encode(secret: Secret) -> dict[str, object]:
    versions = [[v.created, v.state.value, base64.b64encode(v.payload).decode()] for v in secret.versions]
    return {"created": secret.created, "labels": secret.labels, "versions": versions}


def _read(path: Path) -> dict[str, Secret]:
    content = json.loads(path.read_text())
    return {
        name: Secret(
            kept["created"],
            kept["labels"],
            tuple(Version(created, State(state), base64.b64decode(data)) for created, state, data in kept["versions"]),
        )
        for name, kept in content.items()
    }
