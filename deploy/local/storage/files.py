"""The emulator's storage on disk, so that a killed process leaves whole files."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gcp_storage_emulator.settings import STORAGE_DIR as OBJECT_DIRECTORY
from gcp_storage_emulator.storage import Storage, _FileStore


class _DurableFiles(_FileStore):  # type: ignore[misc]  # the wheel has no types
    """Replaces files as a whole: a killed process leaves the old index or the new one, never half of one."""

    def write_bytes(self, rel: str, content: bytes) -> None:
        # As text: each object is written once, and a path takes longer to put together than its file to write.
        path = f"{self._root}/{self._norm(rel)}"
        folder, _, name = path.rpartition("/")
        partial = f"{folder}/.{name[:200]}.partial"
        try:
            _write(partial, content)
        except FileNotFoundError:
            os.makedirs(folder, exist_ok=True)
            _write(partial, content)
        os.replace(partial, path)


def _write(path: str, content: bytes) -> None:
    with open(path, "wb", buffering=0) as file:
        rest = memoryview(content)
        while rest:
            rest = rest[file.write(rest) :]


class DurableStorage(Storage):  # type: ignore[misc]  # the wheel has no types
    """The emulator's storage over those files.

    The emulator writes its whole index anew with each object, which takes longer the more there are. Here an object that is new or
    deleted is a line of a journal beside the index; whatever else changes writes the index and drops the journal. A line whose object is
    not there is not heeded: it was deleted, and the process killed before that was written down.

    Names of deleted objects stand in the index and the journal until `settle` writes the index without them.
    """

    objects: dict[str, dict[str, object]]

    def __init__(self, directory: Path) -> None:
        root = directory.resolve() / OBJECT_DIRECTORY
        self._journal = root / ".journal"
        self._lines: io.FileIO | None = None
        self._one: tuple[str, str] | None = None
        self.unsettled = False
        super().__init__(data_dir=str(directory.resolve()))
        self._store = _DurableFiles(use_memory=False, root=root)

    def close(self) -> None:
        """Write down what there is, and let go of the journal."""
        self.settle()
        self._let_go()

    def settle(self) -> None:
        """Write the index anew where it still names something that was deleted."""
        if self.unsettled:
            self._write_config_to_file()

    def create_file(
        self, bucket_name: str, file_name: str, content: bytes, file_obj: dict[str, object], file_id: str | None = None
    ) -> None:
        with self._line_for(None if file_id else (bucket_name, file_name)):
            super().create_file(bucket_name, file_name, content, file_obj, file_id)

    def _hard_delete_file(self, bucket_name: str, file_name: str) -> None:
        with self._line_for((bucket_name, file_name)):
            super()._hard_delete_file(bucket_name, file_name)
            self.unsettled = True

    @contextmanager
    def _line_for(self, one: tuple[str, str] | None) -> Iterator[None]:
        self._one = one
        try:
            yield
        finally:
            self._one = None

    def _write_config_to_file(self) -> None:
        if self._one is None:
            super()._write_config_to_file()
            self._let_go()
            self._journal.unlink(missing_ok=True)
            self.unsettled = False
            return
        bucket, name = self._one
        line = json.dumps([bucket, name, self.objects[bucket].get(name)])
        if self._lines is None:
            self._lines = io.FileIO(self._journal, "ab")
        self._lines.write(line.encode() + b"\n")

    def _let_go(self) -> None:
        if self._lines is not None:
            self._lines.close()
            self._lines = None

    def _read_config_from_file(self) -> None:
        super()._read_config_from_file()
        for line in self._whole_lines():
            bucket, name, found = json.loads(line)
            if found is None:
                self.objects.setdefault(bucket, {}).pop(name, None)
                self.unsettled = True
            elif self._store.exists_file(self._object_path(bucket, name)):
                self.objects.setdefault(bucket, {})[name] = found

    def _whole_lines(self) -> list[bytes]:
        """The journal, without a line that a killed process left half: nobody was told of its object, and the next would be added to it."""
        content = self._journal.read_bytes() if self._journal.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            os.truncate(self._journal, len(whole))
        return whole.splitlines()
