"""Keys and their versions in one JSON file: made at the first start, never changed afterwards except by adding."""

import base64
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path

KEY_BYTES = 32
"""AES-256, as Google's symmetric keys."""


class KeyFile:
    """Key material by resource name."""

    def __init__(self, path: Path, names: Iterable[str]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._keys: dict[str, bytes] = _read(path) if path.exists() else {}
        missing = [name for name in names if name not in self._keys]
        if missing:
            self._keys |= {name: secrets.token_bytes(KEY_BYTES) for name in missing}
            _write(path, self._keys)

    def find(self, name: str) -> bytes | None:
        """The key called `name`."""
        return self._keys.get(name)


def _write(path: Path, keys: Mapping[str, bytes]) -> None:
    partial = path.with_suffix(".partial")
    partial.unlink(missing_ok=True)
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump({name: base64.b64encode(key).decode() for name, key in keys.items()}, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _read(path: Path) -> dict[str, bytes]:
    return {name: base64.b64decode(text) for name, text in json.loads(path.read_text()).items()}
