"""The emulator's storage on disk, so that a killed process leaves whole files."""

from __future__ import annotations

import json
from pathlib import Path

from gcp_storage_emulator.settings import STORAGE_DIR as OBJECT_DIRECTORY
from gcp_storage_emulator.storage import Storage, _FileStore


class _DurableFiles(_FileStore):  # type: ignore[misc]  # the wheel has no types
    """Replaces files as a whole: a killed process leaves the old index or the new one, never half of one."""

    def write_bytes(self, rel: str, content: bytes) -> None:
        path: Path = self._disk_path(rel)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name[:200]}.partial")
        partial.write_bytes(content)
        partial.replace(path)


class DurableStorage(Storage):  # type: ignore[misc]  # the wheel has no types
    """The emulator's storage over those files.

    The emulator writes its whole index anew with each object, which takes longer the more there are. Here a new object is a line of a
    journal beside the index; whatever else changes writes the index and drops the journal. A line whose object is not there is not
    heeded: it was deleted, and the process killed before the journal was dropped.
    """

    objects: dict[str, dict[str, object]]

    def __init__(self, directory: Path) -> None:
        root = directory.resolve() / OBJECT_DIRECTORY
        self._journal = root / ".journal"
        self._new: tuple[str, str] | None = None
        super().__init__(data_dir=str(directory.resolve()))
        self._store = _DurableFiles(use_memory=False, root=root)

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: dict[str, object], file_id: str | None = None
    ) -> None:
        self._new = (bucket_name, file_name) if file_id is None else None
        try:
            super().create_file(bucket_name, file_name, content, file_obj, file_id)
        finally:
            self._new = None

    def _write_config_to_file(self) -> None:
        if self._new is None:
            super()._write_config_to_file()
            self._journal.unlink(missing_ok=True)
            return
        bucket, name = self._new
        line = json.dumps([bucket, name, self.objects[bucket][name]])
        with self._journal.open("ab") as journal:
            journal.write(line.encode() + b"\n")

    def _read_config_from_file(self) -> None:
        super()._read_config_from_file()
        lines = self._journal.read_bytes().splitlines(keepends=True) if self._journal.exists() else []
        for line in lines:
            if not line.endswith(b"\n"):  # killed while writing: nobody was told that the object is there
                continue
            bucket, name, found = json.loads(line)
            if self._store.exists_file(self._object_path(bucket, name)):
                self.objects.setdefault(bucket, {})[name] = found
